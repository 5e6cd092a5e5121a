"""Selections of many: how far each has come, and whom it still has to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Decision, Person, Registration, SelectionRun, table
from backend.repositories.listing import Page
from backend.repositories.registrations import SUBMITTED, in_region

RUNS, DECISIONS, REGISTRATIONS, PEOPLE = map(table, (SelectionRun, Decision, Registration, Person))
_N = RUNS.c


@dataclass(frozen=True, slots=True)
class RunRow:
    """A selection of many as far as it has come."""

    id: int
    region_code: str
    status: str
    total: int
    cursor: int
    eligible: int
    not_eligible: int
    waiting: int
    skipped: int
    silent: int
    told_cursor: int
    told: int
    actor: str
    started_at: datetime
    updated_at: datetime

    @property
    def looked_at(self) -> int:
        """How many registrations it has looked at."""
        return self.eligible + self.not_eligible + self.waiting + self.skipped


@dataclass(frozen=True, slots=True)
class News:
    """A decision that somebody is still to be told. `conversation_id` None: there is no chat, or no message is wanted."""

    decision_id: int
    person_id: int
    conversation_id: int | None


async def by_id(connection: AsyncConnection, run_id: int) -> RunRow | None:
    row = (await connection.execute(select(*_N).where(_N.id == run_id))).first()
    return RunRow(*row) if row is not None else None


async def running(connection: AsyncConnection, region: str) -> RunRow | None:
    """The selection of this region that is under way."""
    found = await connection.execute(select(*_N).where(_N.region_code == region, _N.status == "running"))
    row = found.first()
    return RunRow(*row) if row is not None else None


async def newest(connection: AsyncConnection, regions: tuple[str, ...], page: Page) -> list[RunRow]:
    """The newest first, in these regions."""
    statement = select(*_N).order_by(_N.id.desc()).limit(page.most)
    for region in regions:
        statement = statement.where(in_region(_N.region_code, region))
    if page.after is not None:
        statement = statement.where(_N.id < page.after)
    return [RunRow(*row) for row in await connection.execute(statement)]


async def begin(connection: AsyncConnection, region: str, actor: str, now: datetime) -> RunRow:
    """A new selection of everybody who waits now. Raises IntegrityError while one of this region is under way."""
    counted = select(func.count()).select_from(REGISTRATIONS).where(REGISTRATIONS.c.status == SUBMITTED)
    if region:
        counted = counted.where(in_region(REGISTRATIONS.c.region_code, region))
    total = (await connection.execute(counted)).scalar_one()
    values = {"region_code": region, "status": "running", "total": total, "actor": actor}
    added = await connection.execute(RUNS.insert().values(**values, started_at=now, updated_at=now).returning(*_N))
    return RunRow(*added.one())


async def advance(connection: AsyncConnection, run: RunRow, values: Mapping[str, Any]) -> bool:
    """Note what a page came to; False when somebody else has taken the run further meanwhile."""
    done = await connection.execute(
        update(RUNS).where(_N.id == run.id, _N.cursor == run.cursor, _N.status == "running").values(**values)
    )
    return done.rowcount == 1


async def untold(connection: AsyncConnection, run: RunRow, most: int) -> list[News]:
    """Decisions of a run after its `told_cursor`, in the order of their ids."""
    d = DECISIONS.c
    found = await connection.execute(
        select(d.id, d.person_id, REGISTRATIONS.c.conversation_id, PEOPLE.c.notifications)
        .join(REGISTRATIONS, REGISTRATIONS.c.id == d.registration_id)
        .join(PEOPLE, PEOPLE.c.id == d.person_id)
        .where(d.run_id == run.id, d.id > run.told_cursor)
        .order_by(d.id)
        .limit(most)
    )
    return [News(row[0], row[1], row[2] if row[3] else None) for row in found]


async def told(connection: AsyncConnection, run: RunRow, cursor: int, count: int) -> bool:
    """The news up to this decision is handed on; False when somebody else has done it."""
    done = await connection.execute(
        update(RUNS)
        .where(_N.id == run.id, _N.told_cursor == run.told_cursor)
        .values(told_cursor=cursor, told=_N.told + count)
    )
    return done.rowcount == 1
