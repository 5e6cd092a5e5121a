"""The job worker: claims rung jobs, runs their executors side by side, and turns each outcome into an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from prometheus_client import Histogram

from backend.bus import Bus
from backend.db import Database
from backend.repositories import inbox, jobs
from backend.repositories.jobs import JobRow
from backend.services.work import Finished, TryLater
from bot import events as ev
from bot.handlers.turns import where

log = structlog.get_logger(__name__)

SECONDS = Histogram("perlinsos_job_seconds", "From claim to outcome", ["kind", "outcome"])
MOST_TRIES = 5
"""Tries of a job that fails by its own fault; one that waits for somebody else is tried for as long as it takes."""
LONGEST_BACK_OFF = 300.0

Executor = Callable[[JobRow, datetime], Awaitable[Finished]]


class JobWorker:
    """`run` finishes, postpones or fails each of the rung jobs; an outcome is an inbox row, so it comes exactly once."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        executors: Mapping[str, Executor],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bus = bus
        self._executors = executors
        self._now = now

    async def run(self, job_ids: Sequence[int]) -> None:
        async with self._database.write() as connection:
            claimed = await jobs.claim(connection, job_ids, self._now())
        await asyncio.gather(*(self._run_one(job) for job in claimed))

    async def _run_one(self, job: JobRow) -> None:
        started = self._now()
        try:
            finished = await self._executors[job.kind](job, started)
        except TryLater as wait:
            await self._postpone(job, wait.cause, wait.after)
            return
        except Exception as error:  # a job's fault is told to its conversation, never lost
            await self._failed(job, error)
            return
        await self._close(job, finished)
        SECONDS.labels(job.kind, finished.outcome).observe((self._now() - started).total_seconds())

    async def _close(self, job: JobRow, finished: Finished, error: str | None = None) -> None:
        now = self._now()
        async with self._database.write() as connection:
            if not await jobs.finish(connection, job.id, now, error=error):
                return
            new_jobs = await finished.write(connection) if finished.write is not None else ()
            arrivals = [
                inbox.Arrival(conversation_id, "notice", notice_id, ev.to_json(notice))
                for conversation_id, notice_id, notice in finished.notices
            ]
            if job.conversation_id is not None and job.token:
                outcome = ev.JobFinished(job.kind, job.token, finished.outcome, finished.data, finished.person_id)
                arrivals.append(inbox.Arrival(job.conversation_id, "job", str(job.id), ev.to_json(outcome)))
            chats = await inbox.insert_events(connection, self._database, arrivals, now)
        await self._bus.ring("turns", chats)
        await self._bus.ring("jobs", new_jobs)

    async def _postpone(self, job: JobRow, cause: str, after: float | None) -> None:
        seconds = after if after is not None else min(1.0 * 2**job.attempts, LONGEST_BACK_OFF)
        async with self._database.write() as connection:
            await jobs.try_later(connection, job.id, cause, self._now() + timedelta(seconds=seconds))
        await self._bus.ring("jobs", [job.id], seconds)
        log.warning("job_postponed", job=job.id, kind=job.kind, cause=cause, seconds=round(seconds, 1))

    async def _failed(self, job: JobRow, error: Exception) -> None:
        log.error(
            "job_failed", job=job.id, kind=job.kind, cause=type(error).__name__, where=where(error), attempt=job.attempts
        )
        if job.attempts + 1 < MOST_TRIES:
            await self._postpone(job, type(error).__name__, None)
        else:
            await self._close(job, Finished("failed"), error=type(error).__name__)
