"""Stored photos and face checks: what is kept about a picture, never the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import FaceCheck, Photo, table

PHOTOS = table(Photo)
FACE_CHECKS = table(FaceCheck)


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """A stored photo. `object_key` names its sealed bytes in the store."""

    id: int
    conversation_id: int | None
    person_id: int | None
    appeal_id: int | None
    purpose: str
    object_key: str
    width: int
    height: int
    problem: str | None
    created_at: datetime
    erased_at: datetime | None


_P = PHOTOS.c
COLUMNS: tuple[Column[Any], ...] = (
    _P.id, _P.conversation_id, _P.person_id, _P.appeal_id, _P.purpose, _P.object_key, _P.width, _P.height,
    _P.problem, _P.created_at, _P.erased_at,
)  # fmt: skip


async def add(connection: AsyncConnection, database: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store photos (all columns but id); one whose object key is known already is passed over."""
    if rows:
        statement = database.insert(PHOTOS).on_conflict_do_nothing(index_elements=["object_key"])
        await connection.execute(statement, [dict(row) for row in rows])


async def by_keys(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, PhotoRow]:
    """The photos with these object keys."""
    found = await connection.execute(select(*COLUMNS).where(_P.object_key.in_(keys)))
    return {row.object_key: PhotoRow(*row) for row in found}


async def kept(connection: AsyncConnection, keys: Sequence[str]) -> int:
    """How many of these object keys belong to photos that should be in the store."""
    found = await connection.execute(select(func.count()).where(_P.object_key.in_(keys), _P.erased_at.is_(None)))
    return found.scalar_one()


async def count_kept(connection: AsyncConnection) -> int:
    """How many photos should be in the store."""
    return (
        await connection.execute(select(func.count()).select_from(PHOTOS).where(_P.erased_at.is_(None)))
    ).scalar_one()


async def by_ids(connection: AsyncConnection, ids: Iterable[int]) -> dict[int, PhotoRow]:
    found = await connection.execute(select(*COLUMNS).where(_P.id.in_(set(ids))))
    return {row.id: PhotoRow(*row) for row in found}


async def of_appeals(connection: AsyncConnection, appeal_ids: Iterable[int]) -> list[PhotoRow]:
    """The evidence of these appeals, oldest first."""
    found = await connection.execute(
        select(*COLUMNS).where(_P.appeal_id.in_(set(appeal_ids)), _P.erased_at.is_(None)).order_by(_P.id)
    )
    return [PhotoRow(*row) for row in found]


_ATTACH = (
    update(PHOTOS)
    .where(_P.id == bindparam("row_id"), _P.conversation_id == bindparam("chat"), _P.appeal_id.is_(None))
    .values(appeal_id=bindparam("new_appeal_id"), person_id=bindparam("new_person_id"))
)


async def attach(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Photos become evidence of an appeal; only those sent in that chat and not used yet. Rows with row_id, chat,
    new_appeal_id and new_person_id."""
    if rows:
        await connection.execute(_ATTACH, [dict(row) for row in rows])


async def set_person(connection: AsyncConnection, ids: Sequence[int], person_id: int) -> None:
    """These photos show this person."""
    await connection.execute(update(PHOTOS).where(_P.id.in_(ids)).values(person_id=person_id))


async def faces_of(connection: AsyncConnection, person_id: int) -> dict[int, str]:
    """The object keys of the pictures of a person's face that are still kept, by photo."""
    found = await connection.execute(
        select(_P.id, _P.object_key).where(
            _P.person_id == person_id, _P.purpose.in_(("selfie", "turned")), _P.erased_at.is_(None)
        )
    )
    return {row.id: row.object_key for row in found}


async def erased(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """The bytes of these photos are gone, and so is what would recognise them."""
    await connection.execute(update(PHOTOS).where(_P.id.in_(ids)).values(erased_at=now, fingerprint=b""))


# --- face checks -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FaceCheckRow:
    """What came of one comparison: `match`, `no_match` or `borderline`."""

    conversation_id: int | None
    person_id: int | None
    outcome: str
    score: float | None
    at: datetime


_F = FACE_CHECKS.c


async def check_of(connection: AsyncConnection, transaction_id: str) -> FaceCheckRow | None:
    """The comparison that was made under this transaction id, if it was."""
    found = await connection.execute(
        select(_F.conversation_id, _F.person_id, _F.outcome, _F.score, _F.at).where(_F.transaction_id == transaction_id)
    )
    row = found.first()
    return FaceCheckRow(*row) if row is not None else None


async def add_check(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Keep what came of a comparison (all columns but id)."""
    await connection.execute(insert(FACE_CHECKS).values(**values))


async def failures_since(
    connection: AsyncConnection, since: datetime, nik_hash: bytes, conversation_id: int | None
) -> tuple[int, int]:
    """Comparisons since then that did not match: for this NIK, and in this chat."""
    failed = (_F.outcome != "match", _F.at >= since)
    of_nik = select(func.count()).where(_F.nik_hash == nik_hash, *failed).scalar_subquery()
    of_chat = select(func.count()).where(_F.conversation_id == conversation_id, *failed).scalar_subquery()
    row = (await connection.execute(select(of_nik, of_chat))).one()
    return int(row[0]), int(row[1])


@dataclass(frozen=True, slots=True)
class Match:
    """A face that matched: whose it was, where, for which act, and whether it has served an appeal."""

    id: int
    person_id: int
    conversation_id: int
    purpose: str
    at: datetime
    used: bool


async def matches_since(connection: AsyncConnection, since: datetime, person_ids: Iterable[int]) -> list[Match]:
    """The matching faces of these people since then, in chats; the newest last."""
    found = await connection.execute(
        select(_F.id, _F.person_id, _F.conversation_id, _F.purpose, _F.at, _F.appeal_id.is_not(None))
        .where(_F.person_id.in_(set(person_ids)), _F.outcome == "match", _F.at >= since)
        .where(_F.conversation_id.is_not(None))
        .order_by(_F.id)
    )
    return [Match(*row) for row in found]


async def use_match(connection: AsyncConnection, uses: Mapping[int, int]) -> None:
    """These matches (by id) have served these appeals, and serve no other."""
    if uses:
        statement = update(FACE_CHECKS).where(_F.id == bindparam("row_id")).values(appeal_id=bindparam("of"))
        await connection.execute(statement, [{"row_id": match, "of": appeal} for match, appeal in uses.items()])
