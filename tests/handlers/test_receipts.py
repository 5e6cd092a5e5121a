"""Receipts of many messages at once: written together, forward only, and never in a circle of waiting with the senders."""

from __future__ import annotations

import asyncio
import random

import pytest
from sqlalchemy import select, update

from backend.db import Database
from bot.events import Started
from bot.handlers.channel import Receipt
from bot.handlers.receipts import Receipts
from tests.handlers.support import OUTBOX, Bench
from tests.statements import sent_to

CHATS = 60


@pytest.fixture
async def bench(database: Database) -> Bench:
    """So many people have been welcomed."""
    made = Bench(database)
    await asyncio.gather(*(made.arrives(f"c{n}", Started()) for n in range(CHATS)))
    await made.work()
    return made


async def statuses(bench: Bench) -> list[str]:
    return [status for status, _, _ in await bench.outbox()]


async def test_receipts_in_any_order_end_with_the_last_word(bench: Bench) -> None:
    receipts = Receipts(bench.database, bench.clock)
    words = [
        Receipt(number + 1 if number % 2 else None, f"p{number + 1}", status)
        for number in range(CHATS)
        for status in ("sent", "delivered", "read")
    ]
    random.Random(5).shuffle(words)
    with sent_to(bench.database) as statements:
        await asyncio.gather(*(receipts.take(word) for word in words))
    assert await statuses(bench) == ["read"] * CHATS
    assert len(statements) <= 10


async def test_what_is_not_ours_is_passed_over_beside_what_is(bench: Bench) -> None:
    receipts = Receipts(bench.database, bench.clock)
    strange = [Receipt(10**17, "SM1", "read"), Receipt(None, "SM2", "read"), Receipt(None, "", "read")]
    await asyncio.gather(*(receipts.take(word) for word in [*strange, Receipt(1, "p1", "read")]))
    assert (await statuses(bench)).count("read") == 1


async def test_a_failure_is_told_with_its_cause_and_a_message_that_was_read_has_not_failed(bench: Bench) -> None:
    receipts = Receipts(bench.database, bench.clock)
    await receipts.take(Receipt(2, "p2", "read"))
    await asyncio.gather(*(receipts.take(Receipt(n, f"p{n}", "undelivered", "63024")) for n in (1, 2)))
    async with bench.database.read() as connection:
        found = await connection.execute(
            select(OUTBOX.c.status, OUTBOX.c.error).where(OUTBOX.c.id.in_((1, 2))).order_by(OUTBOX.c.id)
        )
        assert [tuple(row) for row in found] == [("failed", "63024"), ("read", None)]


async def test_a_receipt_for_a_message_that_a_sender_holds_waits_for_it_and_others_do_not(bench: Bench) -> None:
    receipts = Receipts(bench.database, bench.clock)
    async with bench.database.write() as connection:
        await connection.execute(update(OUTBOX).where(OUTBOX.c.id == 7).values(status="sent"))
        held = asyncio.create_task(receipts.take(Receipt(7, "p7", "delivered")))
        free = asyncio.create_task(receipts.take(Receipt(8, "p8", "delivered")))
        if not bench.database.is_sqlite:
            await asyncio.wait_for(free, 2)
        await asyncio.sleep(0.1)
        assert not held.done()
    await asyncio.gather(held, free)
    assert (await statuses(bench))[6:8] == ["delivered"] * 2
