"""The upkeep of the messages: partitions made in time, what is older than it has to be kept removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.partitions import drop_before, make_coming, month_after, month_of
from backend.repositories import event_feed, idempotency, retention

log = structlog.get_logger(__name__)

EVERY_S = 24 * 3600.0
Forget = Callable[[AsyncConnection, datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done: partitions made and dropped by name, and rows deleted one by one."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]
    deleted: int


async def keep_up(database: Database, now: datetime, months: int) -> Upkeep:
    """Make what is missing and remove what is older than `months` full months (0: nothing is). Several processes may call
    it at once."""
    made = await make_coming(database, now)
    if months == 0:
        return Upkeep(tuple(made), (), 0)
    oldest = month_after(month_of(now), -months)
    dropped = await drop_before(database, oldest)
    tables = (retention.INBOX, retention.OUTBOX, retention.JOBS) if database.is_sqlite else (retention.JOBS,)
    deleted = 0
    for table in tables:
        async with database.read() as connection:
            end = await retention.first_kept(connection, table, oldest)
        last = retention.BATCH
        while last == retention.BATCH:  # a batch a transaction: turns go on in between
            async with database.write() as connection:
                last = await retention.delete_batch(connection, table, end)
            deleted += last
    return Upkeep(tuple(made), tuple(dropped), deleted)


async def forget_answers(database: Database, now: datetime) -> int:
    """Delete named requests of the API that are older than their answers are kept; how many."""
    return await _in_batches(database, now, idempotency.forget, idempotency.BATCH)


async def forget_events(database: Database, now: datetime) -> int:
    """Delete events that can no longer be told again, with all that was tried with them; how many."""
    return await _in_batches(database, now, event_feed.forget, event_feed.BATCH)


async def _in_batches(database: Database, now: datetime, forget: Forget, most: int) -> int:
    """A batch a transaction, to the end."""
    deleted = 0
    last = most
    while last == most:
        async with database.write() as connection:
            last = await forget(connection, now)
        deleted += last
    return deleted


async def every_day(database: Database, months: int, now: Callable[[], datetime]) -> None:
    """Keep up at the start and then daily, until cancelled. What goes wrong is told and tried again the next day."""
    while True:
        try:
            done = await keep_up(database, now(), months)
            answers = await forget_answers(database, now()) + await forget_events(database, now())
            if done.made or done.dropped or done.deleted or answers:
                log.info("upkeep", made=done.made, dropped=done.dropped, deleted=done.deleted, answers=answers)
        except Exception as error:  # the service goes on without it: there is a partition for everything else
            log.error("upkeep_failed", cause=type(error).__name__)
        await asyncio.sleep(EVERY_S)
