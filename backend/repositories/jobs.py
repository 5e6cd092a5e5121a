"""Jobs: slow or outside work as rows, from the turn that asks to the outcome that comes back as an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Job, table
from backend.repositories.sets import InsertSet

JOBS = table(Job)
CONVERSATIONS = table(Conversation)
_INSERT = InsertSet(
    JOBS,
    each=("conversation_id", "kind", "token", "data", "not_before"),
    same=("status", "created_at"),
    returning="id",
)
LEASE = timedelta(seconds=120)
"""How long a job may run before another worker may take it: longer than any time-out inside."""


@dataclass(frozen=True, slots=True)
class JobDraft:
    conversation_id: int | None
    kind: str
    data: Mapping[str, Any]
    token: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job that this worker has claimed. `channel` and `person_id` are its conversation's."""

    id: int
    conversation_id: int | None
    kind: str
    token: str
    data: Mapping[str, Any]
    attempts: int
    created_at: datetime
    channel: str | None
    person_id: int | None


async def add(connection: AsyncConnection, drafts: Sequence[JobDraft], now: datetime) -> list[int]:
    """Queue jobs; their ids, to be rung after the commit."""
    values = [(d.conversation_id, d.kind, d.token, d.data, d.not_before) for d in drafts]
    return await _INSERT(connection, values, ("queued", now))


async def claim(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> list[JobRow]:
    """Mark those of these jobs that are due `running` and hand them out."""
    j, c = JOBS.c, CONVERSATIONS.c
    due = and_(j.status == "queued", or_(j.not_before.is_(None), j.not_before <= now))
    lost = and_(j.status == "running", j.claimed_at < now - LEASE)
    found = await connection.execute(
        select(j.id, j.conversation_id, j.kind, j.token, j.data, j.attempts, j.created_at, c.channel, c.person_id)
        .outerjoin(CONVERSATIONS, c.id == j.conversation_id)
        .where(j.id.in_(ids), or_(due, lost))
        .order_by(j.id)
        .with_for_update(of=JOBS, skip_locked=True)
    )
    rows = [JobRow(*row) for row in found]
    if rows:
        await connection.execute(
            update(JOBS)
            .where(j.id.in_([row.id for row in rows]))
            .values(status="running", claimed_at=now, attempts=j.attempts + 1)
        )
    return rows


async def finish(
    connection: AsyncConnection, job_ids: Sequence[int], now: datetime, *, error: str | None = None
) -> set[int]:
    """Close running jobs and empty their data. Which of them were still open: of the others nothing may be written."""
    if not job_ids:
        return set()
    closed = await connection.execute(
        update(JOBS)
        .where(JOBS.c.id.in_(job_ids), JOBS.c.status == "running")
        .values(status="failed" if error else "done", error=error and error[:300], finished_at=now, data={})
        .returning(JOBS.c.id)
    )
    return set(closed.scalars())


async def try_later(connection: AsyncConnection, job_id: int, cause: str, not_before: datetime) -> None:
    await connection.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.status == "running")
        .values(status="queued", error=cause[:300], not_before=not_before)
    )


async def recover(connection: AsyncConnection) -> int:
    """After a crash of the only process: nobody is working. What ran is queued again."""
    result = await connection.execute(
        update(JOBS)
        .where(JOBS.c.open, JOBS.c.status == "running")
        .values(status="queued", error="interrupted by a restart")
    )
    return result.rowcount


async def waiting(connection: AsyncConnection, now: datetime, most: int) -> list[int]:
    """Jobs that are due, or whose worker has been silent for too long: what the sweep rings for."""
    j = JOBS.c
    due = and_(j.status == "queued", or_(j.not_before.is_(None), j.not_before <= now))
    lost = and_(j.status == "running", j.claimed_at < now - LEASE)
    found = await connection.execute(select(j.id).where(j.open, or_(due, lost)).order_by(j.id).limit(most))
    return list(found.scalars())
