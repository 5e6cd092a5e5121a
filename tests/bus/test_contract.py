"""What every bus promises, on both: nothing that rings is lost, and no id is in two hands."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from backend.bus import Bus, Topic
from backend.bus.retries import MOST_DELIVERIES
from backend.db import Database
from backend.models import Inbox, table
from backend.sweep import RUNG_BY_NOW, Sweep
from bot.events import Started
from tests.handlers.support import Bench

SOON = 5.0


async def taken(bus: Bus, topic: Topic = "turns", most: int = 100, within: float = SOON) -> list[int]:
    return await asyncio.wait_for(bus.take(topic, most), within)


async def silent(bus: Bus, topic: Topic = "turns", seconds: float = 0.3) -> bool:
    try:
        await taken(bus, topic, within=seconds)
    except TimeoutError:
        return True
    return False


async def test_what_rings_is_taken_once_and_other_topics_hear_nothing(bus: Bus) -> None:
    await bus.ring("turns", [3, 1, 3, 2])
    assert sorted(await taken(bus)) == [1, 2, 3]
    await bus.done("turns", [1, 2, 3])
    assert await silent(bus)
    assert await silent(bus, "sends", 0.05)


async def test_an_id_that_rings_while_it_is_worked_on_comes_again_afterwards(bus: Bus) -> None:
    await bus.ring("turns", [7])
    assert await taken(bus) == [7]
    await bus.ring("turns", [7, 8])
    assert await taken(bus) == [8], "7 is in somebody's hands"
    assert await silent(bus)
    await bus.done("turns", [7])
    assert await taken(bus) == [7]


async def test_what_is_given_back_comes_again_after_its_pause_and_then_later(bus: Bus) -> None:
    await bus.ring("turns", [5])
    pauses = []
    assert await taken(bus) == [5]
    for _ in range(3):
        await bus.again("turns", [5], 0.2)
        begun = time.monotonic()
        assert await taken(bus) == [5]
        pauses.append(time.monotonic() - begun)
    assert [pause > least for pause, least in zip(pauses, (0.19, 0.38, 0.76), strict=True)] == [True] * 3, pauses


async def test_a_ring_with_a_delay_waits_for_it_and_holds_up_nobody(bus: Bus) -> None:
    begun = time.monotonic()
    await bus.ring("turns", [1], 0.4)
    await bus.ring("turns", [2])
    assert await taken(bus) == [2]
    assert time.monotonic() - begun < 0.3
    assert await taken(bus) == [1]
    assert time.monotonic() - begun >= 0.39


async def test_many_ids_come_in_batches_of_the_size_asked_for_and_none_is_missing(bus: Bus) -> None:
    await bus.ring("sends", range(5_000))
    seen: Counter[int] = Counter()
    while len(seen) < 5_000:
        batch = await taken(bus, "sends", 256)
        assert 0 < len(batch) <= 256
        assert len(set(batch)) == len(batch)
        seen.update(batch)
        await bus.done("sends", batch)
    assert set(seen.values()) == {1}
    assert await silent(bus, "sends")


async def test_no_id_is_in_two_hands_and_the_last_ring_is_heard(bus: Bus) -> None:
    """Takers side by side, rings at any moment: after the last ring of an id it is taken once more."""
    in_hand: set[int] = set()
    rung: dict[int, float] = {}
    taken_at: dict[int, float] = {}

    async def take() -> None:
        while True:
            ids = await bus.take("turns", 8)
            assert not in_hand & set(ids), "in two hands"
            in_hand.update(ids)
            taken_at.update(dict.fromkeys(ids, time.monotonic()))
            await asyncio.sleep(0.003)
            in_hand.difference_update(ids)
            await bus.done("turns", ids)

    takers = [asyncio.create_task(take()) for _ in range(4)]
    for number in range(300):
        known = number * 7 % 20
        rung[known] = time.monotonic()
        await bus.ring("turns", [known])
        await asyncio.sleep(0.002)
    await asyncio.sleep(1.0)
    assert not [taker for taker in takers if taker.done()]
    for taker in takers:
        taker.cancel()
    assert all(taken_at[known] >= rung[known] for known in rung)


async def test_what_fails_every_time_is_given_up_on_with_its_reason_and_others_go_on(bus: Bus) -> None:
    given_up: list[tuple[str, int, str]] = []

    async def told(topic: Topic, known: int, reason: str) -> None:
        given_up.append((topic, known, reason))

    bus.on_given_up = told
    await bus.ring("jobs", [1, 2])
    tries: Counter[int] = Counter()
    while not given_up:
        for known in await taken(bus, "jobs"):
            tries[known] += 1
            if known == 1:
                await bus.again("jobs", [known], 0.01, "ValueError")
            else:
                await bus.done("jobs", [known])
    assert given_up == [("jobs", 1, "ValueError")]
    assert MOST_DELIVERIES <= tries[1] <= 2 * MOST_DELIVERIES
    assert await silent(bus, "jobs")
    await bus.ring("jobs", [1])
    assert await taken(bus, "jobs") == [1], "a new ring is a new beginning"


async def test_who_listens_hears_what_is_told_meanwhile(bus: Bus) -> None:
    await bus.tell("simulator.a", 1)
    async with bus.hear("simulator.a") as one, bus.hear("simulator.b") as other:
        await asyncio.sleep(0.05)
        await bus.tell("simulator.a", 2)
        await bus.tell("simulator.b", 3)
        assert (await asyncio.wait_for(one.get(), SOON), await asyncio.wait_for(other.get(), SOON)) == (2, 3)


async def test_after_the_end_nothing_is_taken_any_more(bus: Bus) -> None:
    waiting = asyncio.create_task(bus.take("turns", 10))
    await asyncio.sleep(0.05)
    await bus.stop_taking()
    await bus.ring("turns", [1])
    await asyncio.sleep(0.2)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize("alone", [True, False])
async def test_a_ring_that_was_lost_is_found_by_the_sweep(bus: Bus, database: Database, alone: bool) -> None:
    bench = Bench(database)
    await bench.arrives("a", Started())  # rings the bench's own bus: to this one it is lost
    sweep = Sweep(database, bus, bench.clock, alone=alone)
    if not alone:
        await sweep.once()
        assert await silent(bus), "its ring may be on the way"
        bench.clock.passes(seconds=RUNG_BY_NOW.total_seconds() + 1)
    await sweep.once()
    assert await taken(bus) == [1]
    async with database.write() as connection:
        await connection.execute(update(table(Inbox)).values(handled_at=datetime.now(UTC) - timedelta(days=1)))
    await bus.done("turns", [1])
    await sweep.once()
    assert await silent(bus)
