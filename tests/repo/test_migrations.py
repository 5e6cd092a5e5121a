"""The migrations and the models say the same, on both databases, and go down and up again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from backend.db import Database
from backend.migrate import drift, migrate, roll_back
from backend.models import Base


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
