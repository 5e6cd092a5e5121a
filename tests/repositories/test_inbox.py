"""What arrives is stored once, also where one month ends and the next begins."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from backend.db import Database
from backend.models import Inbox, table
from backend.repositories.inbox import Arrival, insert_events
from bot.events import Text, to_json

INBOX = table(Inbox)
MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)
MOMENT = timedelta(milliseconds=100)


def arrival(provider_id: str, channel: str = "whatsapp") -> Arrival:
    return Arrival(1, channel, provider_id, to_json(Text("halo")))


async def store(database: Database, row: Arrival, now: datetime) -> bool:
    """Whether it was new."""
    async with database.write() as connection:
        return bool(await insert_events(connection, database, [row], now))


async def count(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(INBOX.c.id))).all())


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (MIDNIGHT + timedelta(days=9), MIDNIGHT + timedelta(days=20)),
        (MIDNIGHT - MOMENT, MIDNIGHT + MOMENT),
        (MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=1)),
        (MIDNIGHT + MOMENT, MIDNIGHT - MOMENT),
    ],
    ids=["in one month", "over midnight", "a day into the month", "by a machine whose clock is behind"],
)
async def test_a_repeated_delivery_is_one_row(database: Database, first: datetime, again: datetime) -> None:
    assert await store(database, arrival("SM1"), first)
    assert not await store(database, arrival("SM1"), again)
    assert await store(database, arrival("SM2"), again)
    assert await count(database) == 2


async def test_two_deliveries_at_once_on_both_sides_of_midnight_are_one_row(database: Database) -> None:
    async with database.write() as connection:
        assert await insert_events(connection, database, [arrival("SM1")], MIDNIGHT - MOMENT)
        other = asyncio.create_task(store(database, arrival("SM1"), MIDNIGHT + MOMENT))
        await asyncio.sleep(0.2)
        assert not other.done()
    assert not await other
    assert await count(database) == 1


async def test_our_own_news_stay_unique_for_good(database: Database) -> None:
    assert await store(database, arrival("officer:1", "notice"), MIDNIGHT - timedelta(days=90))
    assert not await store(database, arrival("officer:1", "notice"), MIDNIGHT + timedelta(days=10))
