"""The clock of the appeals: officers are warned before a state's last day, once a state, by a ticket of their region.

It is one job that queues itself again while an appeal is open; the first appeal starts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories import appeals, audit, jobs, tickets
from backend.repositories.jobs import JobDraft, JobRow
from backend.services.clock import local_day
from backend.services.records import ticket
from backend.services.work import Finished, Work

CLOCK_JOB = "appeals.watch"
EVERY = timedelta(hours=6)
AHEAD = timedelta(days=2)
"""How long before the last day of a state officers are warned."""
MOST = 500


async def keep_running(connection: AsyncConnection, now: datetime) -> None:
    """Start the clock unless it runs."""
    if not await jobs.is_open(connection, CLOCK_JOB):
        await jobs.add(connection, [JobDraft(None, CLOCK_JOB, {}, not_before=now + EVERY)], now)


async def look(work: Work, job: JobRow, now: datetime) -> Finished:
    """`appeals.watch`: a ticket for each appeal whose state ends soon; then again, while one is open."""

    async def write(connection: AsyncConnection) -> Sequence[int]:
        late = await appeals.unwarned(connection, local_day(now) + AHEAD, MOST)
        rows = [ticket(work.code(), "deadline", one.number, None, one.person_id, now) for one in late]
        await tickets.add(connection, rows)
        await appeals.warned(connection, late)
        acts = [
            audit.Act(now, "clock", "appeal.deadline_near", f"appeal:{one.id}", {"status": one.status}) for one in late
        ]
        await audit.note(connection, acts)
        # Of two clocks the earlier one goes on.
        if await jobs.is_open(connection, CLOCK_JOB, but=job.id) or not await appeals.any_open(connection):
            return ()
        wait = timedelta() if len(late) == MOST else EVERY
        return await jobs.add(connection, [JobDraft(None, CLOCK_JOB, {}, not_before=now + wait)], now)

    return Finished("looked", write=write)
