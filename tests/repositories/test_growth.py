"""What a batch reads does not grow with what is stored: the hot path's statements, planned and run at two sizes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event, text

from backend.bus.memory import MemoryBus
from backend.commands.bench.grown import Size, grow
from backend.db import Database
from backend.partitions import listed
from backend.repositories import chats, jobs, outbox
from backend.sweep import Sweep
from bot.events import Text
from bot.handlers.channel import Inbound, Receipt
from bot.handlers.intake import Intake
from bot.handlers.receipts import Receipts
from tests.handlers.support import Bench

BATCH = 16
SMALL, LARGE = Size(1_000, 8_000), Size(10_000, 80_000)
Asked = list[tuple[str, Any]]


@pytest.fixture
async def grown(postgres_url: str) -> AsyncIterator[Bench]:
    database = Database(postgres_url)
    yield Bench(database)
    await database.close()


async def fill(bench: Bench, size: Size) -> None:
    async with bench.database.write() as connection:
        await connection.execute(
            text("TRUNCATE conversations, people, registrations, jobs, inbox, outbox RESTART IDENTITY CASCADE")
        )
    await grow(bench.database, size, bench.clock(), lambda number: f"g{number}", channel="simulator")


async def a_batch(bench: Bench, names: count[int]) -> None:
    """A message each from people of long ago, their turns, replies and receipts; the sweep, a job, an officer who reads."""
    now, name = bench.clock(), next(names)
    bench.intake = Intake(bench.database, bench.bus, bench.clock)  # of a process that has seen none of these chats yet
    said = [Inbound("simulator", f"g{n * 61}", f"m{name}-{n}", Text("bantuan")) for n in range(BATCH)]
    await bench.intake.accept(said)
    await bench.turn()
    sends = await bench.rung("sends")
    await bench.sender.run(sends)
    await bench.bus.done("sends", sends)
    await Sweep(bench.database, MemoryBus(), bench.clock, alone=False).once()
    last = f"p{len(bench.channel.sent)}"
    await Receipts(bench.database, bench.clock).take(Receipt(None, last, "delivered"))
    async with bench.database.write() as connection:
        ids = await jobs.add(connection, [jobs.JobDraft(n * 61 + 1, "x", {}) for n in range(BATCH)], now)
        await jobs.claim(connection, ids, ["x"], now)
        await jobs.finish(connection, ids, now)
        await outbox.cancel_open(connection, [1], "unreachable")
        await chats.lines(connection, 1, 20)


async def cost(bench: Bench, asked: Asked) -> dict[str, int]:
    """Pages touched by each of these statements, run once more and undone."""
    pages: dict[str, int] = {}
    for statement, values in asked:
        async with bench.database.engine.connect() as connection:
            # As an operator sets it for disks without moving parts.
            await connection.execute(text("SET LOCAL random_page_cost = 1.1"))
            found = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
            told = found.scalar_one()
            plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
            pages[statement] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            await connection.rollback()
    return pages


async def test_a_batch_touches_no_more_pages_in_a_tenfold_database(grown: Bench) -> None:
    names = count()
    costs = []
    for size in (SMALL, LARGE):
        await fill(grown, size)
        await a_batch(grown, names)
        asked: Asked = []

        def note(_c: Any, _cur: Any, statement: str, values: Any, _ctx: Any, _many: bool, to: Asked = asked) -> None:
            to.append((statement, values))

        event.listen(grown.database.engine.sync_engine, "before_cursor_execute", note)
        await a_batch(grown, names)
        event.remove(grown.database.engine.sync_engine, "before_cursor_execute", note)
        costs.append(await cost(grown, asked))
    small, large = costs
    assert len(large) >= 20
    assert set(small) == set(large)
    grew = {
        " ".join(one.split())[:200]: (small[one], pages)
        for one, pages in large.items()
        if pages > 1.5 * small[one] + 60
    }
    assert not grew


async def test_what_is_filled_in_is_as_it_would_have_grown(grown: Bench) -> None:
    await fill(grown, SMALL)
    async with grown.database.read() as connection:
        rows = {p.name: p.rows for p in await listed(connection)}
        read = await chats.lines(connection, 500, 50)
    months = [name for name, held in rows.items() if name.startswith("inbox_") and held]
    assert len(months) == 12
    assert sum(rows.values()) == pytest.approx(SMALL.messages, rel=0.01)
    assert {line.incoming for line in read} == {True, False}
    assert read[0].at < grown.clock() - timedelta(days=60)
    await grown.arrives("g7", Text("daftar"))
    await grown.work()
    assert grown.channel.sent[0].address == "g7"
