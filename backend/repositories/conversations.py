"""Conversations: the row that a turn locks, advances and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Conversation, table
from backend.repositories.sets import InsertSet, UpdateSet, among

CONVERSATIONS = table(Conversation)


@value
class Locked:
    """A conversation that this transaction holds. `session` is `bot.session.to_json` or None before the first turn."""

    id: int
    channel: str
    phone: str | None
    session: Mapping[str, Any] | None
    person_id: int | None
    last_inbound_at: datetime | None
    next_timer_at: datetime | None
    address: str
    reachable: bool


@value
class Saved:
    id: int
    session: Mapping[str, Any]
    person_id: int | None
    next_timer_at: datetime | None
    last_inbound_at: datetime | None


_OPEN = InsertSet(
    CONVERSATIONS,
    each=("channel", "address_hash", "address", "phone"),
    same=("reachable", "created_at"),
    once=True,
)


async def open_chats(
    connection: AsyncConnection, chats: Mapping[tuple[str, bytes], Mapping[str, Any]], now: datetime
) -> dict[tuple[str, bytes], int]:
    """The ids of these chats, by channel and address hash; unknown ones are opened with their `address` and `phone`."""
    channels = {channel for channel, _ in chats}
    hashes = [address_hash for _, address_hash in chats]

    async def known() -> dict[tuple[str, bytes], int]:
        columns = (CONVERSATIONS.c.channel, CONVERSATIONS.c.address_hash, CONVERSATIONS.c.id)
        found = await connection.execute(
            # With the channel, the first column of the index: without it every conversation would be read.
            select(*columns).where(
                among(connection, CONVERSATIONS.c.channel, channels),
                among(connection, CONVERSATIONS.c.address_hash, hashes),
            )
        )
        return {(channel, bytes(address_hash)): chat_id for channel, address_hash, chat_id in found}

    ids = await known()
    new = [(*key, values["address"], values["phone"]) for key, values in chats.items() if key not in ids]
    if new:
        await _OPEN(connection, new, (True, now))
        ids = await known()
    return ids


async def lock(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Locked]:
    """Those of these conversations that no other worker holds, locked until the end of the transaction.

    On SQLite the transaction itself is the lock (BEGIN IMMEDIATE).
    """
    columns = (
        CONVERSATIONS.c.id, CONVERSATIONS.c.channel, CONVERSATIONS.c.phone, CONVERSATIONS.c.session,
        CONVERSATIONS.c.person_id, CONVERSATIONS.c.last_inbound_at, CONVERSATIONS.c.next_timer_at,
        CONVERSATIONS.c.address, CONVERSATIONS.c.reachable,
    )  # fmt: skip
    statement = select(*columns).where(among(connection, CONVERSATIONS.c.id, ids)).order_by(CONVERSATIONS.c.id)
    found = await connection.execute(statement.with_for_update(skip_locked=True))
    return {row.id: Locked(*row) for row in found}


_SAVE = UpdateSet(CONVERSATIONS, key=("id",), put=("session", "person_id", "next_timer_at", "last_inbound_at"))


async def save(connection: AsyncConnection, rows: Sequence[Saved]) -> None:
    """Write back what the turns made of these conversations."""
    await _SAVE(connection, [(r.id, r.session, r.person_id, r.next_timer_at, r.last_inbound_at) for r in rows])


async def due_timers(connection: AsyncConnection, now: datetime, most: int) -> list[int]:
    """Conversations whose next timer has run out."""
    found = await connection.execute(
        select(CONVERSATIONS.c.id)
        .where(CONVERSATIONS.c.next_timer_at.is_not(None), CONVERSATIONS.c.next_timer_at <= now)
        .limit(most)
    )
    return list(found.scalars())


async def set_reachable(connection: AsyncConnection, ids: Sequence[int], reachable: bool) -> None:
    if ids:
        await connection.execute(
            update(CONVERSATIONS).where(among(connection, CONVERSATIONS.c.id, ids)).values(reachable=reachable)
        )
