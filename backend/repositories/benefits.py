"""Quota and payments by NIK, as files of those who allot and pay brought them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import BenefitState, Decision, Person, Registration, table
from backend.repositories.sets import among
from backend.repositories.source_records import Incoming, Known

STATES, PEOPLE, REGISTRATIONS, DECISIONS = map(table, (BenefitState, Person, Registration, Decision))
_B = STATES.c
KINDS = frozenset({"quota", "payments"})
_CHANGING = ("state", "amount", "source", "as_of", "digest", "run_id", "imported_at")


@dataclass(frozen=True, slots=True)
class BenefitRow:
    """One state. `kind`: quota or payments; `period` of a payment ("2026-4"), else ""; `amount` in rupiah, where known."""

    person_id: int
    kind: str
    period: str
    state: str
    amount: int | None = field(repr=False)
    source: str
    as_of: date


async def of_people(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, list[BenefitRow]]:
    """What is known of these people, the quota first, then the payments from the earliest on."""
    found = await connection.execute(
        select(PEOPLE.c.id, _B.kind, _B.period, _B.state, _B.amount, _B.source, _B.as_of)
        .join(PEOPLE, PEOPLE.c.nik_hash == _B.nik_hash)
        .where(among(connection, PEOPLE.c.id, set(ids)))
        .order_by(_B.kind.desc(), _B.period)
    )
    rows: dict[int, list[BenefitRow]] = {}
    for row in found:
        rows.setdefault(row[0], []).append(BenefitRow(*row))
    return rows


@dataclass(frozen=True, slots=True)
class News:
    """A state (its row's `id`) that an import brought or changed, and the chat that hears of it."""

    id: int
    person_id: int
    conversation_id: int


async def news_of(connection: AsyncConnection, run_id: int, since: datetime, after: int, most: int) -> list[News]:
    """What an import, begun at `since`, brought or changed about people who are eligible now and want to be told; rows
    after the row `after`, in their order."""
    r, d, p = REGISTRATIONS.c, DECISIONS.c, PEOPLE.c
    found = await connection.execute(
        select(_B.id, p.id, r.conversation_id)
        .join(PEOPLE, p.nik_hash == _B.nik_hash)
        .join(REGISTRATIONS, r.person_id == p.id)
        .join(DECISIONS, (d.registration_id == r.id) & d.current)
        .where(_B.id > after, _B.run_id == run_id, _B.imported_at >= since)
        .where(d.outcome == "eligible", p.notifications, r.conversation_id.is_not(None))
        .order_by(_B.id)
        .limit(most)
    )
    return [News(*row) for row in found]


# --- as imports see it; keys are a NIK's hash with a period ---------------------------------------------------------------


async def known(connection: AsyncConnection, kind: str, keys: Collection[tuple[bytes, str]]) -> dict[Any, Known]:
    """Those of these keys that are here."""
    found = await connection.execute(
        select(_B.nik_hash, _B.period, _B.digest, _B.run_id, _B.as_of).where(
            _B.kind == kind, among(connection, _B.nik_hash, {key[0] for key in keys})
        )
    )
    return {(bytes(row[0]), row[1]): Known(bytes(row[2]), row[3], row[4]) for row in found}


async def put(
    connection: AsyncConnection, database: Database, kind: str, rows: Sequence[Incoming], run_id: int, now: datetime
) -> None:
    """Store these rows; one that is here already is replaced."""
    if not rows:
        return
    values = [
        {
            "kind": kind, "nik_hash": r.key[0], "period": r.key[1], "state": r.data["state"], "amount": r.data.get("amount"),
            "source": r.data["source"], "as_of": r.as_of, "digest": r.digest, "run_id": run_id, "imported_at": now,
        }
        for r in rows
    ]  # fmt: skip
    statement = database.insert(STATES)
    statement = statement.on_conflict_do_update(
        index_elements=["nik_hash", "kind", "period"], set_={name: statement.excluded[name] for name in _CHANGING}
    )
    await connection.execute(statement, values)


async def seen_again(connection: AsyncConnection, kind: str, keys: Collection[tuple[bytes, str]], run_id: int) -> None:
    """These rows say what they said before; this import has seen them."""
    if keys:
        same = tuple_(_B.nik_hash, _B.period).in_(list(keys))
        await connection.execute(update(STATES).where(_B.kind == kind, same).values(run_id=run_id))
