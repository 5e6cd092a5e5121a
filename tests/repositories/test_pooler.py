"""PostgreSQL behind PgBouncer in transaction mode: few connections to the server, and everything works as without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db import Database
from backend.migrate import drift, migrate, roll_back
from bot.events import Started
from bot.handlers.pace import SharedPace
from tests.handlers.support import Bench
from tests.pgbouncer import PgBouncer

CHATS = 60


@pytest.fixture
def pooled_url(postgres_server: str, postgres_url: str) -> Iterator[str]:
    """A migrated database of one's own, through a pooler with three connections."""
    with PgBouncer(postgres_server, connections=3) as pooler:
        yield pooler.url(postgres_url.rpartition("/")[2])


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Database]:
    opened = Database(pooled_url, pool_size=12, pooler=True)
    yield opened
    await opened.close()


async def test_conversations_at_once_share_three_connections(pooled: Database) -> None:
    bench = Bench(pooled)
    bench.sender._pace = SharedPace(pooled, bench.clock)
    await asyncio.gather(*(bench.arrives(f"c{n}", Started()) for n in range(CHATS)))
    chats = await bench.rung("turns")
    await asyncio.gather(*(bench.turns.run(chats[n::12]) for n in range(12)))
    await asyncio.gather(*(bench.sender.run(chats[n::12]) for n in range(12)))
    assert len(chats) == CHATS
    assert {status for status, _, _ in await bench.outbox()} == {"sent"}
    assert len(bench.channel.sent) == CHATS
    async with pooled.read() as connection:
        found = await connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'client%'"
            )
        )
        assert found.scalar_one() <= 3
        kept = await connection.execute(text("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"))
        assert kept.scalar_one() == 0


async def test_the_schema_goes_down_and_up_through_it(pooled: Database) -> None:
    await roll_back(pooled)
    await asyncio.gather(migrate(pooled), migrate(pooled))
    assert await drift(pooled) == []


async def test_without_the_setting_nothing_works_at_all(pooled_url: str) -> None:
    """Who forgets it hears so at the first connection, and not from statements that meet each other under load."""
    plain = Database(pooled_url)
    try:
        with pytest.raises(DBAPIError, match="unsupported startup parameter"):
            await plain.ping()
    finally:
        await plain.close()
