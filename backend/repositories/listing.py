"""Lists for officers and other systems: filtered, in a region, a page at a time, the newest first.

A NIK leaves this module masked. Names do not: who may see a full name is for the caller to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.nik import mask_digits
from backend.models import Appeal, Conversation, Decision, Person, Registration, Ticket, table
from backend.repositories.registrations import in_region

REGISTRATIONS, DECISIONS, APPEALS = table(Registration), table(Decision), table(Appeal)
PEOPLE, TICKETS, CHATS = table(Person), table(Ticket), table(Conversation)
_R, _D, _A, _P, _T, _C = REGISTRATIONS.c, DECISIONS.c, APPEALS.c, PEOPLE.c, TICKETS.c, CHATS.c

# Rows are spread into the dataclasses below, whose fields stand in the order of the columns.
Rows = Select[Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows. `regions` must all hold ("35.10" is Banyuwangi with its districts); the days are half open."""

    regions: tuple[str, ...] = ()
    status: str = ""
    outcome: str = ""
    since: datetime | None = None
    before: datetime | None = None
    number: str = ""
    person_id: int | None = None
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """`most` rows older than the row `after` (a cursor), or after passing over `skip` rows (a page of a table)."""

    most: int = 50
    after: int | None = None
    skip: int = 0


@dataclass(frozen=True, slots=True)
class ListedRegistration:
    """A registration with whom it is for and what came of it."""

    id: int
    number: str
    person_id: int
    name: str = field(repr=False)
    nik: str = field(repr=False)
    channel: str
    programme: str
    region_code: str
    status: str
    decision_id: int | None
    outcome: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ListedDecision:
    """A decision with the registration that it is about; `codes` are those of its reasons."""

    id: int
    registration_id: int
    registration_number: str
    person_id: int
    region_code: str
    previous_id: int | None
    current: bool
    outcome: str
    rule_set: str
    rule_set_version: str
    codes: str
    decided_at: datetime
    appeal_until: date | None
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedAppeal:
    """An appeal without its words."""

    id: int
    number: str
    decision_id: int
    registration_id: int
    person_id: int
    name: str = field(repr=False)
    nik: str = field(repr=False)
    region_code: str
    kind: str
    status: str
    outcome: str | None
    due_on: date
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ListedTicket:
    """A ticket with where its conversation is."""

    id: int
    number: str
    conversation_id: int | None
    channel: str | None
    person_id: int | None
    name: str = field(repr=False)
    region_code: str
    kind: str
    text: str = field(repr=False)
    status: str
    created_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ListedConversation:
    """A chat and, once proven, whose it is."""

    id: int
    channel: str
    person_id: int | None
    name: str = field(repr=False)
    region_code: str
    reachable: bool
    last_inbound_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person as officers see them."""

    id: int
    name: str = field(repr=False)
    nik: str = field(repr=False)
    sex: str
    region_code: str
    level: str
    notifications: bool
    created_at: datetime
    erased_at: datetime | None


async def registrations(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedRegistration]:
    """The newest registrations first."""
    statement: Rows = select(
        _R.id, _R.number, _R.person_id, _P.name, _P.nik, _R.channel, _R.programme, _R.region_code, _R.status,
        _D.id, _D.outcome, _R.created_at, _R.updated_at,
    )  # fmt: skip
    found = await _rows(connection, _paged(_of_registrations(statement, filters), _R.id, page))
    return [ListedRegistration(*row[:3], *_who(row[3], row[4]), *row[5:]) for row in found]


async def count_registrations(connection: AsyncConnection, filters: Filters) -> int:
    found = await connection.execute(_of_registrations(select(func.count(_R.id)), filters))
    return int(found.scalar_one())


def _of_registrations(statement: Rows, filters: Filters) -> Rows:
    current = (_D.registration_id == _R.id) & _D.current
    joined = REGISTRATIONS.join(PEOPLE, _P.id == _R.person_id).outerjoin(DECISIONS, current)
    where = _where(filters, _R.region_code, _R.created_at, _R.id)
    where += _exactly(filters, _R.person_id, _R.status, _D.outcome, _R.number)
    return statement.select_from(joined).where(*where)


async def decisions(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedDecision]:
    """The newest decisions first, replaced ones among them."""
    statement: Rows = (
        select(
            _D.id, _D.registration_id, _R.number, _D.person_id, _R.region_code, _D.previous_id, _D.current, _D.outcome,
            _D.rule_set, _D.rule_set_version, _D.codes, _D.decided_at, _D.appeal_until, _D.told_at,
        )
        .select_from(DECISIONS.join(REGISTRATIONS, _R.id == _D.registration_id))
        .where(*_where(filters, _R.region_code, _D.decided_at, _D.id))
    )  # fmt: skip
    if filters.outcome:
        statement = statement.where(_D.outcome == filters.outcome)
    if filters.status:
        statement = statement.where(_D.current if filters.status == "current" else ~_D.current)
    if filters.person_id is not None:
        statement = statement.where(_D.person_id == filters.person_id)
    found = await _rows(connection, _paged(statement, _D.id, page))
    return [ListedDecision(*row) for row in found]


async def appeals(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedAppeal]:
    """The newest appeals first."""
    statement: Rows = select(
        _A.id, _A.number, _A.decision_id, _A.registration_id, _A.person_id, _P.name, _P.nik, _A.region_code, _A.kind,
        _A.status, _A.outcome, _A.due_on, _A.created_at, _A.updated_at,
    )  # fmt: skip
    found = await _rows(connection, _paged(_of_appeals(statement, filters), _A.id, page))
    return [ListedAppeal(*row[:5], *_who(row[5], row[6]), *row[7:]) for row in found]


async def count_appeals(connection: AsyncConnection, filters: Filters) -> int:
    found = await connection.execute(_of_appeals(select(func.count(_A.id)), filters))
    return int(found.scalar_one())


def _of_appeals(statement: Rows, filters: Filters) -> Rows:
    where = _where(filters, _A.region_code, _A.created_at, _A.id)
    where += _exactly(filters, _A.person_id, _A.status, _A.outcome, _A.number)
    return statement.select_from(APPEALS.join(PEOPLE, _P.id == _A.person_id)).where(*where)


async def tickets(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedTicket]:
    """Tickets, the longest waiting first: they are worked off in this order."""
    statement: Rows = select(
        _T.id, _T.number, _T.conversation_id, _C.channel, _T.person_id, _P.name, _P.region_code, _T.kind, _T.text,
        _T.status, _T.created_at, _T.due_at,
    )  # fmt: skip
    ordered = _of_tickets(statement, filters).order_by(_T.id).limit(page.most).offset(page.skip)
    found = await _rows(connection, ordered)
    return [ListedTicket(*row[:5], *_words(row[5:9]), *row[9:]) for row in found]


async def count_tickets(connection: AsyncConnection, filters: Filters) -> int:
    found = await connection.execute(_of_tickets(select(func.count(_T.id)), filters))
    return int(found.scalar_one())


def _of_tickets(statement: Rows, filters: Filters) -> Rows:
    joined = TICKETS.outerjoin(PEOPLE, _P.id == _T.person_id).outerjoin(CHATS, _C.id == _T.conversation_id)
    where = _where(filters, _P.region_code, _T.created_at, _T.id)
    where += [_T.status == filters.status] if filters.status else []
    return statement.select_from(joined).where(*where)


async def conversations(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedConversation]:
    """The newest conversations first. One without a proven person belongs to no region: only callers for all see it."""
    statement: Rows = (
        select(
            _C.id, _C.channel, _C.person_id, _P.name, _P.region_code, _C.reachable, _C.last_inbound_at, _C.created_at
        )
        .select_from(CHATS.outerjoin(PEOPLE, _P.id == _C.person_id))
        .where(*_where(filters, _P.region_code, _C.created_at, _C.id))
    )
    if filters.person_id is not None:
        statement = statement.where(_C.person_id == filters.person_id)
    found = await _rows(connection, _paged(statement, _C.id, page))
    return [ListedConversation(*row[:3], *_words(row[3:5]), *row[5:]) for row in found]


async def people(connection: AsyncConnection, filters: Filters, page: Page) -> list[ListedPerson]:
    """The newest people first."""
    return await _people(connection, _where(filters, _P.region_code, _P.created_at, _P.id), page)


async def person_of_nik(connection: AsyncConnection, nik_hash: bytes, regions: tuple[str, ...]) -> ListedPerson | None:
    """The person with this keyed hash, when they live in these regions."""
    where = [_P.nik_hash == nik_hash, *_where(Filters(regions=regions), _P.region_code, _P.created_at, _P.id)]
    found = await _people(connection, where, Page(1))
    return found[0] if found else None


async def _people(connection: AsyncConnection, where: list[ColumnElement[bool]], page: Page) -> list[ListedPerson]:
    statement: Rows = select(
        _P.id, _P.name, _P.nik, _P.sex, _P.region_code, _P.level, _P.notifications, _P.created_at, _P.erased_at
    ).where(*where)
    found = await _rows(connection, _paged(statement, _P.id, page))
    return [ListedPerson(row[0], *_who(row[1], row[2]), *row[3:]) for row in found]


async def _rows(connection: AsyncConnection, statement: Rows) -> Sequence[Any]:
    return (await connection.execute(statement)).all()


def _where(
    filters: Filters, region: ColumnElement[str], at: ColumnElement[datetime], key: ColumnElement[int]
) -> list[ColumnElement[bool]]:
    where = [in_region(region, code) for code in filters.regions if code]
    if filters.since is not None:
        where.append(at >= filters.since)
    if filters.before is not None:
        where.append(at < filters.before)
    if filters.ids:
        where.append(or_(*(key == one for one in filters.ids)))
    return where


def _exactly(
    filters: Filters,
    person_id: ColumnElement[int],
    status: ColumnElement[str],
    outcome: ColumnElement[Any],
    number: ColumnElement[str],
) -> list[ColumnElement[bool]]:
    words = ((status, filters.status), (outcome, filters.outcome), (number, filters.number))
    where = [column == word for column, word in words if word]
    return where + ([person_id == filters.person_id] if filters.person_id is not None else [])


def _paged(statement: Rows, key: ColumnElement[int], page: Page) -> Rows:
    if page.after is not None:
        statement = statement.where(key < page.after)
    return statement.order_by(key.desc()).limit(page.most).offset(page.skip)


def _who(name: str | None, nik: str | None) -> tuple[Any, ...]:
    """Name and masked NIK; both empty once the person is erased."""
    return name or "", mask_digits(nik) if nik else ""


def _words(values: Sequence[str | None]) -> tuple[Any, ...]:
    """What is not known as an empty text."""
    return tuple(value or "" for value in values)
