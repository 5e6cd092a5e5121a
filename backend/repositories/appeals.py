"""Appeals, their visible history, and the photos that came with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, String, bindparam, cast, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.appeals import OPEN
from backend.models import Appeal, AppealEvent, table
from backend.repositories import events
from backend.repositories.sets import among

APPEALS = table(Appeal)
EVENTS = table(AppealEvent)


@dataclass(frozen=True, slots=True)
class AppealRow:
    """An appeal as stored. `contested` and `not_mine` are codes of reasons (or names of data)."""

    id: int
    number: str
    decision_id: int
    registration_id: int
    person_id: int
    conversation_id: int | None
    region_code: str
    kind: str
    contested: Sequence[str]
    not_mine: Sequence[str]
    statement: str | None = field(repr=False)
    status: str
    outcome: str | None
    outcome_reason: str | None = field(repr=False)
    due_on: date
    step_due_on: date | None
    first_id: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AppealEventRow:
    """One line of the history that the appellant sees; `actor` is for officers only."""

    id: int
    appeal_id: int
    at: datetime
    status: str
    note: str | None = field(repr=False)
    actor: str


_A = APPEALS.c
COLUMNS: tuple[Column[Any], ...] = (
    _A.id, _A.number, _A.decision_id, _A.registration_id, _A.person_id, _A.conversation_id, _A.region_code, _A.kind,
    _A.contested, _A.not_mine, _A.statement, _A.status, _A.outcome, _A.outcome_reason, _A.due_on, _A.step_due_on,
    _A.first_id, _A.created_at, _A.updated_at,
)  # fmt: skip


async def by_ids(connection: AsyncConnection, ids: Iterable[int], *, lock: bool = False) -> dict[int, AppealRow]:
    """These appeals. With `lock` they are held until the end of the transaction."""
    statement = select(*COLUMNS).where(_A.id.in_(set(ids))).order_by(_A.id)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    return {row.id: AppealRow(*row) for row in found}


async def newest_of(connection: AsyncConnection, person_ids: Iterable[int]) -> dict[int, AppealRow]:
    """The newest appeal of each of these people, by person."""
    newest = select(func.max(_A.id)).where(among(connection, _A.person_id, set(person_ids))).group_by(_A.person_id)
    found = await connection.execute(select(*COLUMNS).where(_A.id.in_(newest)))
    return {row.person_id: AppealRow(*row) for row in found}


async def open_against(connection: AsyncConnection, decision_ids: Iterable[int]) -> set[int]:
    """Those of these decisions against which an appeal is open."""
    found = await connection.execute(
        select(_A.decision_id).where(_A.decision_id.in_(set(decision_ids)), _A.status.in_(OPEN))
    )
    return set(found.scalars())


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Store appeals (all columns but id); their ids by number."""
    if not rows:
        return {}
    added = await connection.execute(insert(APPEALS).returning(_A.number, _A.id), [dict(row) for row in rows])
    return {row.number: row.id for row in added}


async def change(connection: AsyncConnection, ids: Sequence[int], values: Mapping[str, Any]) -> None:
    """Set these columns of these appeals."""
    if ids:
        await connection.execute(update(APPEALS).where(_A.id.in_(ids)).values(**values))


async def add_events(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Add to the histories: rows with appeal_id, at, status, note, actor. Their ids, in any order."""
    if not rows:
        return []
    added = await connection.execute(insert(EVENTS).returning(EVENTS.c.id), [dict(row) for row in rows])
    ids = list(added.scalars())
    await events.appeals_moved(connection, {row["appeal_id"] for row in rows}, rows[0]["at"])
    return ids


async def history_of(connection: AsyncConnection, appeal_ids: Iterable[int]) -> dict[int, list[AppealEventRow]]:
    """The histories of these appeals, oldest first."""
    e = EVENTS.c
    histories: dict[int, list[AppealEventRow]] = {appeal_id: [] for appeal_id in appeal_ids}
    found = await connection.execute(
        select(e.id, e.appeal_id, e.at, e.status, e.note, e.actor)
        .where(among(connection, e.appeal_id, histories))
        .order_by(e.id)
    )
    for row in found:
        histories[row.appeal_id].append(AppealEventRow(*row))
    return histories


async def firsts_of(connection: AsyncConnection, registration_ids: Iterable[int]) -> dict[int, int]:
    """The first appeal about each of these registrations, by registration."""
    found = await connection.execute(
        select(_A.registration_id, func.min(_A.id))
        .where(_A.registration_id.in_(set(registration_ids)))
        .group_by(_A.registration_id)
    )
    return {row[0]: row[1] for row in found}


async def numbers_of(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, str]:
    """The numbers of these appeals, by id."""
    found = await connection.execute(select(_A.id, _A.number).where(_A.id.in_(set(ids))))
    return {row.id: row.number for row in found}


@dataclass(frozen=True, slots=True)
class Overdue:
    """An open appeal whose state ends soon, or should have."""

    id: int
    number: str
    person_id: int
    status: str
    step_due_on: date


async def unwarned(connection: AsyncConnection, until: date, most: int) -> list[Overdue]:
    """Open appeals whose state ends by this day and of which officers were not warned, held until the end of the
    transaction; the most urgent first."""
    found = await connection.execute(
        select(_A.id, _A.number, _A.person_id, _A.status, _A.step_due_on)
        .where(
            _A.status.in_(OPEN),
            _A.step_due_on <= until,
            _A.warned_for != _A.status + ":" + cast(_A.step_due_on, String),
        )
        .order_by(_A.step_due_on, _A.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [Overdue(*row) for row in found]


_WARNED = update(APPEALS).where(_A.id == bindparam("row_id")).values(warned_for=bindparam("of"))


async def warned(connection: AsyncConnection, rows: Sequence[Overdue]) -> None:
    """Officers were warned of these."""
    if rows:
        values = [{"row_id": row.id, "of": f"{row.status}:{row.step_due_on.isoformat()}"} for row in rows]
        await connection.execute(_WARNED, values)


async def any_open(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(_A.id).where(_A.status.in_(OPEN)).limit(1))).first() is not None
