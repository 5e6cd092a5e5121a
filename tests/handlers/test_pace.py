"""One pace for an account, whoever sends: kept by four senders at once, held when a provider says so, replies first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import text

from backend.bus.memory import MemoryBus
from backend.db import Database
from backend.repositories import conversations, outbox
from backend.repositories.pace import BULK_AHEAD, LONGEST_WAIT
from bot.handlers.channel import Limits, Outgoing, SendError, Sent
from bot.handlers.outbox import Sender
from bot.handlers.pace import MemoryPace, Pace, SharedPace
from tests.handlers.support import Recording

SOON = 0.7
"""Seconds by which a busy machine may be late within a test. Most clocks here tick once a second."""


def utcnow() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept_in(request: pytest.FixtureRequest) -> str:
    """The database that holds the clock; none for the clock of one process."""
    fixtures = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return str(request.getfixturevalue(fixtures[request.param])) if request.param in fixtures else ""


@pytest.fixture
async def pace(kept_in: str) -> AsyncIterator[Pace]:
    if not kept_in:
        yield MemoryPace(utcnow)
        return
    database = Database(kept_in)
    yield SharedPace(database, utcnow)
    await database.close()


async def waits(pace: Pace, count: int, *, bulk: bool = False, per_second: float = 1) -> list[float]:
    """What `count` messages that ask together must wait; nothing for those without a place."""
    places = await asyncio.gather(*(pace.place("a", per_second, bulk=bulk) for _ in range(count)))
    return [place.wait for place in places if place.taken]


async def test_messages_go_one_after_the_other(pace: Pace) -> None:
    found = [*await waits(pace, 3), *await waits(pace, 2)]
    assert found == pytest.approx([0, 1, 2, 3, 4], abs=SOON)


async def test_accounts_do_not_wait_for_each_other(pace: Pace) -> None:
    await waits(pace, 20)
    assert (await pace.place("b", 10, bulk=False)).wait == pytest.approx(0, abs=SOON)


async def test_a_place_too_far_ahead_is_not_reserved(pace: Pace) -> None:
    assert len(await waits(pace, 100)) == LONGEST_WAIT + 1
    later = await pace.place("a", 1, bulk=False)
    assert not later.taken
    assert later.wait == pytest.approx(LONGEST_WAIT + 1, abs=SOON)


async def test_an_account_that_is_held_reserves_nothing_until_then(pace: Pace) -> None:
    await pace.hold("a", 3.0)
    assert pace.held("a") == pytest.approx(3, abs=SOON)
    assert await waits(pace, 2) == pytest.approx([3, 4], abs=SOON)
    assert await waits(pace, 1, bulk=True) == []
    assert pace.held("b") == 0


async def test_a_broadcast_takes_what_replies_leave(pace: Pace) -> None:
    taken = await waits(pace, 200, bulk=True, per_second=100)
    assert len(taken) == pytest.approx(BULK_AHEAD * 100, abs=10)
    [reply] = await waits(pace, 1, per_second=100)
    assert reply <= BULK_AHEAD + 0.02, "a reply goes right behind what a broadcast has reserved"
    await waits(pace, 200, per_second=100)
    assert await waits(pace, 1, bulk=True, per_second=100) == []
    assert len(await waits(pace, 50, per_second=100)) == 50


async def test_replies_come_first_among_those_who_ask_together(pace: Pace) -> None:
    bulk, replies = await asyncio.gather(waits(pace, 200, bulk=True, per_second=100), waits(pace, 2, per_second=100))
    if isinstance(pace, SharedPace):
        assert max(replies) < min(bulk)
    assert len(replies) == 2


@dataclass
class Provider(Recording):
    """Writes down when each message came, and asks one chat to slow down once."""

    limits: Limits = field(default_factory=lambda: Limits(4096, 10, 64, 60))
    slow: str = ""
    came: list[tuple[float, str]] = field(default_factory=list)
    refused_at: float = 0.0

    async def send(self, message: Outgoing) -> Sent:
        now = asyncio.get_running_loop().time()
        self.came.append((now, message.address))
        if message.address == self.slow and not self.refused_at:
            self.refused_at = now
            raise SendError("429", retryable=True, retry_after=1.5)
        return await super().send(message)


async def fill(database: Database, chats: int, each: int) -> dict[str, int]:
    """Conversations with replies to send: their ids by address."""
    now = utcnow()
    async with database.write() as connection:
        keys = {("simulator", bytes([n])): {"address": f"c{n}", "phone": None} for n in range(chats)}
        ids = await conversations.open_chats(connection, keys, now)
        drafts = [
            outbox.Draft(i, "reply", "t", {"text": "t", "buttons": []}) for i in ids.values() for _ in range(each)
        ]
        await outbox.add(connection, drafts, now)
    return {f"c{key[1][0]}": chat for key, chat in ids.items()}


async def work(sender: Sender, bus: MemoryBus, ids: list[int], over: Callable[[], bool]) -> None:
    """What a process of the role sender does, until everything has gone."""
    await bus.ring("sends", ids)
    while not over():
        try:
            taken = await asyncio.wait_for(bus.take("sends", 32), 0.1)
        except TimeoutError:
            continue
        await sender.run(taken)
        await bus.done("sends", taken)


async def test_four_senders_keep_the_accounts_rate_and_a_refusal_of_one_chat_slows_only_that_chat(
    database_url: str,
) -> None:
    provider = Provider(slow="c7")
    async with AsyncExitStack() as stack:
        databases = [Database(database_url) for _ in range(4)]
        for database in databases:
            stack.push_async_callback(database.close)
        chats = await fill(databases[0], 40, 3)
        buses = [MemoryBus() for _ in databases]
        senders = [
            Sender(database, bus, {"simulator": provider}, utcnow, SharedPace(database, utcnow))
            for database, bus in zip(databases, buses, strict=True)
        ]
        ids = list(chats.values())
        loops = [
            work(s, b, ids[n:] + ids[:n], lambda: len(provider.sent) == 120)
            for n, (s, b) in enumerate(zip(senders, buses, strict=True))
        ]
        await asyncio.wait_for(asyncio.gather(*loops), 30)
    times = sorted(at for at, _ in provider.came)
    assert times[119] - times[0] > 1.8
    assert len({message.id for message in provider.sent}) == 120
    for n in range(len(times) - 60):
        assert times[n + 60] - times[n] > 0.75, "far more than sixty messages in a second"
    meanwhile = [at for at, address in provider.came if address != "c7" and 0 < at - provider.refused_at < 1.5]
    assert len(meanwhile) > 40, "the others went on"
    mine = sorted(at for at, address in provider.came if address == "c7" and at > provider.refused_at)
    assert mine[0] - provider.refused_at >= 1.5
    assert all(second > first for first, second in pairwise(mine))


async def test_what_one_sender_was_told_holds_the_account_for_all(database: Database) -> None:
    one, other = SharedPace(database, utcnow), SharedPace(database, utcnow)
    await one.hold("simulator", 2.0)
    assert (await other.place("simulator", 60, bulk=False)).wait == pytest.approx(2, abs=SOON)


async def test_without_the_clock_a_message_waits_instead_of_being_lost(database: Database) -> None:
    chats = await fill(database, 1, 1)
    provider = Provider()
    sender = Sender(database, MemoryBus(), {"simulator": provider}, utcnow, SharedPace(database, utcnow))
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE pace RENAME TO pace_away"))
    await sender.run(list(chats.values()))
    assert provider.came == []
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE pace_away RENAME TO pace"))
        found = await connection.execute(text("SELECT status, attempts FROM outbox"))
        assert found.one() == ("queued", 0)
