"""The job worker: claims rung jobs, runs their executors side by side, and turns each outcome into an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from backend import metrics
from backend.bus import Bus, Topic
from backend.db import Database
from backend.grouping import Grouped
from backend.repositories import inbox, jobs
from backend.repositories.jobs import JobRow
from backend.services.work import Finished, TryLater
from backend.tracing import follow
from bot import events as ev
from bot.handlers.turns import where

log = structlog.get_logger(__name__)

MOST_TRIES = 5
"""Tries of a job that fails by its own fault; one that waits for somebody else is tried for as long as it takes."""
LONGEST_BACK_OFF = 300.0

MOST_AT_ONCE = 64
HELD_EVERY = jobs.LEASE.total_seconds() / 3

_batch_size = metrics.BATCH_SIZE.labels("jobs")

Executor = Callable[[JobRow, datetime], Awaitable[Finished]]


@dataclass(frozen=True, slots=True)
class _Closing:
    """A job and its outcome on the way into the database."""

    job: JobRow
    finished: Finished
    error: str | None = None


class JobWorker:
    """`run` starts the rung jobs and returns; each finishes, waits or fails by itself, at most `at_once` at a time.

    Jobs of a kind that has no executor here are rung where `elsewhere` says. An outcome is an inbox row, so it comes
    exactly once. Outcomes of many jobs share a transaction.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        executors: Mapping[str, Executor],
        now: Callable[[], datetime],
        *,
        elsewhere: Topic = "jobs",
        at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._database = database
        self._bus = bus
        self._executors = executors
        self._now = now
        self._elsewhere: Topic = elsewhere
        self._at_once = at_once
        self._running: dict[asyncio.Task[None], int] = {}
        self._closing: Grouped[_Closing] = Grouped(self._close_all, MOST_AT_ONCE)

    @metrics.counted_as("jobs")
    async def run(self, job_ids: Sequence[int]) -> None:
        while len(self._running) + len(job_ids) > self._at_once and self._running:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        async with self._database.write() as connection:
            claimed, others = await jobs.claim(connection, job_ids, self._executors.keys(), self._now())
        if claimed:
            _batch_size.observe(len(claimed))
        for job in claimed:
            task = asyncio.create_task(self._run_one(job))
            self._running[task] = job.id
            task.add_done_callback(self._running.pop)
        await self._bus.ring(self._elsewhere, others)

    async def hold(self) -> None:
        """For as long as this process is alive, its jobs stay its own."""
        while True:
            await asyncio.sleep(HELD_EVERY)
            if not self._running:
                continue
            try:
                async with self._database.write() as connection:
                    await jobs.hold(connection, list(self._running.values()), self._now())
            except Exception as error:  # the next time may be in time yet; if not, another worker takes them
                log.warning("jobs_not_held", cause=type(error).__name__)

    async def drain(self) -> None:
        """Wait until nothing is running."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self, within: float) -> None:
        """Wait so many seconds for what is running; what takes longer is given back and rung for others."""
        if self._running:
            await asyncio.wait(self._running, timeout=within)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            async with self._database.write() as connection:
                await jobs.release(connection, list(left.values()))
            await self._bus.ring("jobs", left.values())

    async def _run_one(self, job: JobRow) -> None:
        follow(job.trace)
        started = self._now()
        try:
            finished = await self._executors[job.kind](job, started)
            await self._closing.add(_Closing(job, finished))
            log.debug("job_done", job=job.id, kind=job.kind, outcome=finished.outcome)
            metrics.JOB_SECONDS.labels(job.kind, finished.outcome).observe((self._now() - started).total_seconds())
        except TryLater as wait:
            await self._postpone(job, wait.cause, wait.after)
        except Exception as error:  # a job's fault is told to its conversation, never lost
            await self._failed(job, error)

    @metrics.counted_as("jobs")
    async def _close_all(self, closings: list[_Closing]) -> None:
        """All in one transaction; where one of them cannot be written, each in its own, so that it stops no other."""
        try:
            await self._close(closings)
        except Exception:
            if len(closings) == 1:
                raise
            for closing in closings:
                try:
                    await self._close([closing])
                except Exception as error:  # this one alone is at fault
                    await self._failed(closing.job, error)

    async def _close(self, closings: Sequence[_Closing]) -> None:
        now = self._now()
        new_jobs: list[int] = []
        arrivals: list[inbox.Arrival] = []
        async with self._database.write() as connection:
            open_ids = await jobs.finish(connection, [c.job.id for c in closings if not c.error], now)
            for closing in closings:
                if closing.error:
                    open_ids |= await jobs.finish(connection, [closing.job.id], now, error=closing.error)
                if closing.job.id not in open_ids:
                    continue
                if closing.finished.write is not None:
                    new_jobs.extend(await closing.finished.write(connection))
                arrivals.extend(_arrivals(closing))
            chats = await inbox.insert_events(connection, self._database, arrivals, now)
        await self._bus.ring("turns", chats)
        await self._bus.ring("jobs", new_jobs)

    async def _postpone(self, job: JobRow, cause: str, after: float | None) -> None:
        metrics.JOB_TRIES_FAILED.labels(job.kind, "True").inc()
        seconds = after if after is not None else min(1.0 * 2**job.attempts, LONGEST_BACK_OFF)
        async with self._database.write() as connection:
            await jobs.try_later(connection, job.id, cause, self._now() + timedelta(seconds=seconds))
        await self._bus.ring("jobs", [job.id], seconds)
        log.warning("job_postponed", trace=job.trace, job=job.id, kind=job.kind, cause=cause, seconds=round(seconds, 1))

    async def _failed(self, job: JobRow, error: Exception) -> None:
        log.error(
            "job_failed",
            trace=job.trace,
            job=job.id,
            kind=job.kind,
            cause=type(error).__name__,
            where=where(error),
            attempt=job.attempts,
        )
        if job.attempts + 1 < MOST_TRIES:
            await self._postpone(job, type(error).__name__, None)
        else:
            metrics.JOB_TRIES_FAILED.labels(job.kind, "False").inc()
            await self._close([_Closing(job, Finished("failed"), type(error).__name__)])


def _arrivals(closing: _Closing) -> list[inbox.Arrival]:
    """The outcome for the conversation that asked, and the news for others."""
    job, finished = closing.job, closing.finished
    arrivals = [
        inbox.Arrival(conversation_id, "notice", notice_id, ev.to_json(notice), trace=job.trace)
        for conversation_id, notice_id, notice in finished.notices
    ]
    if job.conversation_id is not None and job.token:
        outcome = ev.JobFinished(job.kind, job.token, finished.outcome, finished.data, finished.person_id)
        arrivals.append(inbox.Arrival(job.conversation_id, "job", str(job.id), ev.to_json(outcome), trace=job.trace))
    return arrivals
