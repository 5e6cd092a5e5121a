"""Versions of rule sets that people proposed, activated or took back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Column, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import RuleSetVersion, table

VERSIONS = table(RuleSetVersion)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version as stored, without its content."""

    id: int
    rule_set: str
    version: str
    digest: str
    title: str
    starts_on: date
    proposed_by: str
    proposed_at: datetime
    activated_by: str | None
    activated_at: datetime | None
    withdrawn_by: str | None
    withdrawn_at: datetime | None

    @property
    def state(self) -> Literal["proposed", "active", "withdrawn"]:
        """`active`: it decides, or will from its first day on."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "proposed" if self.activated_at is None else "active"


@dataclass(frozen=True, slots=True)
class ContentRow:
    """What a version says: `backend.policy.rulesets.content_of` with its title and digest."""

    digest: str
    title: str
    content: Mapping[str, Any] = field(repr=False)


_V = VERSIONS.c
COLUMNS: tuple[Column[Any], ...] = (
    _V.id, _V.rule_set, _V.version, _V.digest, _V.title, _V.starts_on, _V.proposed_by, _V.proposed_at, _V.activated_by,
    _V.activated_at, _V.withdrawn_by, _V.withdrawn_at,
)  # fmt: skip


async def all_versions(connection: AsyncConnection) -> list[VersionRow]:
    """Every version, the newest proposal first."""
    found = await connection.execute(select(*COLUMNS).order_by(_V.id.desc()))
    return [VersionRow(*row) for row in found]


async def living(connection: AsyncConnection, rule_set: str, version: str, *, lock: bool = False) -> VersionRow | None:
    """The version of this name that was not taken back. With `lock` it is held until the end of the transaction."""
    statement = select(*COLUMNS).where(_V.rule_set == rule_set, _V.version == version, _V.withdrawn_at.is_(None))
    row = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return VersionRow(*row) if row is not None else None


async def active_digests(connection: AsyncConnection) -> frozenset[str]:
    """The digests of the activated versions: a handful, so that every decision can look."""
    found = await connection.execute(select(_V.digest).where(_V.activated_at.is_not(None), _V.withdrawn_at.is_(None)))
    return frozenset(found.scalars())


async def contents(connection: AsyncConnection, digests: Iterable[str]) -> list[ContentRow]:
    """The contents with these digests that were ever activated."""
    found = await connection.execute(
        select(_V.digest, _V.title, _V.content).where(_V.digest.in_(set(digests)), _V.activated_at.is_not(None))
    )
    return [ContentRow(*row) for row in found]


async def content_by_id(connection: AsyncConnection, version_id: int) -> ContentRow:
    found = await connection.execute(select(_V.digest, _V.title, _V.content).where(_V.id == version_id))
    return ContentRow(*found.one())


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Store a proposal (all columns but id); its id. Raises IntegrityError for a version that lives already."""
    added = await connection.execute(insert(VERSIONS).values(**values).returning(_V.id))
    version_id: int = added.scalar_one()
    return version_id


async def change(connection: AsyncConnection, version_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(VERSIONS).where(_V.id == version_id).values(**values))
