"""Tickets: something that a human must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Ticket, table
from backend.repositories.sets import InsertSet

TICKETS = table(Ticket)
HUMAN = "human"


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket as stored. `kind`: human, correction, report, complaint, face, nik_inactive, erasure, deadline."""

    id: int
    number: str
    conversation_id: int | None
    person_id: int | None
    kind: str
    text: str | None = field(repr=False)
    status: str
    created_at: datetime
    due_at: datetime
    closed_at: datetime | None


_T = TICKETS.c
COLUMNS: tuple[Column[Any], ...] = (
    _T.id, _T.number, _T.conversation_id, _T.person_id, _T.kind, _T.text, _T.status, _T.created_at, _T.due_at,
    _T.closed_at,
)  # fmt: skip


_OF_TICKET = (
    "number", "conversation_id", "person_id", "kind", "text", "status", "created_at", "due_at", "closed_at",
)  # fmt: skip
_ADD = InsertSet(TICKETS, each=_OF_TICKET)


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store tickets. What a row does not name is empty: the receipt of an erasure is closed at once and is nobody's."""
    await _ADD(connection, [[row.get(name) for name in _OF_TICKET] for row in rows])


async def waiting_for_a_human(connection: AsyncConnection) -> int:
    """How many citizens wait for an officer's answer."""
    found = await connection.execute(select(func.count()).where(_T.kind == HUMAN, _T.status == "open"))
    return int(found.scalar_one())


async def by_id(connection: AsyncConnection, ticket_id: int, *, lock: bool = False) -> TicketRow | None:
    statement = select(*COLUMNS).where(_T.id == ticket_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return TicketRow(*row) if row is not None else None


async def set_status(connection: AsyncConnection, ticket_id: int, status: str, closed_at: datetime | None) -> None:
    await connection.execute(update(TICKETS).where(_T.id == ticket_id).values(status=status, closed_at=closed_at))
