"""Dead letters: what was given up on and set aside, from the transaction that did so until somebody has it tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.bus import Topic
from backend.models import Conversation, DeadLetter, Inbox, Job, Outbox, table

LETTERS, INBOX, OUTBOX, JOBS = table(DeadLetter), table(Inbox), table(Outbox), table(Job)
CONVERSATIONS = table(Conversation)


@dataclass(frozen=True, slots=True)
class Letter:
    """`topic` and `known` as the bus names it; `row_id` is the inbox row, the message or the job, if there was one."""

    topic: Topic
    known: int
    row_id: int | None
    what: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class Stored:
    id: int
    letter: Letter
    created_at: datetime


async def add(connection: AsyncConnection, letters: Sequence[Letter], now: datetime) -> None:
    if letters:
        values = [
            {
                "topic": letter.topic, "known": letter.known, "row_id": letter.row_id, "what": letter.what[:300],
                "reason": letter.reason[:300], "tries": letter.tries, "created_at": now,
            }
            for letter in letters
        ]  # fmt: skip
        await connection.execute(insert(LETTERS), values)


async def page(connection: AsyncConnection, after: int, most: int) -> list[Stored]:
    """The next ones, oldest first."""
    found = await connection.execute(select(LETTERS).where(LETTERS.c.id > after).order_by(LETTERS.c.id).limit(most))
    return [_stored(row) for row in found]


async def lock(connection: AsyncConnection, letter_id: int) -> Stored | None:
    """One letter, held until the end of the transaction: who replays it at the same time finds nothing."""
    found = await connection.execute(select(LETTERS).where(LETTERS.c.id == letter_id).with_for_update())
    row = found.first()
    return None if row is None else _stored(row)


async def remove(connection: AsyncConnection, letter_id: int) -> None:
    await connection.execute(delete(LETTERS).where(LETTERS.c.id == letter_id))


def _stored(row: Any) -> Stored:
    return Stored(row.id, Letter(row.topic, row.known, row.row_id, row.what, row.reason, row.tries), row.created_at)


async def set_aside_happening(
    connection: AsyncConnection, conversation_id: int, reason: str, now: datetime
) -> tuple[int, int] | None:
    """Take the oldest pending row of a conversation, which perhaps nobody can read, out of everybody's way; its id and the
    tries of it. Without one, it was the conversation's timer: that is taken off, and the answer is None."""
    found = await connection.execute(
        select(INBOX.c.id, INBOX.c.attempts)
        .where(INBOX.c.conversation_id == conversation_id, INBOX.c.handled_at.is_(None))
        .order_by(INBOX.c.id)
        .limit(1)
    )
    row = found.first()
    if row is None:
        off = update(CONVERSATIONS).where(CONVERSATIONS.c.id == conversation_id).values(next_timer_at=None)
        await connection.execute(off)
        return None
    await connection.execute(update(INBOX).where(INBOX.c.id == row.id).values(handled_at=now, error=reason[:300]))
    return row.id, row.attempts


async def set_aside_message(connection: AsyncConnection, conversation_id: int, reason: str) -> Any | None:
    """Fail the next message of a conversation; its `id`, `texts` and `attempts`."""
    o = OUTBOX.c
    found = await connection.execute(
        select(o.id, o["keys"].label("texts"), o.attempts)
        .where(o.conversation_id == conversation_id, o.open)
        .order_by(o.id)
        .limit(1)
    )
    row = found.first()
    if row is not None:
        await connection.execute(update(OUTBOX).where(o.id == row.id).values(status="failed", error=reason[:300]))
    return row


async def set_aside_job(connection: AsyncConnection, job_id: int, reason: str, now: datetime) -> Any | None:
    """Fail a job; its `conversation_id`, `kind`, `token`, `attempts` and `trace`."""
    j = JOBS.c
    failed = await connection.execute(
        update(JOBS)
        .where(j.id == job_id, j.open)
        .values(status="failed", error=reason[:300], finished_at=now)
        .returning(j.conversation_id, j.kind, j.token, j.attempts, j.trace)
    )
    return failed.first()


async def bring_back(connection: AsyncConnection, letter: Letter) -> bool:
    """Make its row wait again, as if it had never been tried. False when there is none any more, or nothing is left in it."""
    if letter.row_id is None:
        return True
    if letter.topic == "turns":
        again = update(INBOX).where(INBOX.c.id == letter.row_id).values(handled_at=None, attempts=0, error=None)
    elif letter.topic == "sends":
        o = OUTBOX.c
        again = (
            update(OUTBOX)
            .where(o.id == letter.row_id, o.status == "failed")
            .values(status="queued", attempts=0, not_before=None, error=None)
        )
    else:
        j = JOBS.c
        again = (
            update(JOBS)
            .where(j.id == letter.row_id, j.status == "failed", j.token == "")
            .values(status="queued", attempts=0, losses=0, not_before=None, error=None, finished_at=None)
        )
    return (await connection.execute(again)).rowcount > 0


async def about(connection: AsyncConnection, letter: Letter) -> dict[str, object]:
    """Of the row that it is about, what is nobody's: moments, states, names of texts. Empty when it is gone."""
    source, names = {
        "turns": (INBOX, ("channel", "received_at", "attempts", "error", "trace")),
        "sends": (OUTBOX, ("kind", "keys", "status", "attempts", "error", "created_at", "trace")),
    }.get(letter.topic, (JOBS, ("kind", "status", "attempts", "losses", "error", "created_at", "finished_at", "trace")))
    found = await connection.execute(select(*(source.c[name] for name in names)).where(source.c.id == letter.row_id))
    row = found.mappings().first()
    return {} if row is None else {f"{source.name}.{name}": value for name, value in row.items()}
