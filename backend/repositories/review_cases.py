"""Review cases as officers see them: who shares what, side by side. NIK, family card and account leave here masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.nik import mask_digits
from backend.models import (
    Conversation,
    Decision,
    Person,
    PkhRecord,
    Registration,
    ReviewCase,
    ReviewMember,
    table,
)
from backend.repositories.listing import Filters, Page
from backend.repositories.registrations import in_region

CASES, MEMBERS, REGISTRATIONS = map(table, (ReviewCase, ReviewMember, Registration))
PEOPLE, DECISIONS, PKH, CHATS = map(table, (Person, Decision, PkhRecord, Conversation))
_C, _V, _R, _P, _D = CASES.c, MEMBERS.c, REGISTRATIONS.c, PEOPLE.c, DECISIONS.c
MOST_MEMBERS = 50

Kind = Literal["nik", "kk", "account"]
State = Literal["open", "cleared", "confirmed"]


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case with how many are in it."""

    id: int
    kind: Kind
    state: State
    members: int
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CaseMember:
    """One who is in a case. `what`: a registration, a recipient whom an import knows, or a chat where the NIK was typed.

    What does not apply, or was erased, is empty.
    """

    what: Literal["registration", "recipient", "chat"]
    registration_id: int | None = None
    number: str = ""
    person_id: int | None = None
    name: str = field(default="", repr=False)
    nik: str = field(default="", repr=False)
    kk: str = field(default="", repr=False)
    bank: str = ""
    account: str = field(default="", repr=False)
    region_code: str = ""
    status: str = ""
    outcome: str = ""
    channel: str = ""
    at: datetime | None = None


async def listed(connection: AsyncConnection, filters: Filters, page: Page, kind: str = "") -> list[ListedCase]:
    """The newest cases first; in a region those in which somebody lives there. `filters.status` is the state."""
    count = select(func.count(_V.id)).where(_V.case_id == _C.id).scalar_subquery()
    statement = select(_C.id, _C.kind, _C.state, count, _C.decided_by, _C.decided_at, _C.created_at)
    statement = statement.where(*_where(filters, kind))
    if page.after is not None:
        statement = statement.where(_C.id < page.after)
    found = await connection.execute(statement.order_by(_C.id.desc()).limit(page.most).offset(page.skip))
    return [ListedCase(*row) for row in found]


async def count(connection: AsyncConnection, filters: Filters, kind: str = "") -> int:
    found = await connection.execute(select(func.count(_C.id)).where(*_where(filters, kind)))
    return int(found.scalar_one())


def _where(filters: Filters, kind: str) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    regions = [in_region(_R.region_code, code) for code in filters.regions if code]
    if regions:
        there = select(_V.id).join(REGISTRATIONS, _R.id == _V.registration_id).where(_V.case_id == _C.id, *regions)
        where.append(there.exists())
    if filters.status:
        where.append(_C.state == filters.status)
    if kind:
        where.append(_C.kind == kind)
    if filters.since is not None:
        where.append(_C.created_at >= filters.since)
    if filters.before is not None:
        where.append(_C.created_at < filters.before)
    if filters.ids:
        where.append(_C.id.in_(filters.ids))
    return where


async def reason_of(connection: AsyncConnection, case_id: int) -> str | None:
    """Why it was decided as it was."""
    reason: str | None = (await connection.execute(select(_C.reason).where(_C.id == case_id))).scalar_one_or_none()
    return reason


@dataclass(frozen=True, slots=True)
class Sides:
    """Who is in a case, and which data are the same wherever they are known, compared in full before they are masked."""

    members: Sequence[CaseMember]
    matches: Sequence[Kind]


async def sides_of(connection: AsyncConnection, case_id: int) -> Sides:
    """The members of a case in the order in which they came; at most `MOST_MEMBERS`."""
    statement: Select[Any] = (
        select(
            *(_V.registration_id, _V.recipient_id, _V.conversation_id, _V.at),
            *(_R.number, _R.person_id, _R.region_code, _R.status, _R.channel, _R.created_at, _R.details),
            *(_P.name, _P.nik, _P.kk, _D.outcome),
            PKH.c.data.label("known"),
            CHATS.c.channel.label("chat"),
        )
        .select_from(
            MEMBERS.outerjoin(REGISTRATIONS, _R.id == _V.registration_id)
            .outerjoin(PEOPLE, _P.id == _R.person_id)
            .outerjoin(DECISIONS, (_D.registration_id == _R.id) & _D.current)
            .outerjoin(PKH, PKH.c.id == _V.recipient_id)
            .outerjoin(CHATS, CHATS.c.id == _V.conversation_id)
        )
        .where(_V.case_id == case_id)
        .order_by(_V.id)
        .limit(MOST_MEMBERS)
    )
    rows = (await connection.execute(statement)).all()
    said = [row.details or row.known or {} for row in rows]
    values: dict[Kind, list[Any]] = {
        "nik": [row.nik for row in rows],
        "kk": [row.kk for row in rows],
        "account": [one.get("account") for one in said],
    }
    matches = [kind for kind, found in values.items() if _same(found)]
    return Sides([_member(row) for row in rows], matches)


def _same(values: Sequence[Any]) -> bool:
    known = [value for value in values if value]
    return len(known) > 1 and len(set(known)) == 1


def _member(row: Any) -> CaseMember:
    if row.conversation_id is not None:
        return CaseMember("chat", channel=row.chat or "", at=row.at)
    if row.registration_id is None:
        return CaseMember("recipient", **_account(row.known or {}))
    return CaseMember(
        "registration",
        row.registration_id,
        row.number,
        row.person_id,
        row.name or "",
        mask_digits(row.nik) if row.nik else "",
        mask_digits(row.kk) if row.kk else "",
        region_code=row.region_code,
        status=row.status,
        outcome=row.outcome or "",
        channel=row.channel,
        at=row.created_at,
        **_account(row.details),
    )


def _account(said: Any) -> dict[str, Any]:
    account = said.get("account") or ""
    return {"bank": said.get("bank") or "", "account": mask_digits(account) if account else ""}


async def held(connection: AsyncConnection, case_id: int) -> ListedCase | None:
    """One case, held until the end of the transaction."""
    found = await connection.execute(
        select(_C.id, _C.kind, _C.state, _C.decided_by, _C.decided_at, _C.created_at)
        .where(_C.id == case_id)
        .with_for_update()
    )
    row = found.first()
    return None if row is None else ListedCase(row[0], row[1], row[2], 0, *row[3:])


async def close(connection: AsyncConnection, case_id: int, state: str, reason: str, actor: str, now: datetime) -> None:
    values = {"state": state, "reason": reason, "decided_by": actor, "decided_at": now, "updated_at": now}
    await connection.execute(update(CASES).where(_C.id == case_id).values(**values))
