"""Jobs: slow or outside work as rows, from the turn that asks to the outcome that comes back as an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import evolve, value
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
LEASE = timedelta(seconds=20)
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
    """A job that this worker has claimed. `channel` and `person_id` are its conversation's, but in a facilitator's chat, where
    `about` names the case that asked, its person's; `losses` is how many workers
    died or hung over it."""

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
    losses: int = 0

    @property
    def case_key(self) -> str:
        about: Mapping[str, Any] = self.data.get("about") or {}
        return str(about.get("case", ""))


async def add(connection: AsyncConnection, drafts: Sequence[JobDraft], now: datetime) -> list[int]:
    """Queue jobs; their ids, to be rung after the commit."""
    values = [(d.conversation_id, d.kind, d.token, d.data, d.not_before, d.trace) for d in drafts]
    return await _INSERT(connection, values, ("queued", now))


@value
class Claim:
    """What became of a rung job: it is ours (`job`), another topic's, or not to be had for so many seconds."""

    id: int
    job: JobRow | None = None
    elsewhere: bool = False
    due_in: float | None = None


async def claim(connection: AsyncConnection, ids: Sequence[int], kinds: Collection[str], now: datetime) -> list[Claim]:
    """Mark those of these jobs that are due and of these kinds `running`. Of closed ones nothing is said."""
    j, c = JOBS.c, CONVERSATIONS.c
    lost = case((j.status == "running", 1), else_=0)
    found = await connection.execute(
        select(
            j.id, j.conversation_id, j.kind, j.token, j.data, j.attempts, j.created_at, c.channel, c.person_id,
            j.trace, (j.losses + lost).label("losses"), j.status, j.not_before, j.claimed_at,
        )
        .outerjoin(CONVERSATIONS, c.id == j.conversation_id)
        .where(among(connection, j.id, ids), j.open)
        .order_by(j.id)
        .with_for_update(of=JOBS, skip_locked=True)
    )  # fmt: skip
    claims = [_judge(row, kinds, now) for row in found]
    taken = [claim.id for claim in claims if claim.job is not None]
    if taken:
        await connection.execute(
            update(JOBS)
            .where(among(connection, j.id, taken))
            .values(status="running", claimed_at=now, attempts=j.attempts + 1, losses=j.losses + lost)
        )
    return claims


def _judge(row: Any, kinds: Collection[str], now: datetime) -> Claim:
    free_at = row.claimed_at + LEASE if row.status == "running" else row.not_before
    if free_at is not None and free_at > now:
        return Claim(row.id, due_in=(free_at - now).total_seconds())
    if row.kind not in kinds:
        return Claim(row.id, elsewhere=True)
    job = JobRow(*row[:11])
    return Claim(row.id, job=evolve(job, person_id=job.data["about"]["person_id"]) if "about" in job.data else job)


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
    """Close running jobs and empty their data. Which of them were still open: of the others nothing may be written.

    One that failed and that no chat waits for keeps its data (an erasure, say): it can be brought back.
    """
    if not job_ids:
        return set()
    empty = literal({}, JOBS.c.data.type)
    data = case((JOBS.c.token == "", JOBS.c.data), else_=empty) if error else empty
    closed = await connection.execute(
        update(JOBS)
        .where(among(connection, JOBS.c.id, job_ids), JOBS.c.status == "running")
        .values(status="failed" if error else "done", error=error and error[:300], finished_at=now, data=data)
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


async def queued_by(connection: AsyncConnection, kind: str, token: str, at: datetime, *, but: int) -> bool:
    """Whether a job of this kind and token, another than `but`, is queued for that moment or an earlier one."""
    j = JOBS.c
    early = or_(j.not_before.is_(None), j.not_before <= at)
    found = await connection.execute(
        select(j.id).where(j.open, j.kind == kind, j.token == token, j.status == "queued", j.id != but, early).limit(1)
    )
    return found.first() is not None
