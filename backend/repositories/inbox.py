"""The inbox: everything that happens to a conversation, once, in the order in which it was received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.values import value
from backend.models import Inbox, table
from backend.partitions import month_after, month_of
from backend.repositories.sets import InsertSet, among

INBOX = table(Inbox)
_INSERT = InsertSet(
    INBOX,
    each=("channel", "provider_id", "conversation_id", "event", "message_ref", "trace"),
    same=("received_at",),
    once=True,
    returning="conversation_id",
)
MOST_PER_CONVERSATION = 30
REPEATED_WITHIN = timedelta(days=3)
"""How late a provider repeats a delivery: Telegram for 24 hours, Twilio for minutes."""
UNIQUE_FOR_GOOD = frozenset({"notice"})
"""Inbox channels of our own whose ids may come again at any time: an officer repeats a request a month later."""
TURN_OF_THE_MONTH = timedelta(minutes=1)
"""Longer than a transaction that stores messages, and than two machines' clocks are apart."""
TURN_LOCK = 7_310_002


@value
class Arrival:
    """One row to store. `event` is `bot.events.to_json`."""

    conversation_id: int
    channel: str
    provider_id: str
    event: Mapping[str, Any]
    message_ref: str = ""
    trace: str = ""


@value
class Pending:
    """One row still to be advanced."""

    id: int
    conversation_id: int
    channel: str
    event: Mapping[str, Any]
    message_ref: str
    received_at: datetime
    attempts: int
    trace: str


async def insert_events(
    connection: AsyncConnection, database: Database, rows: Sequence[Arrival], now: datetime
) -> list[int]:
    """Store what arrived; a provider's id that is known already is passed over. The conversations that got something new.

    On SQLite a unique constraint keeps ids once. On PostgreSQL each month's partition has its unique index, so an INSERT
    must say ON CONFLICT DO NOTHING without naming one, and only these need more than it: ids of our own that may repeat
    in any later month, and whatever arrives in the first days of a month (`new_ones`). For the rest of the month, and for
    every provider's message, that costs no statement.
    """
    if not database.is_sqlite:
        rows = await new_ones(connection, rows, now)
    if not rows:
        return []
    values = [(r.channel, r.provider_id, r.conversation_id, r.event, r.message_ref, r.trace) for r in rows]
    return list(dict.fromkeys(await _INSERT(connection, values, (now,))))


async def new_ones(connection: AsyncConnection, rows: Sequence[Arrival], now: datetime) -> Sequence[Arrival]:
    """Those of these rows that no earlier month holds. PostgreSQL only; to be called before the INSERT, with its clock.

    Around the turn of a month one transaction stores at a time: else two could pass at once, on both sides of midnight.
    """
    begun, left = now - month_of(now), month_after(month_of(now)) - now
    turn = begun < TURN_OF_THE_MONTH or left < TURN_OF_THE_MONTH
    if turn:
        await connection.execute(select(func.pg_advisory_xact_lock(TURN_LOCK)))
    ours = [row.provider_id for row in rows if row.channel in UNIQUE_FOR_GOOD]
    doubted = [and_(INBOX.c.channel.in_(UNIQUE_FOR_GOOD), INBOX.c.provider_id.in_(ours))] if ours else []
    if turn or begun < REPEATED_WITHIN:
        doubted += [
            and_(
                INBOX.c.received_at >= now - 2 * REPEATED_WITHIN,
                INBOX.c.channel == channel,
                INBOX.c.provider_id.in_([row.provider_id for row in rows if row.channel == channel]),
            )
            for channel in {row.channel for row in rows}
        ]
    if not doubted:
        return rows
    found = await connection.execute(select(INBOX.c.channel, INBOX.c.provider_id).where(or_(*doubted)))
    known = {(channel, provider_id) for channel, provider_id in found}
    return [row for row in rows if (row.channel, row.provider_id) not in known]


async def pending(connection: AsyncConnection, conversation_ids: Sequence[int]) -> list[Pending]:
    """What these conversations still have to be told, oldest first."""
    columns = (
        INBOX.c.id, INBOX.c.conversation_id, INBOX.c.channel, INBOX.c.event,
        INBOX.c.message_ref, INBOX.c.received_at, INBOX.c.attempts, INBOX.c.trace,
    )  # fmt: skip
    found = await connection.execute(
        select(*columns)
        .where(among(connection, INBOX.c.conversation_id, conversation_ids), INBOX.c.handled_at.is_(None))
        .order_by(INBOX.c.id)
        .limit(MOST_PER_CONVERSATION * len(conversation_ids))
    )
    return [Pending(*row) for row in found]


async def still_pending(connection: AsyncConnection, rows: Sequence[Pending]) -> set[int]:
    """Which of these rows nobody has advanced since they were read."""
    if not rows:
        return set()
    # Asked for by their ids alone: with `handled_at` in the condition the index of what is pending may be read as a whole,
    # and that grows with the backlog.
    found = await connection.execute(
        select(INBOX.c.id, INBOX.c.handled_at).where(
            among(connection, INBOX.c.id, [row.id for row in rows]), INBOX.c.received_at >= oldest(rows)
        )
    )
    return {row.id for row in found if row.handled_at is None}


def oldest(rows: Sequence[Pending]) -> datetime:
    """When the first of these rows came: no month before it has to be looked into."""
    return min(row.received_at for row in rows)


async def handled(connection: AsyncConnection, ids: Sequence[int], since: datetime, now: datetime) -> None:
    """These rows, received at `since` or later, are done with."""
    if ids:
        mine = (among(connection, INBOX.c.id, ids), INBOX.c.received_at >= since)
        await connection.execute(update(INBOX).where(*mine).values(handled_at=now))


async def failed(connection: AsyncConnection, row_id: int, cause: str, now: datetime, *, give_up: bool) -> None:
    """Count one more failed try of a row; with `give_up` it is set aside with its cause and no longer pending."""
    values: dict[str, Any] = {"attempts": INBOX.c.attempts + 1, "error": cause[:300]}
    if give_up:
        values["handled_at"] = now
    await connection.execute(update(INBOX).where(INBOX.c.id == row_id).values(**values))


async def waiting_conversations(connection: AsyncConnection, before: datetime, most: int) -> list[int]:
    """Conversations with something pending that came before that moment: what the sweep rings for."""
    found = await connection.execute(
        select(INBOX.c.conversation_id)
        .where(INBOX.c.handled_at.is_(None), INBOX.c.received_at <= before)
        .distinct()
        .limit(most)
    )
    return list(found.scalars())
