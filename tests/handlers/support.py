"""The worker layer on a real database, with a channel that remembers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import select

from backend.bus import Topic
from backend.bus.memory import MemoryBus
from backend.db import Database
from backend.models import Conversation, Inbox, Outbox, table
from backend.services.facts import FactsLoader
from backend.services.records import Terms
from bot.events import Event, PhotoRef, Text, Understanding
from bot.handlers.channel import FetchError, Inbound, Limits, Outgoing, SendError, Sent
from bot.handlers.commands import RECORDS, bound_record
from bot.handlers.intake import Intake
from bot.handlers.outbox import Sender
from bot.handlers.turns import RecordExecutor, TurnWorker
from bot.texts import Catalogue

CATALOGUE = Catalogue()
INBOX, OUTBOX, CHATS = table(Inbox), table(Outbox), table(Conversation)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def passes(self, **span: float) -> None:
        self.time += timedelta(**span)


class Understanding24:
    """Understands nothing, and can be told to break on a word."""

    name = "test"

    async def understand(self, texts: Sequence[str]) -> list[Understanding]:
        return [Understanding("nlu_fallback", 0.0) for _ in texts]


@dataclass
class Recording:
    """A channel that keeps what it was handed, and fails as told."""

    name: str = "simulator"
    limits: Limits = field(default_factory=lambda: Limits(4096, 10, 64, 100_000))
    sent: list[Outgoing] = field(default_factory=list)
    faults: list[SendError] = field(default_factory=list)
    before: Callable[[], Awaitable[object]] | None = None
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def send(self, message: Outgoing) -> Sent:
        await asyncio.sleep(0)
        if self.before is not None:
            await self.before()
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(message)
        return Sent(f"p{next(self._ids)}")

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        raise FetchError("this channel keeps no photos", gone=True)

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        """Nothing is kept."""


def records() -> dict[str, RecordExecutor]:
    """The real executors of records; no job runs here."""
    terms = Terms(programme="PKH", auto_select=True)

    return {kind: bound_record(kind, function, terms) for kind, function in RECORDS.items()}


class Bench:
    """Intake, turns and sender over one database; nothing runs until `work` is called.

    `handing`: turns hand their replies to the sender, as in a process that has both.
    """

    def __init__(self, database: Database, *, handing: bool = False) -> None:
        self.database = database
        self.clock = Clock()
        self.bus = MemoryBus()
        self.channel = Recording()
        self.intake = Intake(database, self.bus, self.clock)
        self.nlu = Understanding24()
        self.sender = Sender(database, self.bus, {"simulator": self.channel}, self.clock)
        codes = count(1)
        self.turns = TurnWorker(
            database,
            self.bus,
            CATALOGUE,
            self.nlu,
            FactsLoader(),
            records(),
            self.clock,
            lambda: f"A{next(codes):05}",
            self.sender if handing else None,
        )
        self._messages = count(1)

    async def arrives(self, address: str, event: Event | str, provider_id: str = "") -> None:
        what = Text(event) if isinstance(event, str) else event
        known = provider_id or f"m{next(self._messages)}"
        await self.intake.accept([Inbound("simulator", address, known, what, message_ref=known)])

    async def rung(self, topic: Topic) -> list[int]:
        """What is waiting to be worked on right now."""
        try:
            return await asyncio.wait_for(self.bus.take(topic, 1000), 0.01)
        except TimeoutError:
            return []

    async def turn(self) -> None:
        while ids := await self.rung("turns"):
            await self.turns.run(ids)
            await self.bus.done("turns", ids)

    async def send(self) -> None:
        while ids := await self.rung("sends"):
            await self.sender.run(ids)
            await self.bus.done("sends", ids)

    async def work(self) -> None:
        await self.turn()
        await self.send()

    async def outbox(self) -> list[tuple[str, str, int]]:
        """(status, keys, attempts) of every outgoing message, oldest first."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(OUTBOX.c.status, OUTBOX.c["keys"], OUTBOX.c.attempts).order_by(OUTBOX.c.id)
            )
            return [(row.status, row.keys, row.attempts) for row in rows]

    async def pending(self) -> int:
        async with self.database.read() as connection:
            rows = await connection.execute(select(INBOX.c.id).where(INBOX.c.handled_at.is_(None)))
            return len(rows.all())
