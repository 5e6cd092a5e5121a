"""The sweep: rings for rows that nobody rang for, because a process died between a commit and its ring, or a timer ran out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from backend import metrics
from backend.bus import Bus, Topic
from backend.db import Database
from backend.repositories import conversations, event_feed, inbox, jobs, outbox
from backend.services.announce import FAN_OUT

log = structlog.get_logger(__name__)

SWEEP_EVERY = 30.0
RUNG_BY_NOW = timedelta(seconds=5)
"""What is younger has its ring on the way."""
SURELY_LOST = timedelta(minutes=3)
"""While a topic has a backlog, its rows wait for good reason; only what is older than this is rung again."""
BACKLOG = 1_000
MOST_SWEPT = 50_000


class Sweep:
    """One process at a time does it for all; with the bus of one process, that is the one."""

    def __init__(self, database: Database, bus: Bus, now: Callable[[], datetime], *, alone: bool) -> None:
        self._database = database
        self._bus = bus
        self._now = now
        self._young = timedelta(0) if alone else RUNG_BY_NOW

    async def run(self) -> None:
        """At start, and now and then."""
        while True:
            try:
                if await self._bus.first("sweep"):
                    await self.once()
            except Exception as error:  # database or bus may be away for a while; the next sweep will see
                log.error("sweep_failed", cause=type(error).__name__)
            await asyncio.sleep(SWEEP_EVERY)

    @metrics.counted_as("sweep")
    async def once(self) -> None:
        now = self._now()
        turns, sends, works = [now - await self._age(topic) for topic in ("turns", "sends", "jobs")]
        async with self._database.read() as connection:
            pending = await inbox.waiting_conversations(connection, turns, MOST_SWEPT)
            timers = await conversations.due_timers(connection, turns, MOST_SWEPT)
            # What is due before the next sweep too: the sender sees when, and waits for it.
            soon = timedelta(seconds=SWEEP_EVERY)
            unsent = await outbox.waiting_conversations(connection, now, soon, sends, MOST_SWEPT)
            waiting = await jobs.waiting(connection, now, works, MOST_SWEPT)
            untold = await event_feed.are_waiting(connection) and not await jobs.is_open(connection, FAN_OUT)
        if untold:
            async with self._database.write() as connection:
                waiting += await jobs.add(connection, [jobs.JobDraft(None, FAN_OUT, {})], now)
        await self._bus.ring("turns", [*pending, *timers])
        await self._bus.ring("sends", unsent)
        await self._bus.ring("jobs", waiting)
        if pending or unsent or waiting:
            log.info("swept", turns=len(pending), timers=len(timers), sends=len(unsent), jobs=len(waiting))

    async def _age(self, topic: Topic) -> timedelta:
        return SURELY_LOST if await self._bus.backlog(topic) > BACKLOG else self._young
