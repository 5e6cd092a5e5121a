"""Reads for the simulator: one chat's messages and the rows that hang on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Appeal,
    AppealEvent,
    Consent,
    Conversation,
    Decision,
    FaceCheck,
    Inbox,
    Job,
    Outbox,
    Person,
    Photo,
    Registration,
    Ticket,
    table,
)

CHATS, INBOX, OUTBOX = table(Conversation), table(Inbox), table(Outbox)
PEOPLE, APPEALS = table(Person), table(Appeal)
BY_PERSON = (table(Registration), table(Decision), APPEALS)
BY_CHAT = (table(Consent), table(Photo), table(FaceCheck), table(Ticket), table(Job), OUTBOX)
MOST = 200


async def conversation(connection: AsyncConnection, address_hash: bytes) -> int | None:
    found = await connection.execute(
        select(CHATS.c.id).where(CHATS.c.channel == "simulator", CHATS.c.address_hash == address_hash)
    )
    return found.scalar_one_or_none()


async def inbound(connection: AsyncConnection, chat: int) -> Sequence[Any]:
    """What the citizen sent: rows with `received_at` and `event`."""
    found = await connection.execute(
        select(INBOX.c.received_at, INBOX.c.event)
        .where(INBOX.c.conversation_id == chat, INBOX.c.channel == "simulator")
        .order_by(INBOX.c.id)
    )
    return found.all()


async def outbound(connection: AsyncConnection, chat: int) -> Sequence[Any]:
    """What the bot said: rows with `id`, `created_at` and `body`."""
    found = await connection.execute(
        select(OUTBOX.c.id, OUTBOX.c.created_at, OUTBOX.c.body)
        .where(OUTBOX.c.conversation_id == chat, OUTBOX.c.kind != "delete", OUTBOX.c.status.in_(("delivered", "sent")))
        .order_by(OUTBOX.c.id)
    )
    return found.all()


async def outgoing(connection: AsyncConnection, chat: int, outgoing_id: int) -> Any | None:
    """One row of `outbound`, whether it counts as sent yet or not."""
    found = await connection.execute(
        select(OUTBOX.c.id, OUTBOX.c.created_at, OUTBOX.c.body).where(
            OUTBOX.c.id == outgoing_id, OUTBOX.c.conversation_id == chat, OUTBOX.c.kind != "delete"
        )
    )
    return found.first()


async def rows_behind(connection: AsyncConnection, chat: int) -> dict[str, list[dict[str, Any]]]:
    """Every row that this chat led to, by table; the newest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    session = (await connection.execute(select(CHATS).where(CHATS.c.id == chat))).mappings().one()
    found["conversations"] = [dict(session)]
    person = session["person_id"]
    for source in BY_CHAT:
        found[source.name] = await _rows(connection, source, source.c.conversation_id == chat)
    if person is not None:
        found["people"] = await _rows(connection, PEOPLE, PEOPLE.c.id == person)
        for source in BY_PERSON:
            found[source.name] = await _rows(connection, source, source.c.person_id == person)
        events = table(AppealEvent)
        mine = select(APPEALS.c.id).where(APPEALS.c.person_id == person)
        found["appeal_events"] = await _rows(connection, events, events.c.appeal_id.in_(mine))
    return {name: rows for name, rows in found.items() if rows}


async def _rows(connection: AsyncConnection, source: Table, condition: Any) -> list[dict[str, Any]]:
    rows = await connection.execute(select(source).where(condition).order_by(source.c.id.desc()).limit(MOST))
    return [dict(row) for row in rows.mappings()]
