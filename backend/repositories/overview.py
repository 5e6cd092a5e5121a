"""Counts for officers: how far people have come, stage by stage, by outcome, region and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, cast, func, select
from sqlalchemy import Date as SqlDate
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Appeal, Decision, Person, Registration, Ticket, table
from backend.repositories.registrations import in_region

_R, _D, _A, _T, _P = (table(model).c for model in (Registration, Decision, Appeal, Ticket, Person))
REGENCY_LENGTH = 5
"""Characters of a code such as "35.10"."""


@dataclass(frozen=True, slots=True)
class Count:
    """`key` is a status, an outcome, a regency's code or an ISO day."""

    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The four stages. `told` are current decisions that their owner has read; `by_day` are registrations a day."""

    registrations: Sequence[Count]
    outcomes: Sequence[Count]
    told: int
    appeals: Sequence[Count]
    appeal_outcomes: Sequence[Count]
    open_tickets: int
    by_region: Sequence[Count]
    by_day: Sequence[Count]

    @property
    def registered(self) -> int:
        return sum(one.count for one in self.registrations)

    @property
    def decided(self) -> int:
        """Decisions that say yes or no; the others still wait."""
        return sum(one.count for one in self.outcomes if one.key != "waiting")

    @property
    def appealed(self) -> int:
        return sum(one.count for one in self.appeals)


async def overview(
    connection: AsyncConnection, regions: tuple[str, ...], since: datetime | None, before: datetime | None
) -> Overview:
    """Counts of the registrations made in this time and of what became of them, in all of these regions."""
    where = [in_region(_R.region_code, code) for code in regions if code]
    where += [_R.created_at >= since] if since is not None else []
    where += [_R.created_at < before] if before is not None else []
    mine = select(_R.id).where(*where)
    current = (_D.registration_id.in_(mine), _D.current)
    appealed = _A.registration_id.in_(mine)
    regency = func.substr(_R.region_code, 1, REGENCY_LENGTH)
    told = select(func.count(case((_D.told_at.is_not(None), 1)))).where(*current)
    return Overview(
        registrations=await _counts(connection, _by(_R.status, *where)),
        outcomes=await _counts(connection, _by(_D.outcome, *current)),
        told=int((await connection.execute(told)).scalar_one()),
        appeals=await _counts(connection, _by(_A.status, appealed)),
        appeal_outcomes=await _counts(connection, _by(_A.outcome, appealed, _A.outcome.is_not(None))),
        open_tickets=await _open_tickets(connection, regions),
        by_region=await _counts(connection, _by(regency, *where)),
        by_day=await _counts(connection, _by(_day(connection, _R.created_at), *where)),
    )


async def _open_tickets(connection: AsyncConnection, regions: tuple[str, ...]) -> int:
    """In a region those of its people; a ticket of nobody proven lies in none."""
    joined = table(Ticket).outerjoin(table(Person), _P.id == _T.person_id)
    where = [in_region(_P.region_code, code) for code in regions if code]
    found = await connection.execute(select(func.count(_T.id)).select_from(joined).where(_T.status == "open", *where))
    return int(found.scalar_one())


def _by(key: ColumnElement[Any], *where: ColumnElement[bool]) -> Select[Any]:
    return select(key.label("key"), func.count()).where(*where).group_by(key).order_by(key)


def _day(connection: AsyncConnection, moment: ColumnElement[datetime]) -> ColumnElement[Any]:
    """The day in western Indonesia, which keeps no summer time."""
    if connection.dialect.name == "sqlite":
        return func.date(moment, "+7 hours")
    return cast(func.timezone("Asia/Jakarta", moment), SqlDate)


async def _counts(connection: AsyncConnection, statement: Select[Any]) -> list[Count]:
    return [Count(str(row[0]), int(row[1])) for row in await connection.execute(statement)]
