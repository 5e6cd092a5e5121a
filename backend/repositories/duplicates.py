"""Which registrations share a NIK, a family card or an account, and the review cases that tell of it. Found in sets.

Accounts rest sealed, so they are compared by keyed hashes (`account_marks`), made when a registration or an import brings
them. What a case is about is again only a hash: its people are found through the ids of their registrations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.models import AccountMark, Person, PkhRecord, Registration, ReviewCase, ReviewMember, table
from backend.repositories.registrations import OVER
from backend.repositories.sets import among

MARKS, CASES, MEMBERS = map(table, (AccountMark, ReviewCase, ReviewMember))
REGISTRATIONS, PEOPLE, PKH = map(table, (Registration, Person, PkhRecord))
_M, _C, _V, _R, _P = MARKS.c, CASES.c, MEMBERS.c, REGISTRATIONS.c, PEOPLE.c


def account_hash(account: str) -> bytes:
    """What a bank account (its digits) is found by."""
    return crypto.ring().index("account", account)


@dataclass(frozen=True, slots=True)
class Examined:
    """A living registration with what it could share. `account_hash` is None without an account."""

    registration_id: int
    person_id: int
    programme: str
    kk_hash: bytes | None = field(repr=False)
    account_hash: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sharer:
    """One who has the `value`: a registration with its person's NIK, or a PKH recipient whom an import knows."""

    value: Any = field(repr=False)
    nik_hash: bytes = field(repr=False)
    registration_id: int | None = None
    recipient_id: int | None = None


# --- accounts ----------------------------------------------------------------------------------------------------------


async def unmarked(connection: AsyncConnection, ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """The details of those of these registrations whose account has no mark."""
    found = await connection.execute(
        select(_R.id, _R.details)
        .outerjoin(MARKS, _M.registration_id == _R.id)
        .where(among(connection, _R.id, ids), _M.id.is_(None))
    )
    return {row.id: row.details for row in found}


async def mark(
    connection: AsyncConnection,
    database: Database,
    column: str,
    hashes: Mapping[Any, bytes],
    gone: Collection[Any] = (),
) -> None:
    """Set the marks of registrations (`column` registration_id) or of NIKs (nik_hash); those of `gone` are taken away."""
    if gone:
        await connection.execute(delete(MARKS).where(among(connection, _M[column], gone)))
    if hashes:
        statement = database.insert(MARKS)
        statement = statement.on_conflict_do_update(
            index_elements=[column], set_={"account_hash": statement.excluded.account_hash}
        )
        await connection.execute(
            statement, [{column: key, "account_hash": value} for key, value in sorted(hashes.items())]
        )


async def registered_with_account_of(connection: AsyncConnection, nik_hashes: Collection[bytes]) -> list[int]:
    """Registrations that name the account of one of these recipients, whoever they are for."""
    theirs = select(_M.account_hash).where(among(connection, _M.nik_hash, nik_hashes))
    found = await connection.execute(
        select(_M.registration_id).where(_M.account_hash.in_(theirs), _M.registration_id.is_not(None))
    )
    return list(found.scalars())


# --- who shares --------------------------------------------------------------------------------------------------------


async def examine(connection: AsyncConnection, ids: Collection[int]) -> list[Examined]:
    """Those of these registrations that live."""
    found = await connection.execute(
        select(_R.id, _R.person_id, _R.programme, _P.kk_hash, _M.account_hash)
        .join(PEOPLE, _P.id == _R.person_id)
        .outerjoin(MARKS, _M.registration_id == _R.id)
        .where(among(connection, _R.id, ids), _R.status.not_in(OVER))
        .order_by(_R.id)
    )
    return [Examined(*row) for row in found]


async def with_person(connection: AsyncConnection, persons: Collection[int]) -> list[Sharer]:
    """The living registrations of these people; the value is (person, programme)."""
    found = await connection.execute(
        select(_R.person_id, _R.programme, _P.nik_hash, _R.id)
        .join(PEOPLE, _P.id == _R.person_id)
        .where(among(connection, _R.person_id, persons), _R.status.not_in(OVER))
    )
    return [Sharer((row[0], row[1]), bytes(row[2]), row[3]) for row in found]


async def with_card(connection: AsyncConnection, cards: Collection[bytes]) -> list[Sharer]:
    """The living registrations of these family cards; the value is (card, programme)."""
    found = await connection.execute(
        select(_P.kk_hash, _R.programme, _P.nik_hash, _R.id)
        .join(REGISTRATIONS, _R.person_id == _P.id)
        .where(among(connection, _P.kk_hash, cards), _R.status.not_in(OVER))
    )
    return [Sharer((bytes(row[0]), row[1]), bytes(row[2]), row[3]) for row in found]


async def with_account(connection: AsyncConnection, accounts: Collection[bytes]) -> list[Sharer]:
    """The living registrations and the recipients of imports with these accounts; the value is the account."""
    registered = await connection.execute(
        select(_M.account_hash, _P.nik_hash, _R.id)
        .join(REGISTRATIONS, _R.id == _M.registration_id)
        .join(PEOPLE, _P.id == _R.person_id)
        .where(among(connection, _M.account_hash, accounts), _R.status.not_in(OVER))
    )
    receiving = await connection.execute(
        select(_M.account_hash, _M.nik_hash, PKH.c.id)
        .join(PKH, PKH.c.nik_hash == _M.nik_hash)
        .where(among(connection, _M.account_hash, accounts))
    )
    return [
        *(Sharer(bytes(row[0]), bytes(row[1]), row[2]) for row in registered),
        *(Sharer(bytes(row[0]), bytes(row[1]), None, row[2]) for row in receiving),
    ]


# --- cases -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What cases say already: the open one by key, and (key, registration) of all that were ever in one."""

    open: Mapping[bytes, int]
    members: frozenset[tuple[bytes, int]]


async def told(connection: AsyncConnection, keys: Collection[bytes], ids: Collection[int]) -> Told:
    """The cases with these keys, as far as these registrations are in them."""
    if not keys:
        return Told({}, frozenset())
    mine = and_(_V.case_id == _C.id, among(connection, _V.registration_id, ids))
    found = await connection.execute(
        select(_C.id, _C.key_hash, _C.state, _V.registration_id)
        .select_from(CASES.outerjoin(MEMBERS, mine))
        .where(among(connection, _C.key_hash, keys))
    )
    rows = [(row[0], bytes(row[1]), row[2], row[3]) for row in found]
    return Told(
        {key: case_id for case_id, key, state, _ in rows if state == "open"},
        frozenset((key, registration) for _, key, _, registration in rows if registration is not None),
    )


async def chats_told(connection: AsyncConnection, keys: Collection[bytes]) -> set[tuple[bytes, int]]:
    """(key, chat) of the chats that a case with one of these keys names."""
    found = await connection.execute(
        select(_C.key_hash, _V.conversation_id)
        .join(MEMBERS, _V.case_id == _C.id)
        .where(among(connection, _C.key_hash, keys), _V.conversation_id.is_not(None))
    )
    return {(bytes(row[0]), row[1]) for row in found}


async def open_cases(
    connection: AsyncConnection, database: Database, kinds: Mapping[bytes, str], now: datetime
) -> dict[bytes, int]:
    """The open case of each of these keys, made where there is none; `kinds` by key."""
    if not kinds:
        return {}
    rows = [
        {"kind": kind, "key_hash": key, "state": "open", "created_at": now, "updated_at": now}
        for key, kind in sorted(
            kinds.items()
        )  # one order: two who open the same cases wait, and do not block each other
    ]
    await connection.execute(database.insert(CASES).on_conflict_do_nothing(), rows)
    found = await connection.execute(
        select(_C.key_hash, _C.id).where(among(connection, _C.key_hash, kinds), _C.state == "open")
    )
    return {bytes(row[0]): row[1] for row in found}


async def add_members(connection: AsyncConnection, database: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with case_id, registration_id, recipient_id, conversation_id (one of the three) and at."""
    if rows:
        await connection.execute(database.insert(MEMBERS).on_conflict_do_nothing(), [dict(row) for row in rows])


async def leave(connection: AsyncConnection, person_id: int, nik_hash: bytes, now: datetime) -> None:
    """Who is erased is in no case any more; an open one that has nobody to compare with is over."""
    theirs = select(_R.id).where(_R.person_id == person_id)
    recipient = select(PKH.c.id).where(PKH.c.nik_hash == nik_hash)
    is_them = _V.registration_id.in_(theirs) | _V.recipient_id.in_(recipient)
    touched = list((await connection.execute(select(_V.case_id).where(is_them))).scalars())
    await connection.execute(delete(MEMBERS).where(is_them))
    await connection.execute(delete(MARKS).where(_M.registration_id.in_(theirs) | (_M.nik_hash == nik_hash)))
    left = select(func.count(_V.id)).where(_V.case_id == _C.id).scalar_subquery()
    await connection.execute(
        CASES.update()
        .where(_C.id.in_(touched), _C.state == "open", left < 2)
        .values(state="cleared", decided_by="erasure", decided_at=now, updated_at=now)
    )
