"""What was said in one conversation, for the officer who reads along and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Inbox, Outbox, Person, table

CHATS, INBOX, OUTBOX, PEOPLE = table(Conversation), table(Inbox), table(Outbox), table(Person)
NOT_SAID = ("job", "notice")
"""Inbox channels of what happened elsewhere: no words of the citizen."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation with the region of the person that it has proven, else ""."""

    id: int
    channel: str
    person_id: int | None
    region_code: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One row of either side. `content` is an event's JSON or an outgoing body."""

    at: datetime
    incoming: bool
    status: str
    content: Any = field(repr=False)


async def chat(connection: AsyncConnection, conversation_id: int) -> Chat | None:
    found = await connection.execute(
        select(
            CHATS.c.id,
            CHATS.c.channel,
            CHATS.c.person_id,
            func.coalesce(PEOPLE.c.region_code, ""),
            CHATS.c.reachable,
        )
        .select_from(CHATS.outerjoin(PEOPLE, PEOPLE.c.id == CHATS.c.person_id))
        .where(CHATS.c.id == conversation_id)
    )
    row = found.first()
    return Chat(*row) if row is not None else None


async def lines(connection: AsyncConnection, conversation_id: int, most: int) -> list[Line]:
    """The newest lines of both sides, oldest first."""
    said = await connection.execute(
        select(INBOX.c.received_at, INBOX.c.event)
        .where(INBOX.c.conversation_id == conversation_id, INBOX.c.channel.not_in(NOT_SAID))
        .order_by(INBOX.c.id.desc())
        .limit(most)
    )
    told = await connection.execute(
        select(OUTBOX.c.created_at, OUTBOX.c.status, OUTBOX.c.body)
        .where(OUTBOX.c.conversation_id == conversation_id, OUTBOX.c.kind != "delete")
        .order_by(OUTBOX.c.id.desc())
        .limit(most)
    )
    both = [Line(row.received_at, True, "received", row.event) for row in said]
    both += [Line(row.created_at, False, row.status, row.body) for row in told]
    return sorted(both, key=lambda line: line.at)[-most:]
