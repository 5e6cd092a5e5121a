"""Who lets which facilitator act for them, and what facilitators have explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Appeal, Decision, Delegation, Explanation, Person, Registration, table
from backend.repositories.registrations import OVER
from backend.repositories.sets import among

DELEGATIONS, EXPLANATIONS, PEOPLE = table(Delegation), table(Explanation), table(Person)
REGISTRATIONS, DECISIONS, APPEALS = table(Registration), table(Decision), table(Appeal)
_D, _P, _R = DELEGATIONS.c, PEOPLE.c, REGISTRATIONS.c

Pair = tuple[int, int]
"""A facilitator and a citizen."""


@dataclass(frozen=True, slots=True)
class DelegationRow:
    id: int
    facilitator_id: int
    person_id: int
    acts: Sequence[str]
    since: datetime
    until: datetime
    withdrawn_at: datetime | None


_COLUMNS = (_D.id, _D.facilitator_id, _D.person_id, _D.acts, _D.since, _D.until, _D.withdrawn_at)


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store delegations (all columns but id)."""
    if rows:
        await connection.execute(insert(DELEGATIONS), [dict(row) for row in rows])


async def newest(connection: AsyncConnection, pairs: Iterable[Pair]) -> dict[Pair, DelegationRow]:
    """The newest delegation of each of these pairs, whether it holds or not."""
    wanted = set(pairs)
    if not wanted:
        return {}
    last = (
        select(func.max(_D.id))
        .where(
            among(connection, _D.facilitator_id, {one for one, _ in wanted}),
            among(connection, _D.person_id, {other for _, other in wanted}),
        )
        .group_by(_D.facilitator_id, _D.person_id)
    )
    found = [DelegationRow(*row) for row in await connection.execute(select(*_COLUMNS).where(_D.id.in_(last)))]
    return {pair: row for row in found if (pair := (row.facilitator_id, row.person_id)) in wanted}


async def withdraw(
    connection: AsyncConnection, people: Iterable[Any], pairs: Iterable[tuple[Any, Any]], now: datetime
) -> None:
    """All delegations of these people, and those of these pairs of facilitator and citizen, hold no longer."""
    which = or_(_D.person_id.in_(set(people)), tuple_(_D.facilitator_id, _D.person_id).in_(set(pairs)))
    await connection.execute(update(DELEGATIONS).where(_D.withdrawn_at.is_(None), which).values(withdrawn_at=now))


async def explained(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store receipts of explained results (all columns but id)."""
    if rows:
        await connection.execute(insert(EXPLANATIONS), [dict(row) for row in rows])


# --- the working list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accompanied:
    """Somebody on a facilitator's list, and where their case stands."""

    person_id: int
    name: str | None = field(repr=False)
    nik: str | None = field(repr=False)
    sex: str
    registration_status: str | None
    outcome: str | None
    told: bool
    appeal_until: Any
    appeal_status: str | None


async def accompanied(connection: AsyncConnection, facilitator_id: int, now: datetime) -> list[Accompanied]:
    """Everybody who lets this facilitator act for them now, the newest first."""
    d = DECISIONS.c
    last = select(func.max(_D.id)).where(_D.facilitator_id == facilitator_id).group_by(_D.person_id)
    registered = (
        select(func.max(_R.id)).where(_R.person_id == _P.id, _R.status.not_in(OVER)).correlate(PEOPLE).scalar_subquery()
    )
    appealed = (
        select(APPEALS.c.status)
        .where(APPEALS.c.decision_id == d.id)
        .order_by(APPEALS.c.id.desc())
        .limit(1)
        .correlate(DECISIONS)
        .scalar_subquery()
    )
    found = await connection.execute(
        select(_P.id, _P.name, _P.nik, _P.sex, _R.status, d.outcome, d.told_at.is_not(None), d.appeal_until, appealed)
        .select_from(
            DELEGATIONS.join(PEOPLE, _P.id == _D.person_id)
            .outerjoin(REGISTRATIONS, _R.id == registered)
            .outerjoin(DECISIONS, (d.registration_id == _R.id) & d.current)
        )
        .where(_D.id.in_(last), _D.since <= now, _D.until > now, _D.withdrawn_at.is_(None), _P.erased_at.is_(None))
        .order_by(_D.id.desc())
    )
    return [Accompanied(*row) for row in found]


async def registered_since(connection: AsyncConnection, facilitator_id: int, since: datetime) -> int:
    """How many people of this facilitator were registered in their chat since then: the day's count."""
    theirs = exists().where(_D.facilitator_id == facilitator_id, _D.person_id == _R.person_id)
    chats = select(_D.conversation_id).where(_D.facilitator_id == facilitator_id)
    where = (theirs, _R.conversation_id.in_(chats), _R.created_at >= since, _R.status.in_(("submitted", "decided")))
    return (await connection.execute(select(func.count()).select_from(REGISTRATIONS).where(*where))).scalar_one()
