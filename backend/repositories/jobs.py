"""Jobs: slow or outside work as rows, from the turn that asks to the outcome that comes back as an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Conversation, Job, table
from backend.repositories.sets import InsertSet, among

JOBS = table(Job)
CONVERSATIONS = table(Conversation)
_INSERT = InsertSet(
    JOBS,
    each=("conversation_id", "kind", "token", "data", "not_before", "trace"),
    same=("status", "created_at"),
    returning="id",
)
LEASE = timedelta(seconds=30)
"""How long a running job stays its worker's without a word from it (`hold`); then another one may take it."""


@value
class JobDraft:
    conversation_id: int | None
    kind: str
    data: Mapping[str, Any]
    token: str = ""
    not_before: datetime | None = None
    trace: str = ""


@value
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
    trace: str = ""


async def add(connection: AsyncConnection, drafts: Sequence[JobDraft], now: datetime) -> list[int]:
    """Queue jobs; their ids, to be rung after the commit."""
    values = [(d.conversation_id, d.kind, d.token, d.data, d.not_before, d.trace) for d in drafts]
    return await _INSERT(connection, values, ("queued", now))


async def claim(
    connection: AsyncConnection, ids: Sequence[int], kinds: Collection[str], now: datetime
) -> tuple[list[JobRow], list[int]]:
    """Mark those of these jobs that are due `running` and hand them out; also the ids of due ones of other kinds."""
    j, c = JOBS.c, CONVERSATIONS.c
    due = and_(j.status == "queued", or_(j.not_before.is_(None), j.not_before <= now))
    lost = and_(j.status == "running", j.claimed_at < now - LEASE)
    columns: Sequence[Column[Any]] = (
        j.id, j.conversation_id, j.kind, j.token, j.data, j.attempts, j.created_at, c.channel, c.person_id, j.trace,
    )  # fmt: skip
    found = await connection.execute(
        select(*columns)
        .outerjoin(CONVERSATIONS, c.id == j.conversation_id)
        .where(among(connection, j.id, ids), or_(due, lost))
        .order_by(j.id)
        .with_for_update(of=JOBS, skip_locked=True)
    )
    due_rows = [JobRow(*row) for row in found]
    rows = [row for row in due_rows if row.kind in kinds]
    if rows:
        await connection.execute(
            update(JOBS)
            .where(among(connection, j.id, [row.id for row in rows]))
            .values(status="running", claimed_at=now, attempts=j.attempts + 1)
        )
    return rows, [row.id for row in due_rows if row.kind not in kinds]


async def hold(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """Say that these are still being worked on."""
    await connection.execute(update(JOBS).where(JOBS.c.id.in_(ids), JOBS.c.status == "running").values(claimed_at=now))


async def release(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Give back what was begun and will not be finished: at once free for everybody, and not counted as a try."""
    j = JOBS.c
    await connection.execute(
        update(JOBS)
        .where(j.id.in_(ids), j.status == "running")
        .values(status="queued", attempts=j.attempts - 1, error="its worker was stopped")
    )


async def finish(
    connection: AsyncConnection, job_ids: Sequence[int], now: datetime, *, error: str | None = None
) -> set[int]:
    """Close running jobs and empty their data. Which of them were still open: of the others nothing may be written."""
    if not job_ids:
        return set()
    closed = await connection.execute(
        update(JOBS)
        .where(among(connection, JOBS.c.id, job_ids), JOBS.c.status == "running")
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


async def waiting(connection: AsyncConnection, now: datetime, before: datetime, most: int) -> list[int]:
    """Jobs that are due and were asked for before that moment, or whose worker has been silent for too long."""
    j = JOBS.c
    due = and_(j.status == "queued", j.created_at <= before, or_(j.not_before.is_(None), j.not_before <= now))
    lost = and_(j.status == "running", j.claimed_at < now - LEASE)
    found = await connection.execute(select(j.id).where(j.open, or_(due, lost)).order_by(j.id).limit(most))
    return list(found.scalars())


async def is_open(connection: AsyncConnection, kind: str, *, but: int | None = None) -> bool:
    """Whether a job of this kind, another than `but`, is queued or running."""
    j = JOBS.c
    statement = select(j.id).where(j.open, j.kind == kind, j.status.in_(("queued", "running"))).limit(1)
    if but is not None:
        statement = statement.where(j.id != but)
    return (await connection.execute(statement)).first() is not None
