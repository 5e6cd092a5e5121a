"""Figures that are looked up only when somebody reads /metrics: queues, the bus and the connection pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from backend import metrics
from backend.bus import TOPICS, Bus
from backend.db import Database
from backend.repositories import queues

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=5)
MAY_TAKE = 2.0
"""Seconds after which a database or bus that does not answer costs the reader its figures, not the others."""


class Watch:
    """`look` sets the gauges. However often it is called, the database is asked at most every `LOOK_EVERY`."""

    def __init__(self, database: Database, bus: Bus, now: Callable[[], datetime]) -> None:
        self._database = database
        self._bus = bus
        self._now = now
        self._looked_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        in_use, idle, size = self._database.pool_use()
        metrics.POOL_CONNECTIONS.labels("in_use").set(in_use)
        metrics.POOL_CONNECTIONS.labels("idle").set(idle)
        metrics.POOL_SIZE.set(size)
        async with self._looking:
            now = self._now()
            if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
                return
            self._looked_at = now
            await asyncio.gather(self._queues(now), self._backlogs())

    @metrics.counted_as("watch")
    async def _queues(self, now: datetime) -> None:
        try:
            async with asyncio.timeout(MAY_TAKE), self._database.read() as connection:
                found = await queues.waiting(connection, now)
        except Exception as error:  # the other figures are wanted most when the database is away
            metrics.QUEUE_AGE_SECONDS.clear()
            metrics.QUEUE_ROWS.clear()
            log.warning("queues_not_seen", cause=type(error).__name__)
            return
        for queue, (rows, since) in found.items():
            age = (now - since).total_seconds() if since is not None else 0.0
            metrics.QUEUE_AGE_SECONDS.labels(queue).set(max(age, 0.0))
            metrics.QUEUE_ROWS.labels(queue).set(rows)

    async def _backlogs(self) -> None:
        try:
            async with asyncio.timeout(MAY_TAKE):
                found = [(topic, await self._bus.backlog(topic)) for topic in TOPICS]
        except Exception as error:  # as above
            metrics.BUS_BACKLOG.clear()
            log.warning("bus_not_seen", cause=type(error).__name__)
            return
        for topic, rings in found:
            metrics.BUS_BACKLOG.labels(topic).set(rings)
