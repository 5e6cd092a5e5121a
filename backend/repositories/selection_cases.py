"""What we know ourselves about registrations on the day of their selection: a handful of queries for a whole page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.consents import Purpose
from backend.models import Consent, DisputedDatum, Person, PkhRecord, Registration, table
from backend.repositories import decisions
from backend.repositories.decisions import DecisionRow
from backend.repositories.registrations import DECIDED, SUBMITTED
from backend.repositories.sets import among

REGISTRATIONS, PEOPLE, CONSENTS = table(Registration), table(Person), table(Consent)
PKH_RECORDS, DISPUTED = table(PkhRecord), table(DisputedDatum)
_R, _P = REGISTRATIONS.c, PEOPLE.c


@dataclass(frozen=True, slots=True)
class Case:
    """A registration that may be decided. `consent_id`: the consent to read data that holds, if any."""

    registration_id: int
    person_id: int
    conversation_id: int | None
    programme: str
    region_code: str
    nik: str | None = field(repr=False)
    nik_hash: bytes = field(repr=False)
    kk: str | None = field(repr=False)
    level: str
    notifications: bool
    current: DecisionRow | None
    consent_id: int | None
    consented_at: datetime | None
    card_taken: bool
    receives_pkh: bool
    disputed: Sequence[str]


_OF_ROW = (
    "registration_id", "person_id", "conversation_id", "programme", "region_code", "nik", "nik_hash", "kk", "level",
    "notifications",
)  # fmt: skip


async def load(connection: AsyncConnection, registration_ids: Collection[int]) -> list[Case]:
    """Those of these registrations that may be decided, in the order of their ids."""
    found = await connection.execute(
        select(
            _R.id.label("registration_id"),
            *(_R.person_id, _R.conversation_id, _R.programme, _R.region_code, _R.created_at),
            *(_P.nik, _P.nik_hash, _P.kk, _P.kk_hash, _P.level, _P.notifications),
        )
        .join(PEOPLE, _P.id == _R.person_id)
        .where(among(connection, _R.id, registration_ids), _R.status.in_((SUBMITTED, DECIDED)))
        .order_by(_R.id)
    )
    rows = found.all()
    if not rows:
        return []
    ids, persons = [row.registration_id for row in rows], {row.person_id for row in rows}
    current = await decisions.current_of(connection, ids)
    consents = await _consents(connection, persons)
    taken = await _cards_taken(connection, rows)
    receiving = await _receiving(connection, persons)
    disputed = await _disputed(connection, persons)
    return [
        Case(
            **{name: getattr(row, name) for name in _OF_ROW},
            current=current.get(row.registration_id),
            consent_id=consents.get(row.person_id, (None, None))[0],
            consented_at=consents.get(row.person_id, (None, None))[1],
            card_taken=row.registration_id in taken,
            receives_pkh=row.person_id in receiving,
            disputed=disputed.get(row.person_id, ()),
        )
        for row in rows
    ]


async def _consents(connection: AsyncConnection, persons: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """The consent to read data of each of these people, where their last word was yes."""
    c = CONSENTS.c
    last = (
        select(func.max(c.id))
        .where(among(connection, c.person_id, persons), c.purpose == Purpose.DATA_ACCESS)
        .group_by(c.person_id)
    )
    found = await connection.execute(select(c.person_id, c.id, c.at).where(c.id.in_(last), c.granted))
    return {row.person_id: (row.id, row.at) for row in found}


async def _cards_taken(connection: AsyncConnection, rows: Sequence[Any]) -> set[int]:
    """Those of these registrations whose family card somebody else registered for the programme before.

    Of two with one card the earlier registration stands: a second look at the first one must not refuse both.
    """
    cards = {row.kk_hash for row in rows if row.kk_hash is not None}
    found = await connection.execute(
        select(_P.kk_hash, _R.programme, _R.created_at, _R.id, _R.person_id)
        .join(REGISTRATIONS, _R.person_id == _P.id)
        .where(among(connection, _P.kk_hash, cards), _R.status.in_((SUBMITTED, DECIDED)))
    )
    earlier: dict[tuple[bytes, str], list[tuple[datetime, int, int]]] = {}
    for card, programme, created_at, row_id, person_id in found:
        earlier.setdefault((bytes(card), programme), []).append((created_at, row_id, person_id))
    return {
        row.registration_id
        for row in rows
        if row.kk_hash is not None
        and any(
            (created_at, row_id) < (row.created_at, row.registration_id) and person_id != row.person_id
            for created_at, row_id, person_id in earlier.get((bytes(row.kk_hash), row.programme), ())
        )
    }


async def _receiving(connection: AsyncConnection, persons: Collection[int]) -> set[int]:
    """Those of these people whom an import knows as PKH recipients."""
    found = await connection.execute(
        select(_P.id).join(PKH_RECORDS, PKH_RECORDS.c.nik_hash == _P.nik_hash).where(among(connection, _P.id, persons))
    )
    return set(found.scalars())


async def _disputed(connection: AsyncConnection, persons: Collection[int]) -> dict[int, list[str]]:
    """The data that appeals of these people found not to hold."""
    found = await connection.execute(
        select(DISPUTED.c.person_id, DISPUTED.c.datum)
        .where(among(connection, DISPUTED.c.person_id, persons))
        .order_by(DISPUTED.c.id)
    )
    by_person: dict[int, list[str]] = {}
    for row in found:
        by_person.setdefault(row.person_id, []).append(row.datum)
    return by_person
