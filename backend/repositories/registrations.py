"""Registrations: one for each person and programme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Registration, table
from backend.repositories import events
from backend.repositories.sets import among

REGISTRATIONS = table(Registration)

WAITING_IDENTITY, SUBMITTED, DECIDED = "waiting_identity", "submitted", "decided"
OVER = ("withdrawn", "erased")


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """A registration as stored. `details`: components, bank, account, notify, from_pkh, or why it is held."""

    id: int
    number: str
    person_id: int
    conversation_id: int | None
    channel: str
    programme: str
    region_code: str
    status: str
    details: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Brief:
    """A registration without its sealed answers."""

    id: int
    number: str
    person_id: int
    status: str
    created_at: datetime


_R = REGISTRATIONS.c
COLUMNS: tuple[Column[Any], ...] = (
    _R.id, _R.number, _R.person_id, _R.conversation_id, _R.channel, _R.programme, _R.region_code, _R.status,
    _R.details, _R.created_at, _R.updated_at,
)  # fmt: skip


def in_region(column: ColumnElement[str], region: str) -> ColumnElement[bool]:
    """Whether a region code is `region` or lies in it."""
    return or_(column == region, column.startswith(region + ".", autoescape=True))


async def by_ids(connection: AsyncConnection, ids: Iterable[int], *, lock: bool = False) -> dict[int, RegistrationRow]:
    """These registrations. With `lock` they are held until the end of the transaction."""
    statement = select(*COLUMNS).where(among(connection, _R.id, set(ids))).order_by(_R.id)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    return {row.id: RegistrationRow(*row) for row in found}


async def newest_of(connection: AsyncConnection, person_ids: Iterable[int]) -> dict[int, Brief]:
    """The newest registration of each of these people that was neither withdrawn nor erased, by person."""
    newest = (
        select(func.max(_R.id))
        .where(among(connection, _R.person_id, set(person_ids)), _R.status.not_in(OVER))
        .group_by(_R.person_id)
    )
    found = await connection.execute(
        select(_R.id, _R.number, _R.person_id, _R.status, _R.created_at).where(_R.id.in_(newest))
    )
    return {row.person_id: Brief(*row) for row in found}


async def of_programme(
    connection: AsyncConnection, person_ids: Iterable[int], programme: str
) -> dict[int, RegistrationRow]:
    """The living registration of each of these people in this programme, by person."""
    found = await connection.execute(
        select(*COLUMNS)
        .where(among(connection, _R.person_id, set(person_ids)), _R.programme == programme, _R.status.not_in(OVER))
        .order_by(_R.id)
    )
    return {row.person_id: RegistrationRow(*row) for row in found}


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Store registrations (all columns but id); their ids by number."""
    if not rows:
        return {}
    added = await connection.execute(insert(REGISTRATIONS).returning(_R.number, _R.id), [dict(row) for row in rows])
    ids = {row.number: row.id for row in added}
    await events.registrations_created(connection, list(ids.values()), rows[0]["created_at"])
    return ids


_COMPLETE = (
    update(REGISTRATIONS)
    .where(_R.id == bindparam("row_id"))
    .values(
        number=bindparam("new_number"),
        conversation_id=bindparam("new_conversation_id"),
        channel=bindparam("new_channel"),
        region_code=bindparam("new_region_code"),
        details=bindparam("new_details"),
        status=SUBMITTED,
        updated_at=bindparam("at"),
    )
)


async def complete(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Held registrations get their answers: rows with row_id, new_number, new_conversation_id, new_channel,
    new_region_code, new_details and at."""
    if rows:
        await connection.execute(_COMPLETE, [dict(row) for row in rows])
        await events.registrations_submitted(connection, [row["row_id"] for row in rows], rows[0]["at"])


async def set_status(connection: AsyncConnection, ids: Sequence[int], status: str, now: datetime) -> None:
    if ids:
        await connection.execute(
            update(REGISTRATIONS).where(among(connection, _R.id, ids)).values(status=status, updated_at=now)
        )
    if status == SUBMITTED:
        await events.registrations_submitted(connection, ids, now)


async def waiting_of(connection: AsyncConnection, person_id: int) -> list[RegistrationRow]:
    """The registrations of a person that wait until they prove who they are, held until the end of the transaction."""
    found = await connection.execute(
        select(*COLUMNS)
        .where(_R.person_id == person_id, _R.status == WAITING_IDENTITY)
        .order_by(_R.id)
        .with_for_update()
    )
    return [RegistrationRow(*row) for row in found]


async def move(connection: AsyncConnection, ids: Sequence[int], conversation_id: int) -> None:
    """From now on these registrations are spoken of in this chat."""
    if ids:
        await connection.execute(update(REGISTRATIONS).where(_R.id.in_(ids)).values(conversation_id=conversation_id))


async def hold(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, str]:
    """The status of each of these registrations, held until the end of the transaction in the order of their ids."""
    found = await connection.execute(
        select(_R.id, _R.status).where(among(connection, _R.id, ids)).order_by(_R.id).with_for_update()
    )
    return {row.id: row.status for row in found}


async def submitted(connection: AsyncConnection, region: str, after: int, most: int) -> list[int]:
    """Ids of registrations that wait for a decision, in a region ("" is everywhere), in the order of their ids."""
    where = [_R.status == SUBMITTED, _R.id > after]
    if region:
        where.append(in_region(_R.region_code, region))
    found = await connection.execute(select(_R.id).where(*where).order_by(_R.id).limit(most))
    return list(found.scalars())


async def following(connection: AsyncConnection, after: int, most: int) -> list[int]:
    """Ids of living registrations in their order."""
    found = await connection.execute(
        select(_R.id).where(_R.id > after, _R.status.not_in(OVER)).order_by(_R.id).limit(most)
    )
    return list(found.scalars())


async def count(connection: AsyncConnection) -> int:
    """How many registrations live."""
    return int((await connection.execute(select(func.count(_R.id)).where(_R.status.not_in(OVER)))).scalar_one())
