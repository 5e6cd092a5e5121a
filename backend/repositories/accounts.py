"""Console logins and keys of the API. Passwords and keys are stored as hashes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import ApiKey, User, table

USERS = table(User)
KEYS = table(ApiKey)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A console login. `role`: admin, reviewer, auditor; `region_code` empty: every region."""

    id: int
    login: str
    name: str
    password_hash: str = field(repr=False)
    role: str
    region_code: str
    active: bool
    failures: int
    locked_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A bearer key. `role`: admin, reviewer, reader, portal; `region_code` empty: every region."""

    id: int
    name: str
    role: str
    region_code: str
    personal: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


_U = USERS.c
_USER: tuple[Column[Any], ...] = (
    _U.id, _U.login, _U.name, _U.password_hash, _U.role, _U.region_code, _U.active, _U.failures, _U.locked_until,
    _U.created_at,
)  # fmt: skip
_K = KEYS.c
_KEY: tuple[Column[Any], ...] = (
    _K.id, _K.name, _K.role, _K.region_code, _K.personal, _K.created_at, _K.expires_at, _K.revoked_at
)  # fmt: skip


async def user_by_login(connection: AsyncConnection, login: str, *, lock: bool = False) -> UserRow | None:
    statement = select(*_USER).where(_U.login == login)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return UserRow(*row) if row is not None else None


async def user_by_id(connection: AsyncConnection, user_id: int) -> UserRow | None:
    row = (await connection.execute(select(*_USER).where(_U.id == user_id))).first()
    return UserRow(*row) if row is not None else None


async def users(connection: AsyncConnection) -> list[UserRow]:
    return [UserRow(*row) for row in await connection.execute(select(*_USER).order_by(_U.login))]


async def add_user(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Store a login (all columns but id). Raises IntegrityError when the login is taken."""
    added = await connection.execute(insert(USERS).values(**values).returning(_U.id))
    user_id: int = added.scalar_one()
    return user_id


async def change_user(connection: AsyncConnection, user_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(USERS).where(_U.id == user_id).values(**values))


async def key_by_hash(connection: AsyncConnection, key_hash: bytes) -> KeyRow | None:
    row = (await connection.execute(select(*_KEY).where(_K.key_hash == key_hash))).first()
    return KeyRow(*row) if row is not None else None


async def keys(connection: AsyncConnection) -> list[KeyRow]:
    return [KeyRow(*row) for row in await connection.execute(select(*_KEY).order_by(_K.id))]


async def add_key(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Store a key (all columns but id)."""
    added = await connection.execute(insert(KEYS).values(**values).returning(_K.id))
    key_id: int = added.scalar_one()
    return key_id


async def revoke_key(connection: AsyncConnection, key_id: int, now: datetime) -> bool:
    """Whether there was such a key that still worked."""
    revoked = await connection.execute(
        update(KEYS).where(_K.id == key_id, _K.revoked_at.is_(None)).values(revoked_at=now).returning(_K.id)
    )
    return revoked.scalar_one_or_none() is not None
