"""No query in a loop: a batch of 256 sends as many SQL statements as a batch of 8, and few."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from backend.db import Database
from bot.events import Event, Started, Text
from bot.handlers.channel import Inbound
from bot.handlers.outbox import Sender
from bot.handlers.pace import SharedPace
from tests.handlers.support import Bench
from tests.statements import sent_to

SIZES = (8, 256)


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def come(bench: Bench, size: int, event: Event, name: str) -> None:
    """One message from each of so many people, in one group."""
    await bench.intake.accept([Inbound("simulator", f"{size}-{n}", f"{name}-{size}-{n}", event) for n in range(size)])


async def cost(bench: Bench, work: Awaitable[None]) -> list[str]:
    with sent_to(bench.database) as statements:
        await work
    return statements


async def test_messages_are_stored_a_set_at_a_time(bench: Bench) -> None:
    costs = {}
    for size in SIZES:
        costs[size, "new"] = await cost(bench, come(bench, size, Started(), "first"))
        costs[size, "known"] = await cost(bench, come(bench, size, Text("halo"), "second"))
    assert costs[8, "new"] == costs[256, "new"]
    assert costs[8, "known"] == costs[256, "known"]
    assert len(costs[256, "new"]) <= 4
    assert len(costs[256, "known"]) == 1


async def test_turns_are_read_advanced_and_written_a_set_at_a_time(bench: Bench) -> None:
    """The welcome, a journey's first question, and an answer that writes records."""
    costs = {}
    events: tuple[Event, ...] = (Started(), Text("daftar"), Text("ya"))
    for size in (1, *SIZES):  # the first one reads what is then kept, the names of the regions
        for step, event in enumerate(events):
            await come(bench, size, event, f"step{step}")
            chats = await bench.rung("turns")
            assert len(chats) == size
            costs[size, step] = await cost(bench, bench.turns.run(chats))
            await bench.bus.done("turns", chats)
            await bench.send()
    for step in range(3):
        assert costs[8, step] == costs[256, step]
        assert len(costs[256, step]) <= 10
    assert len(bench.channel.sent) == 3 * (1 + sum(SIZES))


@pytest.mark.parametrize("shared", [False, True], ids=["own pace", "shared pace"])
async def test_messages_are_claimed_paced_and_settled_a_set_at_a_time(bench: Bench, shared: bool) -> None:
    if shared:
        bench.sender = Sender(
            bench.database,
            bench.bus,
            {"simulator": bench.channel},
            bench.clock,
            SharedPace(bench.database, bench.clock),
        )
    for size in SIZES:
        await come(bench, size, Started(), "first")
        await bench.turn()
        chats = await bench.rung("sends")
        assert len(chats) == size
        statements = await cost(bench, bench.sender.run(chats))
        await bench.bus.done("sends", chats)
        # What is settled goes in one or two groups, as the provider's answers come.
        assert len(statements) <= 6 + shared * 3
    assert len(bench.channel.sent) == sum(SIZES)
