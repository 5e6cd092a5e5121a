"""Events, written out of the rows that changed: one `INSERT … SELECT` for any number of rows, in the change's own
transaction. `backend.repositories.event_feed` gives them their place and reads them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, cast, func, insert, literal, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Appeal, Decision, Event, Person, Registration, Utc, table
from backend.models.base import BigId
from backend.repositories.sets import among

EVENTS = table(Event)
REGISTRATIONS, DECISIONS, APPEALS, PEOPLE = map(table, (Registration, Decision, Appeal, Person))
_R, _D, _A, _P = REGISTRATIONS.c, DECISIONS.c, APPEALS.c, PEOPLE.c
_COLUMNS = ("kind", "at", "region_code", "person_id", "registration_id", "decision_id", "appeal_id", "detail")
_NONE = cast(null(), BigId)


async def registrations_created(connection: AsyncConnection, ids: Collection[int], now: datetime) -> None:
    """New registrations; those that wait for nobody's face are submitted as well."""
    if ids:
        made = _of_registrations("registration.created", ids, now)
        submitted = _of_registrations("registration.submitted", ids, now).where(_R.status == "submitted")
        await _write(connection, made.union_all(submitted))


async def registrations_submitted(connection: AsyncConnection, ids: Collection[int], now: datetime) -> None:
    """Registrations from which nothing is missing any more."""
    if ids:
        await _write(connection, _of_registrations("registration.submitted", ids, now))


async def decisions_made(connection: AsyncConnection, ids: Collection[int], now: datetime) -> None:
    """Decisions; `detail` is the outcome, `waiting` too."""
    if ids:
        both = DECISIONS.join(REGISTRATIONS, _R.id == _D.registration_id)
        await _write(
            connection,
            select(
                literal("decision.made"), literal(now, Utc), _R.region_code, _D.person_id, _D.registration_id, _D.id,
                _NONE, _D.outcome,
            )
            .select_from(both)
            .where(among(connection, _D.id, ids)),
        )  # fmt: skip


async def appeals_moved(connection: AsyncConnection, ids: Collection[int], now: datetime) -> None:
    """Appeals that have come into the state in which they are. `detail`: that state, or once decided the outcome."""
    if ids:
        kind = case(
            (_A.status == "received", "appeal.received"),
            (_A.status == "decided", "appeal.decided"),
            else_="appeal.step",
        )
        await _write(
            connection,
            select(
                kind, literal(now, Utc), _A.region_code, _A.person_id, _A.registration_id, _A.decision_id, _A.id,
                func.coalesce(_A.outcome, _A.status),
            ).where(among(connection, _A.id, ids)),
        )  # fmt: skip


async def people_changed(
    connection: AsyncConnection, kind: str, ids: Collection[int], now: datetime, detail: str | None = None
) -> None:
    """Something about people, without who they are."""
    if ids:
        await _write(
            connection,
            select(
                literal(kind), literal(now, Utc), _P.region_code, _P.id, _NONE, _NONE, _NONE,
                cast(literal(detail) if detail else null(), EVENTS.c.detail.type),
            ).where(among(connection, _P.id, ids)),
        )  # fmt: skip


async def add_for_one(
    connection: AsyncConnection, subscription_id: int, region_code: str, now: datetime, kind: str
) -> int:
    """An event for one subscription only; its id."""
    values = {"kind": kind, "at": now, "region_code": region_code, "only_for": subscription_id}
    added = await connection.execute(insert(EVENTS).values(**values).returning(EVENTS.c.id))
    row_id: int = added.scalar_one()
    return row_id


def _of_registrations(kind: str, ids: Collection[int], now: datetime) -> Select[Any]:
    return select(literal(kind), literal(now, Utc), _R.region_code, _R.person_id, _R.id, _NONE, _NONE, _R.status).where(
        _R.id.in_(list(ids))
    )


async def _write(connection: AsyncConnection, rows: Any) -> None:
    await connection.execute(insert(EVENTS).from_select(_COLUMNS, rows))
