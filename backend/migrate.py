"""Schema migrations, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from backend.db import Database
from backend.models import Base
from backend.partitions import TABLES, make_coming, was_locked

log = structlog.get_logger(__name__)

LOCK = 7_310_001
LOCK_TIMEOUT_MS = 2000
"""Whoever waits for a lock makes everybody behind it wait too: a webhook for no longer than this."""
TRIES = 5


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`, with the partitions of the coming months. Several processes may call it at once: on
    PostgreSQL one of them does the work.

    A revision is one transaction there, and waits for a lock of a running service for `LOCK_TIMEOUT_MS` at most: it then
    steps back and tries again, and raises after `TRIES` times what the database raised.
    """
    await _run(database, command.upgrade, revision)
    await make_coming(database, datetime.now(UTC))


async def roll_back(database: Database, revision: str = "base") -> None:
    """Take the schema back to `revision`, and with it the data that only later tables hold: to try a migration both ways."""
    await _run(database, command.downgrade, revision)


async def _run(database: Database, work: Callable[[Config, str], None], revision: str) -> None:
    if database.is_sqlite:
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda sync: work(_config(sync), revision))
        return
    async with _alone(database):
        for left in reversed(range(TRIES)):
            try:
                async with database.engine.connect() as connection:
                    await connection.run_sync(_patiently, work, revision)
                    break
            except DBAPIError as error:
                if not left or not was_locked(error):
                    raise
                log.info("migration_waits", cause="the running service holds a lock")
                await asyncio.sleep(1.0)


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """While the block runs no other process migrates.

    The lock belongs to a transaction of its own: a revision may leave its transaction, to build an index beside the traffic,
    and a lock of a session does not get through a pooler. An index that is built beside the traffic waits for whoever holds
    a snapshot. So nobody waits for the lock inside a statement, and its holder runs one more, which takes no snapshot.
    """
    while True:
        async with database.write() as connection:
            found = await connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK})
            if found.scalar_one():
                await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield
                return
        await asyncio.sleep(0.2)


def _patiently(connection: Connection, work: Callable[[Config, str], None], revision: str) -> None:
    @event.listens_for(connection, "begin")
    def limit(begun: Connection) -> None:
        begun.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")

    work(_config(connection), revision)


async def drift(database: Database) -> list[Any]:
    """What the models say and the schema does not, as Alembic operations; empty when they agree."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(_drift)


def new_revision(connection: Connection, message: str) -> None:
    """Write a migration from the difference between models and schema; for developers."""
    command.revision(_config(connection), message=message, autogenerate=True)


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
