"""Requests that their callers gave a name, and what these were answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.domain.values import value
from backend.models import IdempotencyKey, table

KEYS = table(IdempotencyKey)
KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=2)
"""A request without an answer for so long died with its process: who repeats it may begin anew."""
BATCH = 1000


@value
class Claim:
    """A request that nobody else carries out while its lease lasts."""

    id: int
    claimed_at: datetime


@value
class Known:
    """A request of this name that was there before: `same` as this one or not, with its answer or still under way."""

    same: bool
    status: int | None
    answer: Mapping[str, Any] | None


async def claim(
    connection: AsyncConnection, database: Database, key_id: int, name: str, request: bytes, now: datetime
) -> Claim | Known:
    """Make this name the caller's for this request, unless it is; both in one statement, whoever else tries."""
    name_hash = crypto.ring().index("idempotency.name", name)
    request_hash = crypto.ring().index("idempotency.request", request.hex())
    k = KEYS.c
    fresh = {"request_hash": request_hash, "claimed_at": now, "status": None, "answer": None, "created_at": now}
    insert = database.insert(KEYS).values(key_id=key_id, name_hash=name_hash, **fresh)
    lost = and_(k.status.is_(None), k.claimed_at < now - LEASE, k.request_hash == request_hash)
    claimed = await connection.execute(
        insert.on_conflict_do_update(
            index_elements=["key_id", "name_hash"], set_=fresh, where=or_(k.created_at < now - KEPT, lost)
        ).returning(k.id)
    )
    claim_id = claimed.scalar_one_or_none()
    if claim_id is not None:
        return Claim(claim_id, now)
    found = await connection.execute(
        select(k.request_hash, k.status, k.answer).where(k.key_id == key_id, k.name_hash == name_hash)
    )
    row = found.one()
    return Known(row.request_hash == request_hash, row.status, row.answer)


async def settle(connection: AsyncConnection, claimed: Claim, status: int, answer: Mapping[str, Any]) -> None:
    """Keep the answer, unless the lease ran out and another request took over."""
    k = KEYS.c
    mine = update(KEYS).where(k.id == claimed.id, k.claimed_at == claimed.claimed_at, k.status.is_(None))
    await connection.execute(mine.values(status=status, answer=answer))


async def release(connection: AsyncConnection, claimed: Claim) -> None:
    """Nothing came of it: the name is free again."""
    k = KEYS.c
    await connection.execute(
        delete(KEYS).where(k.id == claimed.id, k.claimed_at == claimed.claimed_at, k.status.is_(None))
    )


async def forget(connection: AsyncConnection, now: datetime) -> int:
    """Delete a batch of what is older than it is kept; how many these were."""
    old = select(KEYS.c.id).where(KEYS.c.created_at < now - KEPT).order_by(KEYS.c.created_at).limit(BATCH)
    return (await connection.execute(delete(KEYS).where(KEYS.c.id.in_(old)))).rowcount
