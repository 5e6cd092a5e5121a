"""The migrations and the models say the same, on both databases, and go down and up again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from backend import migrate as migrations
from backend.db import Database
from backend.migrate import drift, migrate, roll_back
from backend.models import Base
from backend.repositories.inbox import Arrival, insert_events
from bot.events import Text, to_json


async def test_the_migrated_schema_is_what_the_models_say(database: Database) -> None:
    assert await drift(database) == []


async def test_a_missing_table_is_seen_as_drift(database: Database) -> None:
    table = sorted(Base.metadata.tables)[0]
    async with database.write() as connection:
        await connection.exec_driver_sql(f"DROP TABLE {table}")
    assert any(table in str(difference) for difference in await drift(database))


async def test_down_to_nothing_and_up_again(database: Database) -> None:
    await roll_back(database)
    async with database.engine.connect() as connection:
        left = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(left) <= {"alembic_version"}
    await migrate(database)
    assert await drift(database) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await migrate(database)
    assert await drift(database) == []


async def test_a_new_sqlite_file_is_migrated_from_nothing(tmp_path: Path) -> None:
    fresh = Database(f"sqlite+aiosqlite:///{tmp_path / 'fresh.db'}")
    try:
        with pytest.raises(Exception, match="no such table"):
            async with fresh.read() as connection:
                await connection.exec_driver_sql("SELECT 1 FROM alembic_version")
        await migrate(fresh)
        assert await drift(fresh) == []
    finally:
        await fresh.close()


_ROWS = (
    "INSERT INTO conversations (id, channel, address_hash, address, created_at) VALUES (7, 'whatsapp', :b, :b, :at)",
    "INSERT INTO inbox (channel, provider_id, conversation_id, event, message_ref, received_at, handled_at)"
    " VALUES ('whatsapp', 'SM1', 7, :b, '', :at, :at), ('whatsapp', 'SM2', 7, :b, 'x', :at, NULL)",
    "INSERT INTO outbox (conversation_id, kind, keys, body, status, provider_id, created_at)"
    " VALUES (7, 'reply', 'menu.welcome', :b, 'read', 'SM3', :at), (7, 'reply', 'a', :b, 'queued', NULL, :at)",
    "INSERT INTO jobs (conversation_id, kind, token, data, status, created_at) VALUES (7, 'face', 't', :b, 'running', :at)",
)
_KEPT = (
    "SELECT id, channel, provider_id, conversation_id, event, message_ref, received_at, handled_at, attempts FROM inbox"
    " ORDER BY id",
    "SELECT id, conversation_id, kind, keys, body, status, attempts, provider_id, created_at FROM outbox ORDER BY id",
    "SELECT id, conversation_id, kind, token, data, status, created_at FROM jobs ORDER BY id",
)


async def test_messages_of_before_the_partitions_are_kept_both_ways(database: Database) -> None:
    async def read() -> list[list[tuple[object, ...]]]:
        async with database.read() as connection:
            return [[tuple(row) for row in await connection.execute(text(question))] for question in _KEPT]

    await roll_back(database, "0001")
    async with database.write() as connection:
        for statement in _ROWS:
            at = datetime(2026, 9, 30, 23, 30, tzinfo=UTC)
            await connection.execute(text(statement), {"b": b"\x01sealed", "at": str(at) if database.is_sqlite else at})
    before = await read()
    assert [len(rows) for rows in before] == [2, 2, 1]
    await migrate(database)
    assert await read() == before
    async with database.write() as connection:
        found = await connection.execute(text("SELECT id FROM outbox WHERE open"))
        assert len(found.all()) == 1
        again = Arrival(7, "whatsapp", "SM1", to_json(Text("halo")))
        assert await insert_events(connection, database, [again], datetime(2026, 9, 30, 23, 59, tzinfo=UTC)) == []
        new = Arrival(7, "whatsapp", "SM9", to_json(Text("halo")))
        assert await insert_events(connection, database, [new], datetime(2026, 10, 2, tzinfo=UTC)) == [7]
        await connection.execute(text("DELETE FROM inbox WHERE provider_id = 'SM9'"))
    await roll_back(database, "0001")
    assert await read() == before


_TABLES = (
    "SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND relname <> 'alembic_version'"
)
_LOCKED = (
    "SELECT DISTINCT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
    " WHERE pid = pg_backend_pid() AND mode = 'ShareLock' AND relkind IN ('r', 'p')"
)


def _revisions() -> list[str]:
    """All that came after the partitions, oldest first."""
    scripts = ScriptDirectory(str(files("backend") / "migrations"))
    found = [script.revision for script in scripts.walk_revisions()]
    return found[: found.index("0002")][::-1]


async def test_no_later_migration_stops_the_traffic(postgres_url: str) -> None:
    """None rewrites a table that was there before, and none builds an index on one while writers wait."""
    database = Database(postgres_url)
    locked: set[str] = set()

    def look(connection: Connection) -> None:
        locked.update(connection.exec_driver_sql(_LOCKED).scalars())

    try:
        await roll_back(database, "0002")
        event.listen(database.engine.sync_engine, "commit", look)
        for revision in _revisions():
            async with database.read() as connection:
                before = {row.relname: row.relfilenode for row in await connection.execute(text(_TABLES))}
            locked.clear()
            await migrate(database, revision)
            async with database.read() as connection:
                after = {row.relname: row.relfilenode for row in await connection.execute(text(_TABLES))}
            assert not locked & set(before), f"{revision} builds an index: postgresql_concurrently=True"
            rewritten = {name for name, place in before.items() if after.get(name, place) != place}
            assert not rewritten, f"{revision} writes a table anew"
    finally:
        await database.close()


async def test_a_migration_steps_back_from_a_busy_table(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_MS", 300)
    monkeypatch.setattr(migrations, "TRIES", 2)
    database = Database(postgres_url)
    count = text("SELECT count(*) FROM conversations")
    try:
        await roll_back(database, "0001")
        async with database.read() as report:
            await report.execute(text("SELECT count(*) FROM inbox"))
            moving = asyncio.create_task(migrate(database))
            await asyncio.sleep(0.4)
            async with database.read() as connection:
                await asyncio.wait_for(connection.execute(count), 2)
            with pytest.raises(DBAPIError, match="lock timeout"):
                await moving
        await migrate(database)
        assert await drift(database) == []
    finally:
        await database.close()
