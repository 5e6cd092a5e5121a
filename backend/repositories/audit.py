"""The audit log: who did what to which case. Nothing personal is in it, and nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import AuditEvent, table

AUDIT = table(AuditEvent)


@dataclass(frozen=True, slots=True)
class Act:
    """`actor` is a login, an API key's name or "chat"; `subject` like "appeal:12"; `data` holds codes, never words."""

    at: datetime
    actor: str
    action: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)


async def note(connection: AsyncConnection, acts: Sequence[Act]) -> None:
    """Write these acts down, in the transaction that does them."""
    if acts:
        values = [
            {"at": a.at, "actor": a.actor, "action": a.action, "subject": a.subject, "data": dict(a.data)} for a in acts
        ]
        await connection.execute(insert(AUDIT), values)


async def read(
    connection: AsyncConnection, *, subject: str = "", actor: str = "", before: int | None = None, most: int = 50
) -> list[tuple[int, Act]]:
    """The newest acts first, each with its id; `before` is the last id of the page before."""
    a = AUDIT.c
    statement = select(a.id, a.at, a.actor, a.action, a.subject, a.data).order_by(a.id.desc()).limit(most)
    if subject:
        statement = statement.where(a.subject == subject)
    if actor:
        statement = statement.where(a.actor == actor)
    if before is not None:
        statement = statement.where(a.id < before)
    return [(row.id, Act(*row[1:])) for row in await connection.execute(statement)]


async def count(connection: AsyncConnection, action: str, subject: str, since: datetime) -> int:
    """How often this was done to this subject since then; a short time, since the log is found by its moments."""
    a = AUDIT.c
    found = await connection.execute(
        select(func.count()).where(a.at >= since, a.action == action, a.subject == subject)
    )
    return found.scalar_one()
