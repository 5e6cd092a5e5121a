"""Old rows that nobody needs any more: closed jobs, and on SQLite old messages. PostgreSQL drops whole months instead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Inbox, Job, Outbox, table

INBOX, OUTBOX, JOBS = table(Inbox), table(Outbox), table(Job)
KEYS = {"inbox": INBOX.c.received_at, "outbox": OUTBOX.c.created_at, "jobs": JOBS.c.created_at}
CLOSED: dict[str, Any] = {"inbox": INBOX.c.handled_at.is_not(None), "outbox": ~OUTBOX.c.open, "jobs": ~JOBS.c.open}
BATCH = 1000


async def first_kept(connection: AsyncConnection, of: Table, before: datetime) -> int:
    """The id at which the rows begin that are not older than `before`; the newest row is kept in any case, so that SQLite
    gives no id twice. Reads the old rows only, because ids and time grow together."""
    found = await connection.execute(select(of.c.id).where(KEYS[of.name] >= before).order_by(of.c.id).limit(1))
    begin = found.scalar_one_or_none()
    if begin is None:
        begin = (await connection.execute(select(func.coalesce(func.max(of.c.id), 0)))).scalar_one()
    return int(begin)


async def delete_batch(connection: AsyncConnection, of: Table, before_id: int) -> int:
    """Delete a batch of closed rows with smaller ids; how many these were. What still waits stays, however old."""
    old = select(of.c.id).where(of.c.id < before_id, CLOSED[of.name]).order_by(of.c.id).limit(BATCH)
    return (await connection.execute(delete(of).where(of.c.id.in_(old)))).rowcount
