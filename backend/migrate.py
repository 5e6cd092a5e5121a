"""Schema migrations, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection

from backend.db import Database
from backend.models import Base
from backend.partitions import TABLES, make_coming

LOCK = 7_310_001


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, with the partitions of the coming months. Several processes may call it at once: on
    PostgreSQL one of them does the work."""
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade, revision)
    await make_coming(database, datetime.now(UTC))


async def roll_back(database: Database, revision: str = "base") -> None:
    """Take the schema back to `revision`, and with it the data that only later tables hold: to try a migration both ways."""
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), revision))


async def drift(database: Database) -> list[Any]:
    """What the models say and the schema does not, as Alembic operations; empty when they agree."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(_drift)


def new_revision(connection: Connection, message: str) -> None:
    """Write a migration from the difference between models and schema; for developers."""
    command.revision(_config(connection), message=message, autogenerate=True)


def _upgrade(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    command.upgrade(_config(connection), revision)


def _drift(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"include_object": comparable(connection)})
    found: list[Any] = compare_metadata(context, Base.metadata)
    return found


def comparable(connection: Connection) -> Callable[[Any, str | None, str, bool, Any], bool]:
    """Alembic's `include_object`: on PostgreSQL partitions are no tables of their own, and what is unique in a partitioned
    table is so by an index of each partition."""
    if connection.dialect.name != "postgresql":
        return lambda *_: True
    names = {of.table for of in TABLES}

    def include(item: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        if kind == "table" and reflected:
            return not any((name or "").startswith(f"{table}_") for table in names)
        return not (kind == "unique_constraint" and item.table.name in names)

    return include


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("backend") / "migrations"))))
    config.attributes["connection"] = connection
    return config
