"""Broadcasts and their recipients: the frozen list, the next page of it, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.regions import WIB, WIT, WITA, zone_of
from backend.models import Broadcast, BroadcastRecipient, Conversation, Decision, Outbox, Person, Registration, table
from backend.repositories.listing import Page
from backend.repositories.registrations import in_region
from backend.repositories.sets import UpdateSet

BROADCASTS, RECIPIENTS, OUTBOX = table(Broadcast), table(BroadcastRecipient), table(Outbox)
PEOPLE, CHATS, REGISTRATIONS, DECISIONS = map(table, (Person, Conversation, Registration, Decision))
_B, _N, _O, _P, _C, _R = BROADCASTS.c, RECIPIENTS.c, OUTBOX.c, PEOPLE.c, CHATS.c, REGISTRATIONS.c
_PROVINCES = [str(number) for number in range(11, 100)]
_EAST = {str(zone): [code for code in _PROVINCES if zone_of(code) is zone] for zone in (WITA, WIT)}


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """A broadcast as it is stored."""

    id: int
    name: str
    template: str
    params: Mapping[str, str]
    region_code: str
    outcome: str
    channel: str
    status: str
    total: int
    without_chat: int
    created_by: str
    approved_by: str | None
    not_before: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Next:
    """A recipient whose turn it is, as they are at this moment."""

    id: int
    conversation_id: int
    number: str
    wanted: bool
    reachable: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of one: `state` is the message's once there is one."""

    id: int
    person_id: int
    number: str
    state: str
    reason: str
    channel: str
    at: datetime | None


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> BroadcastRow:
    found = await connection.execute(insert(BROADCASTS).values(**values).returning(*_B))
    return BroadcastRow(*found.one())


async def by_id(connection: AsyncConnection, broadcast_id: int, *, lock: bool = False) -> BroadcastRow | None:
    """With `lock`, nobody else takes a step or a page of it until the end of the transaction."""
    statement = select(*_B).where(_B.id == broadcast_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return BroadcastRow(*row) if row is not None else None


async def newest(connection: AsyncConnection, regions: Sequence[str], page: Page) -> list[BroadcastRow]:
    """The newest first, in these regions."""
    statement = select(*_B).order_by(_B.id.desc()).limit(page.most)
    for region in regions:
        statement = statement.where(in_region(_B.region_code, region))
    if page.after is not None:
        statement = statement.where(_B.id < page.after)
    statement = statement.offset(page.skip) if page.skip else statement
    return [BroadcastRow(*row) for row in await connection.execute(statement)]


async def count(connection: AsyncConnection, regions: Sequence[str]) -> int:
    """How many there are in these regions."""
    statement = select(func.count()).select_from(BROADCASTS)
    for region in regions:
        statement = statement.where(in_region(_B.region_code, region))
    return (await connection.execute(statement)).scalar_one()


async def change(connection: AsyncConnection, broadcast_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(BROADCASTS).where(_B.id == broadcast_id).values(**values))


def _audience(row: BroadcastRow) -> list[ColumnElement[bool]]:
    """Who is meant: people with a registration that stands, who want news."""
    meant = [_R.status.not_in(("withdrawn", "erased")), _P.erased_at.is_(None), _P.notifications]
    if row.region_code:
        meant.append(in_region(_R.region_code, row.region_code))
    if row.outcome:
        d = DECISIONS.c
        meant.append(exists().where(d.registration_id == _R.id, d.current, d.outcome == row.outcome))
    return meant


def _zone() -> ColumnElement[str]:
    province = func.substr(_P.region_code, 1, 2)
    return case(*((province.in_(codes), name) for name, codes in _EAST.items()), else_=str(WIB))


def _writable(row: BroadcastRow) -> Select[Any]:
    """Everybody of the audience who has a chat: the one in which they wrote last, for their newest registration."""
    best = (
        func.row_number()
        .over(partition_by=_P.id, order_by=(_C.last_inbound_at.desc().nulls_last(), _C.id.desc(), _R.id.desc()))
        .label("best")
    )
    chat = and_(_C.person_id == _P.id, _C.reachable, *([_C.channel == row.channel] if row.channel else []))
    return (
        select(_P.id.label("person"), _C.id.label("chat"), _R.id.label("registration"), _zone().label("zone"), best)
        .select_from(REGISTRATIONS)
        .join(PEOPLE, _P.id == _R.person_id)
        .join(CHATS, chat)
        .where(*_audience(row))
    )


async def freeze(connection: AsyncConnection, row: BroadcastRow) -> tuple[int, int]:
    """Write down who gets it, in one statement; how many do, and how many have no chat."""
    found = _writable(row).subquery()
    chosen = select(
        literal(row.id),
        found.c.person,
        found.c.chat,
        found.c.registration,
        found.c.zone,
        literal("waiting"),
        literal(""),
    ).where(found.c.best == 1)
    columns = ("broadcast_id", "person_id", "conversation_id", "registration_id", "zone", "state", "reason")
    written = await connection.execute(insert(RECIPIENTS).from_select(columns, chosen.order_by(found.c.person)))
    people = await connection.execute(
        select(func.count(_P.id.distinct()))
        .select_from(REGISTRATIONS)
        .join(PEOPLE, _P.id == _R.person_id)
        .where(*_audience(row))
    )
    return written.rowcount, people.scalar_one() - written.rowcount


async def next_ones(connection: AsyncConnection, broadcast_id: int, zones: Sequence[str], most: int) -> list[Next]:
    """The next recipients who live where it is day. Right only while the broadcast's row is held."""
    found = await connection.execute(
        select(_N.id, _N.conversation_id, _R.number, and_(_P.notifications, _P.erased_at.is_(None)), _C.reachable)
        .join(PEOPLE, _P.id == _N.person_id)
        .join(CHATS, _C.id == _N.conversation_id)
        .join(REGISTRATIONS, _R.id == _N.registration_id)
        .where(_N.broadcast_id == broadcast_id, _N.state == "waiting", _N.zone.in_(zones))
        .order_by(_N.id)
        .limit(most)
    )
    return [Next(row[0], row[1], row[2], bool(row[3]), bool(row[4])) for row in found]


async def any_waiting(connection: AsyncConnection, broadcast_id: int) -> bool:
    found = await connection.execute(
        select(_N.id).where(_N.broadcast_id == broadcast_id, _N.state == "waiting").limit(1)
    )
    return found.first() is not None


_SETTLE = UpdateSet(RECIPIENTS, key=("id",), put=("state", "reason", "outbox_id", "queued_at"))


async def settle(
    connection: AsyncConnection, values: Sequence[tuple[int, str, str, int | None, datetime | None]]
) -> None:
    """Recipient, state, reason, message and its moment."""
    await _SETTLE(connection, values)


def _message() -> ColumnElement[bool]:
    return and_(_O.id == _N.outbox_id, _O.created_at == _N.queued_at)


async def counts(connection: AsyncConnection, broadcast_id: int) -> dict[str, int]:
    """How many of the list are in which state: that of the message once there is one."""
    state = func.coalesce(_O.status, _N.state)
    found = await connection.execute(
        select(state, func.count())
        .select_from(RECIPIENTS)
        .outerjoin(OUTBOX, _message())
        .where(_N.broadcast_id == broadcast_id)
        .group_by(state)
    )
    return {str(row[0]): int(row[1]) for row in found}


async def recipients(connection: AsyncConnection, broadcast_id: int, state: str, page: Page) -> list[Recipient]:
    """Of one state or of any, the newest first."""
    now_is = func.coalesce(_O.status, _N.state)
    statement = (
        select(
            _N.id,
            _N.person_id,
            _R.number,
            now_is,
            func.coalesce(_O.error, _N.reason),
            _C.channel,
            func.coalesce(_O.sent_at, _N.queued_at),
        )
        .join(CHATS, _C.id == _N.conversation_id)
        .join(REGISTRATIONS, _R.id == _N.registration_id)
        .outerjoin(OUTBOX, _message())
        .where(_N.broadcast_id == broadcast_id)
        .order_by(_N.id.desc())
        .limit(page.most)
    )
    if state:
        statement = statement.where(now_is == state)
    if page.after is not None:
        statement = statement.where(_N.id < page.after)
    statement = statement.offset(page.skip) if page.skip else statement
    return [Recipient(*row) for row in await connection.execute(statement)]


async def call_back(connection: AsyncConnection, broadcast_id: int) -> None:
    """Nobody who has not been written to yet is; what a sender has in hand goes its way."""
    mine = select(_N.outbox_id).where(_N.broadcast_id == broadcast_id, _N.state == "queued")
    await connection.execute(
        update(OUTBOX)
        .where(_O.open, _O.status == "queued", _O.id.in_(mine))
        .values(status="cancelled", error="called back")
    )
    await connection.execute(
        update(RECIPIENTS)
        .where(_N.broadcast_id == broadcast_id, _N.state == "waiting")
        .values(state="passed", reason="called_back")
    )


async def wait_again(connection: AsyncConnection, broadcast_id: int) -> int:
    """Those whose message failed for sure wait once more; how many. What is unknown may have arrived: it is left alone."""
    failed = (
        select(_N.id)
        .join(OUTBOX, _message())
        .where(_N.broadcast_id == broadcast_id, _O.status == "failed")
        .scalar_subquery()
    )
    done = await connection.execute(
        update(RECIPIENTS).where(_N.id.in_(failed)).values(state="waiting", outbox_id=None, queued_at=None)
    )
    return done.rowcount
