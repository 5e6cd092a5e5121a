"""Facilitators: who made them for whom, in which chat they work, and codes that did not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import CodeTry, Facilitator, FacilitatorRegion, table
from backend.repositories.listing import Page
from backend.repositories.registrations import in_region
from backend.repositories.sets import among

FACILITATORS, REGIONS, TRIES = table(Facilitator), table(FacilitatorRegion), table(CodeTry)
_F, _R, _T = FACILITATORS.c, REGIONS.c, TRIES.c


@dataclass(frozen=True, slots=True)
class FacilitatorRow:
    """A facilitator as stored; `regions` are Kemendagri codes."""

    id: int
    nik_hash: bytes = field(repr=False)
    name: str = field(repr=False)
    role: str
    expires_at: datetime
    ended_at: datetime | None
    code_until: datetime | None
    code_tries: int
    conversation_id: int | None
    person_id: int | None
    bound_at: datetime | None
    created_at: datetime
    regions: tuple[str, ...] = ()


_COLUMNS: tuple[Column[Any], ...] = (
    _F.id, _F.nik_hash, _F.name, _F.role, _F.expires_at, _F.ended_at, _F.code_until, _F.code_tries,
    _F.conversation_id, _F.person_id, _F.bound_at, _F.created_at,
)  # fmt: skip


async def add(connection: AsyncConnection, values: Mapping[str, Any], regions: Iterable[str]) -> int:
    """Store a facilitator (all columns but id). Raises IntegrityError where the NIK has an active one."""
    added = await connection.execute(insert(FACILITATORS).values(**values).returning(_F.id))
    facilitator_id: int = added.scalar_one()
    rows = [{"facilitator_id": facilitator_id, "region_code": code} for code in dict.fromkeys(regions)]
    await connection.execute(insert(REGIONS), rows)
    return facilitator_id


async def change(connection: AsyncConnection, facilitator_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(FACILITATORS).where(_F.id == facilitator_id).values(**values))


async def leave_chat(connection: AsyncConnection, conversation_id: int, but: int) -> None:
    """A chat is one facilitator's: whoever else was bound there is so no longer."""
    where = (_F.conversation_id == conversation_id, _F.id != but)
    await connection.execute(update(FACILITATORS).where(*where).values(conversation_id=None))


async def by_ids(connection: AsyncConnection, ids: Iterable[int], *, lock: bool = False) -> dict[int, FacilitatorRow]:
    statement = select(*_COLUMNS).where(among(connection, _F.id, set(ids))).order_by(_F.id)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    return await _with_regions(connection, [FacilitatorRow(*row) for row in found])


async def by_code(connection: AsyncConnection, code_hash: bytes, *, lock: bool = False) -> FacilitatorRow | None:
    statement = select(*_COLUMNS).where(_F.code_hash == code_hash)
    found = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return FacilitatorRow(*found) if found is not None else None


async def bound_in(connection: AsyncConnection, conversation_id: int) -> list[FacilitatorRow]:
    """Who was bound in this chat."""
    found = await connection.execute(select(*_COLUMNS).where(_F.conversation_id == conversation_id).order_by(_F.id))
    return [FacilitatorRow(*row) for row in found]


async def newest(connection: AsyncConnection, regions: Sequence[str], page: Page) -> list[FacilitatorRow]:
    """Facilitators, the newest first, who work in all of `regions` (a filter and what its caller may see)."""
    statement = select(*_COLUMNS).order_by(_F.id.desc()).limit(page.most)
    for region in regions:
        there = select(_R.facilitator_id).where(_R.facilitator_id == _F.id, in_region(_R.region_code, region))
        statement = statement.where(there.exists())
    if page.after is not None:
        statement = statement.where(_F.id < page.after)
    found = await connection.execute(statement)
    rows = await _with_regions(connection, [FacilitatorRow(*row) for row in found])
    return list(rows.values())


async def _with_regions(connection: AsyncConnection, rows: Sequence[FacilitatorRow]) -> dict[int, FacilitatorRow]:
    regions: dict[int, list[str]] = {row.id: [] for row in rows}
    if rows:
        statement = select(_R.facilitator_id, _R.region_code).where(among(connection, _R.facilitator_id, list(regions)))
        for facilitator_id, code in await connection.execute(statement.order_by(_R.region_code)):
            regions[facilitator_id].append(code)
    return {row.id: replace(row, regions=tuple(regions[row.id])) for row in rows}


# --- codes that did not fit ------------------------------------------------------------------------------------------


async def tries_since(connection: AsyncConnection, conversation_id: int, since: datetime) -> int:
    """How many codes did not fit in this chat since then."""
    found = await connection.execute(select(func.count()).where(_T.conversation_id == conversation_id, _T.at >= since))
    return found.scalar_one()


async def add_try(connection: AsyncConnection, conversation_id: int, at: datetime) -> None:
    await connection.execute(insert(TRIES).values(conversation_id=conversation_id, at=at))
