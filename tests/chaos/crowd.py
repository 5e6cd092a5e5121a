"""Citizens who write: through the real webhooks of both providers, patiently or in haste, in order and out of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.commands.bench.script import numbers
from backend.gateways.http import HttpClient
from tests.chaos.providers import Telegram, Twilio
from tests.e2e.test_kill import Walker, nik
from tests.fakes.telegram_user import TelegramUser
from tests.fakes.twilio_user import TwilioUser

TURNS_A_CHAT = 40
SHORTEST_CHAT = 12
FEW = 100
"""So many chats there are at least, if that leaves each of them more than the journey to the name."""
TURNS_OF_A_FACE = 13
"""What `Walker.registers` says: ten texts, two photos and the start."""
CHATS_A_FACE = 20
HASTY = 0.3
KEPT = 0.75
"""So many have no active IKD: their registration is kept at the end of the journey. The others are asked for their face."""
HEARD_WITHIN_S = 4.0
PATIENCE_S = 240.0
"""For the next question of a registration: photos wait for a busy machine, and that is no fault."""
TALK = (
    "menu", "bantuan", "status", "daftar", "1", "2", "ya", "tidak", "ulangi", "batal", "apa itu PKH?", "terima kasih",
    "selamat siang", "syarat pendaftaran apa saja?", "berapa lama prosesnya?", "kurang paham", "12345", "🙏", "kembali",
)  # fmt: skip


@dataclass
class Chat:
    """One citizen, what they still want to say, and how they go about it."""

    user: TelegramUser | TwilioUser
    person: int
    texts: list[str]
    hasty: bool
    dice: random.Random
    heard: int = 0
    seen: list[Any] = field(default_factory=list)

    async def lives(self, think: float) -> None:
        for text in self.texts:
            await asyncio.sleep(self.dice.expovariate(1 / think))
            await self._listens()
            last = self.user.last
            if last is not None and last.buttons and text in TALK and self.dice.random() < 0.5:
                await self.user.taps(self.dice.choice(last.buttons)[1])
            else:
                await self._says(text)

    async def _says(self, text: str) -> None:
        if text == "/start" and isinstance(self.user, TelegramUser):
            await self.user.starts()
        else:
            await self.user.says(text.removeprefix("/start") or "menu")

    async def _listens(self) -> None:
        """A patient one waits for an answer to what was said, though not for ever."""
        if not self.hasty and self.user.heard.empty():
            try:
                await self.user.hears(HEARD_WITHIN_S)
            except TimeoutError:
                return
        while not self.user.heard.empty():
            await self.user.hears()


class Crowd:
    """`turns` messages by distinct people over about `seconds`. `chats` and `walkers` (who show their face) are who they are."""

    def __init__(self, telegram: Telegram, twilio: Twilio, dice: random.Random, turns: int, seconds: float) -> None:
        self._telegram = telegram
        self._twilio = twilio
        self._dice = dice
        self._seconds = seconds
        number = max(turns // TURNS_A_CHAT, min(turns // SHORTEST_CHAT, FEW), 4)
        faces = max(number // CHATS_A_FACE, 1)
        self.walkers = [Walker(telegram.user(5_400_000_000 + n), nik(n), patience=PATIENCE_S) for n in range(faces)]
        left = turns - faces * TURNS_OF_A_FACE
        plain = number - faces
        shares = [left // plain + (n < left % plain) for n in range(plain)]
        self.chats = [self._chat(person, share) for person, share in enumerate(shares)]

    def _chat(self, person: int, turns: int) -> Chat:
        dice = random.Random(self._dice.random())
        user: TelegramUser | TwilioUser
        if person % 2:
            user = self._twilio.user(f"+62813{person:08}", f"Warga {person}")
        else:
            user = self._telegram.user(5_300_000_000 + person, f"Warga {person}")
        nik_, kk = numbers(person)
        journey = ["/start", "daftar", "ya", nik_, kk, "1"][:turns]
        talk = [dice.choice(TALK) for _ in range(turns - len(journey))]
        return Chat(user, person, [*journey, *talk], dice.random() < HASTY, dice)

    async def lives(self, http: HttpClient, sandbox: str) -> None:
        """Until everybody has said everything. Raises what one of them met."""
        await self._know(http, sandbox)
        think = self._seconds / (max(len(chat.texts) for chat in self.chats) + 1)
        spread = self._seconds * 0.6 / len(self.walkers)
        lives = [
            *(asyncio.create_task(chat.lives(think)) for chat in self.chats),
            *(asyncio.create_task(self._registers(walker, spread * n)) for n, walker in enumerate(self.walkers)),
        ]
        try:
            await asyncio.gather(*lives)
        finally:
            await _ended(lives)

    async def _registers(self, walker: Walker, after: float) -> None:
        await asyncio.sleep(after)
        await walker.registers()

    async def _know(self, http: HttpClient, sandbox: str) -> None:
        """Tell IKD who has no active one."""
        kept: Sequence[Chat] = [chat for chat in self.chats if chat.dice.random() < KEPT]
        for chat in kept:
            await http.request(
                "POST", f"{sandbox}/sandbox/control", json={"nik": numbers(chat.person)[0], "ikd": "inactive"}
            )


async def _ended(lives: Sequence[asyncio.Task[None]]) -> None:
    """Nobody goes on; whoever was just being answered may not have noticed the first time."""
    left = {life for life in lives if not life.done()}
    while left:
        for life in left:
            life.cancel()
        _, left = await asyncio.wait(left, timeout=0.5)
