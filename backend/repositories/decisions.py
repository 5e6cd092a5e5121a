"""Decisions: what was decided, on which data, by which rules. Never changed; a newer one replaces the current one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import Decision, DisputedDatum, Registration, table
from backend.repositories import events
from backend.repositories.sets import InsertSet, among

DECISIONS = table(Decision)
DISPUTED = table(DisputedDatum)
REGISTRATIONS = table(Registration)


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision without its inputs; `reasons` are `backend.policy.values.Reason.to_json`."""

    id: int
    registration_id: int
    person_id: int
    previous_id: int | None
    current: bool
    outcome: str
    rule_set: str
    rule_set_version: str
    reasons: Sequence[Mapping[str, Any]] = field(repr=False)
    decided_at: datetime
    appeal_until: date | None
    told_at: datetime | None


_D = DECISIONS.c
COLUMNS: tuple[Column[Any], ...] = (
    _D.id, _D.registration_id, _D.person_id, _D.previous_id, _D.current, _D.outcome, _D.rule_set,
    _D.rule_set_version, _D.reasons, _D.decided_at, _D.appeal_until, _D.told_at,
)  # fmt: skip


async def current_of(connection: AsyncConnection, registration_ids: Iterable[int]) -> dict[int, DecisionRow]:
    """The current decision of each of these registrations, by registration."""
    found = await connection.execute(
        select(*COLUMNS).where(among(connection, _D.registration_id, set(registration_ids)), _D.current).order_by(_D.id)
    )
    return {row.registration_id: DecisionRow(*row) for row in found}


async def by_ids(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, DecisionRow]:
    found = await connection.execute(select(*COLUMNS).where(_D.id.in_(set(ids))))
    return {row.id: DecisionRow(*row) for row in found}


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to store. `previous_id`: the decision that it replaces after an appeal."""

    registration_id: int
    person_id: int
    previous_id: int | None
    outcome: str
    rule_set: str
    rule_set_version: str
    codes: str
    inputs: Mapping[str, Any] = field(repr=False)
    reasons: Sequence[Mapping[str, Any]] = field(repr=False)
    appeal_until: date | None


_EACH = (
    "registration_id", "person_id", "previous_id", "outcome", "rule_set", "rule_set_version", "codes", "inputs",
    "reasons", "appeal_until",
)  # fmt: skip
_EACH_OF = attrgetter(*_EACH)
_INSERT = InsertSet(DECISIONS, each=_EACH, same=("current", "decided_at", "run_id"), returning="id")


async def add_many(
    connection: AsyncConnection, rows: Sequence[NewDecision], replaced: Sequence[int], run_id: int | None, now: datetime
) -> list[int]:
    """Store decisions as the current ones of their registrations; their ids in this order. `replaced`: those of the
    registrations that have a decision already."""
    if replaced:
        await connection.execute(
            update(DECISIONS).where(_D.registration_id.in_(replaced), _D.current).values(current=False)
        )
    ids = await _INSERT(connection, [_EACH_OF(row) for row in rows], (True, now, run_id))
    await events.decisions_made(connection, ids, now)
    return ids


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Store one decision (all columns but id, current and run) as the current one of its registration; its id."""
    row = NewDecision(**{"previous_id": None, **{name: value for name, value in values.items() if name in _EACH}})
    return (await add_many(connection, [row], [row.registration_id], None, values["decided_at"]))[0]


async def told(connection: AsyncConnection, pairs: Sequence[tuple[int, int]], now: datetime) -> None:
    """(decision, person): the person has been told; the first time counts, and only their own decision."""
    if not pairs:
        return
    owners = dict(pairs)
    found = await connection.execute(select(_D.id, _D.person_id).where(_D.id.in_(list(owners)), _D.told_at.is_(None)))
    ids = [row.id for row in found if owners[row.id] == row.person_id]
    if ids:
        await connection.execute(update(DECISIONS).where(_D.id.in_(ids)).values(told_at=now))


async def inputs_of(connection: AsyncConnection, decision_id: int) -> Mapping[str, Any] | None:
    """The data on which a decision was made, for a reviewer or a replay."""
    found = await connection.execute(select(_D.inputs).where(_D.id == decision_id))
    inputs: Mapping[str, Any] | None = found.scalar_one_or_none()
    return inputs


@dataclass(frozen=True, slots=True)
class FullDecision:
    """A decision with all that it was made of and all that came out; `inputs` and `reasons` are empty once erased."""

    id: int
    outcome: str
    rule_set: str
    rule_set_version: str
    decided_at: datetime
    inputs: Mapping[str, Any] = field(repr=False)
    reasons: Sequence[Mapping[str, Any]] = field(repr=False)


async def full(
    connection: AsyncConnection, *, number: str = "", row_id: int | None = None, after: int = 0, most: int = 1000
) -> list[FullDecision]:
    """Decisions of a registration by its number, or the one with this id, or all; oldest first, a page."""
    statement = select(_D.id, _D.outcome, _D.rule_set, _D.rule_set_version, _D.decided_at, _D.inputs, _D.reasons)
    if number:
        statement = statement.join(REGISTRATIONS, REGISTRATIONS.c.id == _D.registration_id)
        statement = statement.where(REGISTRATIONS.c.number == number)
    if row_id is not None:
        statement = statement.where(_D.id == row_id)
    found = await connection.execute(statement.where(_D.id > after).order_by(_D.id).limit(most))
    return [FullDecision(*row) for row in found]


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with all that it was made of; `inputs` as `backend.services.selection` stores them, {} once erased."""

    id: int
    programme: str
    outcome: str
    inputs: Mapping[str, Any] = field(repr=False)


async def judged(connection: AsyncConnection, since: datetime, before: datetime, after: int, most: int) -> list[Judged]:
    """The newest decisions of registrations that were made in this time, in the order of their ids, a page."""
    found = await connection.execute(
        select(_D.id, REGISTRATIONS.c.programme, _D.outcome, _D.inputs)
        .join(REGISTRATIONS, REGISTRATIONS.c.id == _D.registration_id)
        .where(_D.current, _D.decided_at >= since, _D.decided_at < before, _D.id > after)
        .order_by(_D.id)
        .limit(most)
    )
    return [Judged(*row) for row in found]


async def count_judged(connection: AsyncConnection, since: datetime, before: datetime) -> int:
    """How many rows `judged` comes to in all."""
    found = await connection.execute(
        select(func.count()).where(_D.current, _D.decided_at >= since, _D.decided_at < before)
    )
    return found.scalar_one()


async def dispute(
    connection: AsyncConnection, database: Database, person_id: int, data: Iterable[str], appeal_id: int, now: datetime
) -> None:
    """These data do not hold for this person from now on."""
    rows = [{"person_id": person_id, "datum": datum, "appeal_id": appeal_id, "at": now} for datum in data]
    if rows:
        statement = database.insert(DISPUTED).on_conflict_do_nothing(index_elements=["person_id", "datum"])
        await connection.execute(statement, rows)
