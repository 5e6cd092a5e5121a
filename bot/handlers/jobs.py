"""The job worker: claims rung jobs, runs their executors side by side, and turns each outcome into an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from backend import metrics
from backend.bus import Bus, Topic
from backend.db import Database, is_outage
from backend.grouping import Grouped
from backend.repositories import dead, inbox, jobs
from backend.repositories.jobs import JobRow
from backend.services.work import Finished, TryLater
from backend.tracing import follow, where
from bot import events as ev

log = structlog.get_logger(__name__)

MOST_TRIES = 5
"""Tries of a job that fails by its own fault; one that waits for somebody else is tried for as long as it takes."""
MOST_LOSSES = 3
"""Workers that may die or hang over one job."""
WORN_OUT = "every worker that began it died or hung"
LONGEST_BACK_OFF = 300.0

MOST_AT_ONCE = 64
HELD_EVERY = jobs.LEASE.total_seconds() / 4

_batch_size = metrics.BATCH_SIZE.labels("jobs")

Executor = Callable[[JobRow, datetime], Awaitable[Finished]]


class WornOut(Exception):  # noqa: N818 - it says what happened
    """Every worker that began this job died or hung."""


@dataclass(frozen=True, slots=True)
class _Closing:
    """A job and its outcome on the way into the database."""

    job: JobRow
    finished: Finished
    error: str | None = None


class JobWorker:
    """`run` carries out the rung jobs and returns when each has come to an outcome, waits or has failed.

    Jobs of a kind that has no executor here are rung where `elsewhere` says. An outcome is an inbox row, so it comes
    exactly once. What many calls begin or end at the same time shares a transaction.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        executors: Mapping[str, Executor],
        now: Callable[[], datetime],
        *,
        elsewhere: Topic = "jobs",
    ) -> None:
        self._database = database
        self._bus = bus
        self._executors = executors
        self._now = now
        self._elsewhere: Topic = elsewhere
        self._running: set[int] = set()
        self._claimed: dict[int, jobs.Claim] = {}
        self._claiming: Grouped[Sequence[int]] = Grouped(self._claim_all, MOST_AT_ONCE)
        self._closing: Grouped[_Closing] = Grouped(self._close_all, MOST_AT_ONCE)

    async def run(self, job_ids: Sequence[int]) -> None:
        await self._claiming.add(job_ids)
        claims = [self._claimed.pop(job_id) for job_id in dict.fromkeys(job_ids) if job_id in self._claimed]
        await self._bus.ring(self._elsewhere, [claim.id for claim in claims if claim.elsewhere])
        for claim in claims:
            if claim.due_in is not None:
                await self._bus.ring("jobs", [claim.id], claim.due_in)
        await asyncio.gather(*(self._run_one(claim.job) for claim in claims if claim.job is not None))

    @metrics.counted_as("jobs")
    async def _claim_all(self, wanted: list[Sequence[int]]) -> None:
        ids = list(dict.fromkeys(job_id for job_ids in wanted for job_id in job_ids))
        async with self._database.write() as connection:
            claims = await jobs.claim(connection, ids, self._executors.keys(), self._now())
        taken = [claim.id for claim in claims if claim.job is not None]
        if taken:
            _batch_size.observe(len(taken))
        self._running.update(taken)
        self._claimed.update((claim.id, claim) for claim in claims)

    async def hold(self) -> None:
        """For as long as this process is alive, its jobs stay its own."""
        while True:
            await asyncio.sleep(HELD_EVERY)
            if not self._running:
                continue
            try:
                async with self._database.write() as connection:
                    await jobs.hold(connection, list(self._running), self._now())
            except Exception as error:  # the next time may be in time yet; if not, another worker takes them
                log.warning("jobs_not_held", cause=type(error).__name__)

    async def give_back(self) -> None:
        """What was begun and cancelled is free for others."""
        if self._running:
            left = list(self._running)
            async with self._database.write() as connection:
                await jobs.release(connection, left)
            await self._bus.ring("jobs", left)

    @metrics.counted_as("jobs")
    async def _run_one(self, job: JobRow) -> None:
        follow(job.trace)
        started = self._now()
        try:
            if job.losses >= MOST_LOSSES:
                raise WornOut
            finished = await self._executors[job.kind](job, started)
            await self._closing.add(_Closing(job, finished))
            log.debug("job_done", job=job.id, kind=job.kind, outcome=finished.outcome)
            metrics.JOB_SECONDS.labels(job.kind, finished.outcome).observe((self._now() - started).total_seconds())
        except TryLater as wait:
            await self._postpone(job, wait.cause, wait.after)
        except Exception as error:  # a job's fault is told to its conversation, never lost
            if is_outage(error):  # nobody's fault: its lease runs out, and it is taken up again
                self._running.discard(job.id)
                raise
            await self._failed(job, error)
        self._running.discard(job.id)

    @metrics.counted_as("jobs")
    async def _close_all(self, closings: list[_Closing]) -> None:
        """All in one transaction; where one of them cannot be written, each in its own, so that it stops no other."""
        try:
            await self._close(closings)
        except Exception as error:
            if len(closings) == 1 or is_outage(error):
                raise
            for closing in closings:
                try:
                    await self._close([closing])
                except Exception as fault:  # this one alone is at fault
                    await self._failed(closing.job, fault)

    async def _close(self, closings: Sequence[_Closing]) -> None:
        now = self._now()
        new_jobs: list[int] = []
        arrivals: list[inbox.Arrival] = []
        sends: list[int] = []
        async with self._database.write() as connection:
            open_ids = await jobs.finish(connection, [c.job.id for c in closings if not c.error], now)
            for closing in closings:
                if closing.error:
                    open_ids |= await jobs.finish(connection, [closing.job.id], now, error=closing.error)
                if closing.job.id not in open_ids:
                    continue
                if closing.error:
                    await dead.add(connection, [_letter(closing.job, closing.error)], now)
                if closing.finished.write is not None:
                    new_jobs.extend(await closing.finished.write(connection))
                    sends.extend(closing.finished.sends)
                arrivals.extend(_arrivals(closing))
            chats = await inbox.insert_events(connection, self._database, arrivals, now)
        await self._bus.ring("turns", chats)
        await self._bus.ring("jobs", new_jobs)
        await self._bus.ring("sends", sends)

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
        if job.attempts + 1 < MOST_TRIES and not isinstance(error, WornOut):
            await self._postpone(job, type(error).__name__, None)
        else:
            metrics.JOB_TRIES_FAILED.labels(job.kind, "False").inc()
            metrics.DEAD_LETTERS.labels("jobs").inc()
            reason = WORN_OUT if isinstance(error, WornOut) else type(error).__name__
            await self._close([_Closing(job, Finished("failed"), reason)])


def _letter(job: JobRow, reason: str) -> dead.Letter:
    return dead.Letter("jobs", job.id, job.id, job.kind, reason, job.attempts + 1)


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
