"""Both providers as the service really has them: they repeat, double and delay their webhooks, and note what reached them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from backend.gateways.http import HttpError
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fake_twilio import FakeTwilio
from tests.fakes.server import Answer, Poster, Request

DOOR = "http://door"
"""What the fakes take for the service's address; the courier chooses the process behind it."""
STORED_WITHIN_S = 180.0
DOUBLED = 0.08
DELAYED = 0.15
LONGEST_DELAY_S = 1.5
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message that a provider took, at a moment of the monotonic clock. `outgoing`: our own id, where it carries one."""

    at: float
    channel: str
    address: str
    text: str
    outgoing: int | None = None


class NeverStoredError(Exception):
    """A webhook found nobody who answered 2xx."""


class Courier(Poster):
    """Brings webhooks to one of several processes: late, twice at once, and again until somebody answers 2xx."""

    def __init__(self, doors: Sequence[str], dice: random.Random) -> None:
        super().__init__(STORED_WITHIN_S)
        self.doubled = 0
        self.reposted = 0
        self._doors = itertools.cycle(doors)
        self._dice = dice
        self._copies: set[asyncio.Task[None]] = set()
        self._over = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The first 2xx; status 0 once `give_up` was called. Raises NeverStoredError."""
        path = url.removeprefix(DOOR)
        if self._dice.random() < DELAYED:
            await asyncio.sleep(self._dice.random() * LONGEST_DELAY_S)
        if self._dice.random() < DOUBLED:
            self._double(path, body, headers, self._dice.random() * LONGEST_DELAY_S * self._dice.choice((0, 1)))
        until, pause = time.monotonic() + STORED_WITHIN_S, FIRST_PAUSE_S
        while time.monotonic() < until:
            answer = await self._once(path, body, headers)
            if 200 <= answer.status < 300:
                return answer
            if self._over:
                return answer
            self.reposted += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise NeverStoredError(f"{path} was not stored within {STORED_WITHIN_S:.0f} s")

    def give_up(self) -> None:
        """The service is going to stop: what nobody takes is not brought again."""
        self._over = True

    async def settle(self) -> None:
        """Wait for the copies that are under way."""
        while self._copies:
            await asyncio.wait(self._copies)

    async def close(self) -> None:
        await self.settle()
        await super().close()

    def _double(self, path: str, body: bytes, headers: Mapping[str, str], after: float) -> None:
        async def copy() -> None:
            await asyncio.sleep(after)
            await self._once(path, body, headers)

        self.doubled += 1
        task = asyncio.create_task(copy())
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _once(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            response = await self._http.request("POST", f"{next(self._doors)}{path}", content=body, headers=headers)
        except HttpError:
            return Answer(0)
        return Answer(response.status, response.content, response.headers)


class Telegram(FakeTelegram):
    """`accepted`: the updates that were answered with 2xx. `received`: the messages that it took, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: set[str] = set()
        self.received: list[Received] = []

    def reaches(self, courier: Courier, secret: str) -> None:
        self._poster = courier
        self.point_at(DOOR, secret)

    async def deliver(self, update: dict[str, Any]) -> int:
        status = await super().deliver(update)
        self.accepted.add(str(update["update_id"]))
        return status

    async def _send_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        sent = await super()._send_message(parameters)
        address = str(parameters["chat_id"])
        self.received.append(Received(time.monotonic(), "telegram", address, str(sent["text"])))
        return sent


class Twilio(FakeTwilio):
    """The same for WhatsApp."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: set[str] = set()
        self.received: list[Received] = []

    def reaches(self, courier: Courier, public_url: str) -> None:
        self._poster = courier
        self.point_at(DOOR, public_url)

    async def post(self, public: str, fields: dict[str, str], *, signature: str | None = None) -> int:
        status = await super().post(public, fields, signature=signature)
        if public == self.webhook:
            self.accepted.add(fields["MessageSid"])
        return status

    def _create(self, request: Request) -> Answer:
        answer = super()._create(request)
        message = self.sent[-1]
        outgoing = int(parse_qs(urlsplit(message.callback).query)["outgoing"][0])
        self.received.append(Received(time.monotonic(), "whatsapp", message.to, message.text, outgoing))
        return answer
