"""The clock that all processes of one database share.

Leases, deadlines and "is its sender dead?" compare times that different processes wrote. A machine whose clock is a minute
ahead would take every message in flight for abandoned and send it once more. With PostgreSQL everybody therefore goes by
its clock, read now and then and carried on by this machine's steady one, which nobody sets. SQLite has one process.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import text

from backend.db import Database

log = structlog.get_logger(__name__)

FOLLOW_EVERY = 30.0
FIRST_AGAIN = 1.0
"""Seconds until the next try while the database has never answered: until then a wrong clock has its way."""
WORTH_TELLING = timedelta(seconds=2)
ANSWERS_WITHIN = 5.0


class Clock:
    """`now` gives UTC. Until `follow` has succeeded once, and always with SQLite, it is this machine's own time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._base = datetime.now(UTC)
        self._read_at: float | None = None

    def now(self) -> datetime:
        if self._read_at is None:
            return datetime.now(UTC)
        return self._base + timedelta(seconds=time.monotonic() - self._read_at)

    async def follow(self) -> None:
        """Go by the database's time from now on. Raises what the driver raises when it does not answer."""
        if self._database.is_sqlite:
            return
        async with asyncio.timeout(ANSWERS_WITHIN), self._database.read() as connection:
            await connection.execute(text("SELECT 1"))  # the first statement of a transaction may wait for its BEGIN
            asked = time.monotonic()
            told = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            answered = time.monotonic()
        self._base, self._read_at = told, (asked + answered) / 2
        ahead = datetime.now(UTC) - self.now()
        if abs(ahead) > WORTH_TELLING:
            log.warning("clock_differs", seconds=round(ahead.total_seconds(), 1))

    async def try_to_follow(self) -> None:
        """`follow`; without an answer it goes on as before."""
        try:
            await self.follow()
        except Exception as error:  # the database may be away for a while; the steady clock carries on
            log.warning("clock_not_read", cause=type(error).__name__)

    async def keep_following(self) -> None:
        while True:
            await asyncio.sleep(FIRST_AGAIN if self._read_at is None and not self._database.is_sqlite else FOLLOW_EVERY)
            await self.try_to_follow()
