"""Messages by the month on PostgreSQL: the partitions of `inbox` and `outbox`, made in time and dropped when old.

Each month of a table is `<table>_<year>_<month>` (UTC); `<table>_rest` takes whatever has no month yet, so that no message
is ever refused for want of a partition. Its rows move over when their month is made. SQLite keeps plain tables.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import Base

log = structlog.get_logger(__name__)

LOCK = 7_310_003
AHEAD = 2
"""Months made beforehand: with one of them to go nothing has to happen for four weeks."""
TRIES = 5
LOCK_TIMEOUT_MS = 1000
"""A new partition needs the table for itself for a moment. Who waits for a lock makes everybody behind wait too: so it
waits this long at most, and tries again."""

_NAME = re.compile(r"_(\d{4})_(\d\d)$")


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table in partitions: by which column, what is unique within one, its storage, and what in it may not be dropped."""

    table: str
    key: str
    unique: str
    storage: str
    open: str

    @property
    def rest(self) -> str:
        return f"{self.table}_rest"


TABLES = (
    Partitioned(
        "inbox", "received_at", "channel, provider_id", "autovacuum_analyze_scale_factor = 0.02", "handled_at IS NULL"
    ),
    # Half of each page stays free for the next versions of its rows: three of the four updates in a message's life then
    # touch no index, and the table with its indexes is smaller in the end than when it is packed.
    Partitioned("outbox", "created_at", "", "fillfactor = 50, autovacuum_analyze_scale_factor = 0.02", "open"),
)


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition as it is. `month` is None for the rest; `rows` is the planner's estimate, `size` bytes with indexes."""

    table: str
    name: str
    month: datetime | None
    rows: int
    size: int


def month_of(moment: datetime) -> datetime:
    """The first moment of its month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime, by: int = 1) -> datetime:
    """The month that many later; `by` may be negative."""
    count = month.year * 12 + month.month - 1 + by
    return month.replace(year=count // 12, month=count % 12 + 1)


async def listed(connection: AsyncConnection) -> list[Partition]:
    """Every partition, oldest first, the rest last; none on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    found = await connection.execute(
        text(
            "SELECT parent.relname, child.relname, greatest(child.reltuples, 0)::bigint,"
            " pg_total_relation_size(child.oid) FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent"
            " JOIN pg_class child ON child.oid = inhrelid WHERE parent.relkind = 'p' AND child.relkind = 'r'"
            " AND pg_table_is_visible(parent.oid) ORDER BY parent.relname, child.relname"
        )
    )
    return [Partition(table, name, _month_in(name), rows, size) for table, name, rows, size in found]


async def make_coming(database: Database, now: datetime) -> list[str]:
    """Make the partitions of this month, of the coming ones, and of those whose rows lie in the rest; their names.

    Several processes may call it at once: one of them does the work. Raises what the database raises when it could not get
    the table for a moment even after some tries.
    """
    if database.is_sqlite:
        return []
    made: list[str] = []
    for of in TABLES:
        missing = await _missing(database, of, now)
        made.extend([name_of(of.table, month) for month in missing if await _patiently(_make, database, of, month)])
    return made


async def make_month(database: Database, month: datetime) -> None:
    """Make the partitions of one more month, whichever it is."""
    for of in TABLES:
        await _patiently(_make, database, of, month)


async def drop_before(database: Database, month: datetime) -> list[str]:
    """Drop the partitions that end before `month` begins; their names. One in which something still waits stays."""
    async with database.read() as connection:
        known = await listed(connection)
    dropped: list[str] = []
    for of in TABLES:
        old = [p.month for p in known if p.table == of.table and p.month is not None and p.month < month]
        dropped.extend([name_of(of.table, gone) for gone in old if await _patiently(_drop, database, of, gone)])
    return dropped


def name_of(table: str, month: datetime) -> str:
    return f"{table}_{month:%Y_%m}"


def _month_in(name: str) -> datetime | None:
    found = _NAME.search(name)
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) if found else None


async def _missing(database: Database, of: Partitioned, now: datetime) -> list[datetime]:
    async with database.read() as connection:
        known = {partition.month for partition in await listed(connection) if partition.table == of.table}
        if not known:
            return []  # an older schema: not partitioned yet
        this = month_of(now)
        wanted = {month_after(this, by) for by in range(AHEAD + 1)}
        left = await connection.execute(
            text(f"SELECT DISTINCT date_trunc('month', {of.key}, 'UTC') FROM {of.rest} WHERE {of.key} < :until"),  # noqa: S608
            {"until": max(wanted)},
        )
        wanted |= {month_of(month) for month in left.scalars()}
    return sorted(wanted - known)


async def _patiently(
    work: Callable[[Database, Partitioned, datetime], Awaitable[bool]],
    database: Database,
    of: Partitioned,
    month: datetime,
) -> bool:
    for _ in range(TRIES - 1):
        try:
            return await work(database, of, month)
        except DBAPIError as error:
            if not was_locked(error):
                raise
            log.info("partition_waits", name=name_of(of.table, month))
            await asyncio.sleep(1.0)
    return await work(database, of, month)


def was_locked(error: DBAPIError) -> bool:
    """Whether a lock was not to be had within the time that was set for it."""
    return getattr(error.orig, "sqlstate", None) == "55P03"


async def _make(database: Database, of: Partitioned, month: datetime) -> bool:
    """One partition with the rows of its month; False when another process was faster."""
    name = name_of(of.table, month)
    begin, end = f"'{month:%Y-%m-%d}T00:00Z'", f"'{month_after(month):%Y-%m-%d}T00:00Z'"
    columns = ", ".join(c.name for c in Base.metadata.tables[of.table].columns if c.computed is None)
    statements = (
        f"CREATE TABLE {name} (LIKE {of.table} INCLUDING DEFAULTS INCLUDING GENERATED) WITH ({of.storage})",
        *([f"CREATE UNIQUE INDEX uq_{name} ON {name} ({of.unique})"] if of.unique else []),
        f"LOCK TABLE {of.rest} IN ACCESS EXCLUSIVE MODE",
        f"WITH moved AS (DELETE FROM {of.rest} WHERE {of.key} >= {begin} AND {of.key} < {end} RETURNING {columns})"  # noqa: S608
        f" INSERT INTO {name} ({columns}) SELECT {columns} FROM moved",
        f"ALTER TABLE {of.table} ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})",
    )
    async with database.write() as connection:
        await alone(connection)
        if any(partition.name == name for partition in await listed(connection)):
            return False
        for statement in statements:
            await connection.exec_driver_sql(statement)
    log.info("partition_made", name=name)
    return True


async def _drop(database: Database, of: Partitioned, month: datetime) -> bool:
    name = name_of(of.table, month)
    async with database.write() as connection:
        await alone(connection)
        if not any(partition.name == name for partition in await listed(connection)):
            return False
        waiting = await connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {name} WHERE {of.open})"))  # noqa: S608
        if waiting.scalar_one():
            log.warning("partition_kept", name=name, cause="something in it still waits")
            return False
        await connection.exec_driver_sql(f"DROP TABLE {name}")
    log.info("partition_dropped", name=name)
    return True


async def alone(connection: AsyncConnection) -> None:
    """Until the end of the transaction no other process works on partitions, and no lock is waited for long."""
    await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
