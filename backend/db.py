"""The database: SQLite in WAL mode or PostgreSQL, through the same models and transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.dml import Insert

from backend import metrics
from backend.sqlite_trips import one_trip

READ_ONLY = "perlinsos_read_only"
_NOTHING_PREPARED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}
"""Statements without a name live as long as their transaction and nobody else can stumble over them: a named one would wait
on a connection that the next transaction does not get."""
HANGING_AFTER_MS = "20000"
"""A process that hangs in the middle of a transaction would hold its rows for ever: PostgreSQL ends it after so long."""


class Database:
    """One engine. `write()` is a transaction that commits at the end of its block; `read()` one that never writes.

    SQLite takes one writer at a time: `write()` queues for it in this process instead of failing, and starts with
    BEGIN IMMEDIATE, so that what it reads cannot change before it writes.

    `pooler`: between us and PostgreSQL stands a pooler that gives each transaction another connection.
    """

    def __init__(self, url: str, *, pool_size: int = 10, pooler: bool = False) -> None:
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {} if self.is_sqlite else {"pool_size": pool_size, "max_overflow": 0}
        if pooler and not self.is_sqlite:
            # The pooler takes no setting of a session; it ends what hangs by its own (idle_transaction_timeout).
            options["connect_args"] = dict(_NOTHING_PREPARED)
        elif not self.is_sqlite:
            options["connect_args"] = {"server_settings": {"idle_in_transaction_session_timeout": HANGING_AFTER_MS}}
        # Hidden: an error's text would otherwise quote the values of the statement, and ends in somebody's log.
        self.engine: AsyncEngine = create_async_engine(url, hide_parameters=True, **options)
        self._writer = asyncio.Lock()
        event.listen(self.engine.sync_engine, "before_cursor_execute", _count_statement)
        if self.is_sqlite:
            _prepare_sqlite(self.engine)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        asked = time.perf_counter()
        if not self.is_sqlite:
            async with self.engine.begin() as connection:
                metrics.POOL_WAIT_SECONDS.observe(time.perf_counter() - asked)
                yield connection
            return
        async with self._writer, self.engine.begin() as connection:
            metrics.POOL_WAIT_SECONDS.observe(time.perf_counter() - asked)
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        asked = time.perf_counter()
        async with self.engine.connect() as connection:
            metrics.POOL_WAIT_SECONDS.observe(time.perf_counter() - asked)
            if self.is_sqlite:
                await connection.execution_options(**{READ_ONLY: True})
            yield connection

    async def ping(self) -> None:
        """Raises what the driver raises when the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()

    def pool_use(self) -> tuple[int, int, int]:
        """Connections of this process that are in use, that are idle, and how many there may be."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):  # none is kept: pgbouncer does the pooling
            return 0, 0, 0
        return pool.checkedout(), pool.checkedin(), pool.size()

    def insert(self, table: Any) -> Any:
        """An INSERT that knows ON CONFLICT in the dialect of this database."""
        made: Insert = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        return made


def _count_statement(*_: Any) -> None:
    metrics.statement_sent()


def _prepare_sqlite(engine: AsyncEngine) -> None:
    one_trip(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        # FULL: what was acknowledged survives a power cut too; turns are committed in batches, so it costs little.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def is_outage(error: BaseException) -> bool:
    """Whether this says that the database was away, not that anything was wrong with what was asked of it."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _away(getattr(error.orig, "sqlstate", None))
    if isinstance(error, OSError):
        return not isinstance(error, TimeoutError)
    return isinstance(error, PoolTimeout) or _away(getattr(error, "sqlstate", None))


def _away(sqlstate: str | None) -> bool:
    """Connections (08), too few of them (53), an operator at work (57P), an idle transaction that was ended (25P03)."""
    return sqlstate is not None and (sqlstate.startswith(("08", "53", "57P")) or sqlstate == "25P03")
