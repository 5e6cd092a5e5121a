"""The token clock of a provider's account, shared by all senders: when the next message may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, Integer, cast, func, literal, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import Pace, table

PACE = table(Pace)
LONGEST_WAIT = 5.0
"""Seconds ahead that a reply may reserve: what a sender sits out, far below the time after which it counts as unknown."""
BULK_AHEAD = 0.5
"""Seconds ahead that anything else may reserve. So a broadcast takes what replies leave, and a reply waits behind it for no
longer than this."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Places on an account's clock: `count` of them, the first in `start` seconds, one every `step`."""

    start: float
    count: int
    step: float


def advanced(
    next_at: Any, now: Any, step: float, replies: int, bulk: int, low: Any = min, high: Any = max, whole: Any = int
) -> tuple[Any, Any]:
    """The clock after a reservation, and how many places it holds. Over numbers, or over SQL with SQL's functions.

    `next_at` and `now` are Unix times. Replies are served first; what finds no place near enough is not reserved.
    """
    start = high(next_at, now)
    first = low(replies, high(0, whole((now + LONGEST_WAIT - start) / step + 1)))
    after = start + first * step
    second = low(bulk, high(0, whole((now + BULK_AHEAD - after) / step + 1)))
    return after + second * step, first + second


async def reserve(
    connection: AsyncConnection, database: Database, account: str, step: float, replies: int, bulk: int, now: datetime
) -> Reserved:
    """Reserve up to so many places, in one statement. PostgreSQL's own clock counts, so that machines need not agree."""
    time, low, high, whole = _functions(database, now)
    next_at, count = advanced(PACE.c.next_at, time, step, replies, bulk, low, high, whole)
    statement = (
        update(PACE)
        .where(PACE.c.account == account)
        .values(next_at=next_at, taken=cast(count, Integer))
        .returning((PACE.c.next_at - time).label("ahead"), PACE.c.taken)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        await _begin(connection, database, account)
        row = (await connection.execute(statement)).one()
    return Reserved(max(row.ahead - row.taken * step, 0.0), row.taken, step)


async def hold(connection: AsyncConnection, database: Database, account: str, seconds: float, now: datetime) -> None:
    """Nothing more is reserved for so long."""
    time, _, high, _ = _functions(database, now)
    await _begin(connection, database, account)
    later = high(PACE.c.next_at, time + seconds)
    await connection.execute(update(PACE).where(PACE.c.account == account).values(next_at=later))


async def _begin(connection: AsyncConnection, database: Database, account: str) -> None:
    await connection.execute(
        database.insert(PACE).values(account=account, next_at=0.0, taken=0).on_conflict_do_nothing()
    )


def _functions(database: Database, now: datetime) -> tuple[Any, Any, Any, Callable[[Any], Any]]:
    """This moment, the smaller, the greater, and the whole part of a positive number, in the database's words."""
    if database.is_sqlite:
        return literal(now.timestamp(), Float), func.min, func.max, lambda value: cast(value, Integer)
    return cast(func.extract("epoch", func.statement_timestamp()), Float), func.least, func.greatest, func.trunc
