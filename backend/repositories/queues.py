"""How much waits, and for how long: bounded looks at the queues, for those who watch the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, func, literal, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Inbox, Job, Outbox, table

INBOX, OUTBOX, JOBS = table(Inbox), table(Outbox), table(Job)
MOST_ROWS = 10_000
"""A longer queue is looked at no further: the oldest of so many is near enough to the oldest of all."""


async def waiting(connection: AsyncConnection, now: datetime) -> dict[str, tuple[int, datetime | None]]:
    """By queue (`turns`, `sends`, `jobs`): how many rows are due, at most MOST_ROWS, and since when the oldest has been."""
    i, o, j = INBOX.c, OUTBOX.c, JOBS.c
    parts = (
        _queue("turns", [i.received_at], i.handled_at.is_(None), [i.conversation_id, i.id]),
        _queue("sends", [o.created_at, o.not_before, o.status], o.open, [o.conversation_id, o.id], now),
        _queue("jobs", [j.created_at, j.not_before, j.status], j.open, [j.id], now),
    )
    found = await connection.execute(union_all(*parts))
    return {row.queue: (row.rows, row.since) for row in found}


def _queue(
    name: str,
    columns: Sequence[Column[Any]],
    is_open: ColumnElement[bool],
    order: Sequence[Column[Any]],
    now: datetime | None = None,
) -> Select[str, int, datetime]:
    """One row about a queue. `now`: the queue has times before which a row is not due.

    What is open is read in the order of its partial index and nothing else is asked there, so that no plan is worth more
    than that index; whether a row is due is asked of what came out.
    """
    rows = select(*columns).where(is_open).order_by(*order).limit(MOST_ROWS).subquery()
    since: ColumnElement[Any] = rows.c[0]
    due: ColumnElement[bool] = true()
    if now is not None:
        due = and_(rows.c.status == "queued", or_(rows.c.not_before.is_(None), rows.c.not_before <= now))
        since = func.coalesce(rows.c.not_before, rows.c.created_at)
    figures = select(literal(name).label("queue"), func.count().label("rows"), func.min(since).label("since"))
    return figures.select_from(rows).where(due)
