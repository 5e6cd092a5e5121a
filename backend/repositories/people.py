"""People and what they agreed to. A person is found by the keyed hash of their NIK, never by the number itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.models import Consent, Person, PkhRecord, table
from backend.repositories import outbox
from backend.repositories.sets import InsertSet, UpdateSet, among

PEOPLE = table(Person)
CONSENTS = table(Consent)
PKH_RECORDS = table(PkhRecord)


def nik_hash(nik: str) -> bytes:
    """What a NIK (16 digits) is found by: in `people`, `face_checks` and `pkh_records`."""
    return crypto.ring().index("nik", nik)


def kk_hash(kk: str) -> bytes:
    """What a family card (16 digits) is found by."""
    return crypto.ring().index("kk", kk)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as stored; the personal fields are None once erased."""

    id: int
    nik: str | None = field(repr=False)
    nik_hash: bytes = field(repr=False)
    kk: str | None = field(repr=False)
    kk_hash: bytes | None = field(repr=False)
    name: str | None = field(repr=False)
    birth_date: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    sex: str
    region_code: str
    level: str
    notifications: bool
    erased_at: datetime | None


_COLUMNS: tuple[Column[Any], ...] = (
    PEOPLE.c.id, PEOPLE.c.nik, PEOPLE.c.nik_hash, PEOPLE.c.kk, PEOPLE.c.kk_hash, PEOPLE.c.name, PEOPLE.c.birth_date,
    PEOPLE.c.phone, PEOPLE.c.sex, PEOPLE.c.region_code, PEOPLE.c.level, PEOPLE.c.notifications, PEOPLE.c.erased_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """What a conversation with a person needs of them: no number of theirs is opened for it."""

    id: int
    name: str | None = field(repr=False)
    sex: str
    region_code: str
    level: str
    notifications: bool
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who IKD says somebody is. `birth_date` is ISO 8601, `region_code` like "35.10.16"."""

    nik: str = field(repr=False)
    kk: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    birth_date: str = field(repr=False)
    region_code: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Identity:
        """From the answers of a dialog. `KeyError` names a missing field, never a value."""
        return cls(*(str(data[name]) for name in ("nik", "kk", "name", "sex", "birth_date", "region_code")))


async def by_ids(connection: AsyncConnection, ids: Iterable[int], *, lock: bool = False) -> dict[int, PersonRow]:
    """These people. With `lock` they are held until the end of the transaction, in the order of their ids."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    statement = select(*_COLUMNS).where(among(connection, PEOPLE.c.id, wanted)).order_by(PEOPLE.c.id)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    return {row.id: PersonRow(*row) for row in found}


async def cards(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, Card]:
    """These people as a conversation needs them."""
    p = PEOPLE.c
    found = await connection.execute(
        select(p.id, p.name, p.sex, p.region_code, p.level, p.notifications, p.erased_at).where(
            among(connection, p.id, set(ids))
        )
    )
    return {row.id: Card(*row) for row in found}


async def by_nik_hashes(connection: AsyncConnection, hashes: Sequence[bytes]) -> dict[bytes, PersonRow]:
    """The people with these hashes, held until the end of the transaction."""
    if not hashes:
        return {}
    statement = (
        select(*_COLUMNS).where(among(connection, PEOPLE.c.nik_hash, hashes)).order_by(PEOPLE.c.id).with_for_update()
    )
    found = await connection.execute(statement)
    return {bytes(row.nik_hash): PersonRow(*row) for row in found}


async def add(
    connection: AsyncConnection, database: Database, people: Sequence[Identity], level: str, now: datetime
) -> None:
    """Store those of these people who are not known yet; a known one stays as they are."""
    if not people:
        return
    values = [{**_values(one), "level": level, "created_at": now, "updated_at": now} for one in people]
    await connection.execute(database.insert(PEOPLE).on_conflict_do_nothing(index_elements=["nik_hash"]), values)


async def refresh(connection: AsyncConnection, person_id: int, identity: Identity, level: str, now: datetime) -> None:
    """What IKD has just confirmed replaces what was known; an erased person who comes back is known again."""
    values = {**_values(identity), "level": level, "updated_at": now, "erased_at": None}
    await connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(**values))


async def set_level(connection: AsyncConnection, person_id: int, level: str, now: datetime) -> None:
    await connection.execute(update(PEOPLE).where(PEOPLE.c.id == person_id).values(level=level, updated_at=now))


async def set_notifications(connection: AsyncConnection, ids: Sequence[int], on: bool, now: datetime) -> None:
    """Whether these people want news. What waits to be sent to those who do not is not sent, whoever writes the wish down."""
    if ids:
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id.in_(ids)).values(notifications=on, updated_at=now))
        if not on:
            await outbox.cancel_broadcasts(connection, ids)


_PHONES = UpdateSet(PEOPLE, key=("id",), put=("phone",))


async def set_phones(connection: AsyncConnection, phones: Mapping[int, str]) -> None:
    """Where these people want to be told, E.164."""
    await _PHONES(connection, list(phones.items()))


def _values(one: Identity) -> dict[str, Any]:
    return {
        "nik": one.nik,
        "nik_hash": nik_hash(one.nik),
        "kk": one.kk,
        "kk_hash": kk_hash(one.kk),
        "name": one.name,
        "sex": one.sex,
        "birth_date": one.birth_date,
        "region_code": one.region_code,
    }


# --- consents --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One answer to one question of consent."""

    id: int
    person_id: int
    purpose: str
    granted: bool
    at: datetime


_OF_CONSENT = ("conversation_id", "person_id", "purpose", "granted", "version", "channel", "case_key", "at")
_CONSENTS = InsertSet(CONSENTS, each=_OF_CONSENT)


async def add_consents(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with conversation_id, person_id, purpose, granted, version, channel, at, and in a facilitator's chat case_key."""
    await _CONSENTS(connection, [[row.get(name, "") for name in _OF_CONSENT] for row in rows])


async def adopt_consents(connection: AsyncConnection, conversation_id: int, person_id: int, case_key: str = "") -> None:
    """The last answers given in this chat, in this case, before it was known by whom were given by this person. Earlier
    ones may be somebody else's who sat at the same phone: they stay nobody's."""
    c = CONSENTS.c
    nobodys = (c.conversation_id == conversation_id, c.case_key == case_key, c.person_id.is_(None))
    last = select(func.max(c.id)).where(*nobodys).group_by(c.purpose)
    await connection.execute(update(CONSENTS).where(c.id.in_(last)).values(person_id=person_id))


async def newest_consents(connection: AsyncConnection, person_ids: Iterable[int]) -> list[ConsentRow]:
    """The newest answer of each of these people for each purpose."""
    c = CONSENTS.c
    newest = (
        select(func.max(c.id)).where(among(connection, c.person_id, set(person_ids))).group_by(c.person_id, c.purpose)
    )
    found = await connection.execute(
        select(c.id, c.person_id, c.purpose, c.granted, c.at).where(c.id.in_(newest)).order_by(c.id)
    )
    return [ConsentRow(*row) for row in found]


async def pkh_data(connection: AsyncConnection, person_ids: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """What the region's import knows of those of these people who receive PKH already."""
    found = await connection.execute(
        select(PEOPLE.c.id, PKH_RECORDS.c.data)
        .join(PKH_RECORDS, PKH_RECORDS.c.nik_hash == PEOPLE.c.nik_hash)
        .where(among(connection, PEOPLE.c.id, set(person_ids)))
    )
    return {row.id: row.data for row in found}
