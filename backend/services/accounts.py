"""Who may use console and API: logins with passwords, and bearer keys for other systems."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError

from backend import crypto
from backend.db import Database
from backend.repositories import accounts, audit
from backend.repositories.accounts import KeyRow, UserRow

PASSWORDS = PasswordHash.recommended()
KEY_PREFIX = "pk_"
SHORTEST_PASSWORD = 10
MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)


class UserRole(StrEnum):
    """What somebody may do in the console: everything, review cases, or only read."""

    ADMIN = "admin"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


class KeyRole(StrEnum):
    """What another system may do through the API."""

    ADMIN = "admin"
    REVIEWER = "reviewer"
    READER = "reader"
    PORTAL = "portal"


class AccountError(Exception):
    """An account cannot be made as asked; the message says why, without the password."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `secret` is shown this once and never again."""

    id: int
    secret: str = field(repr=False)


@cache
def _nobody() -> str:
    """What an unknown login's password is compared with, so that it takes as long as a known one's."""
    return PASSWORDS.hash(secrets.token_urlsafe(16))


async def log_in(database: Database, login: str, password: str, now: datetime) -> UserRow | None:
    """The user, or None for a wrong password, an unknown, disabled or locked login: all alike to the person at the door.

    Five failures in a row lock the login for a quarter of an hour.
    """
    async with database.read() as connection:
        user = await accounts.user_by_login(connection, login)
    # Hashing takes tens of milliseconds on purpose: not on the event loop, and no transaction open.
    known = user.password_hash if user is not None else await asyncio.to_thread(_nobody)
    fits = await asyncio.to_thread(PASSWORDS.verify, password, known)
    if user is None:
        return None
    async with database.write() as connection:
        user = await accounts.user_by_login(connection, login, lock=True)
        if user is None or not user.active or (user.locked_until is not None and now < user.locked_until):
            return None
        if fits:
            await accounts.change_user(connection, user.id, {"failures": 0, "locked_until": None})
            await audit.note(connection, [audit.Act(now, user.login, "user.logged_in", f"user:{user.id}")])
            return user
        failures = user.failures + 1
        locked = now + LOCKED_FOR if failures >= MOST_FAILURES else None
        values = {"failures": 0 if locked else failures, "locked_until": locked}
        await accounts.change_user(connection, user.id, values)
        if locked:
            await audit.note(connection, [audit.Act(now, user.login, "user.locked", f"user:{user.id}")])
    return None


async def add_user(
    database: Database, login: str, name: str, password: str, role: UserRole, region_code: str, now: datetime
) -> int:
    """A new console login; its id. Raises AccountError."""
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"the password has fewer than {SHORTEST_PASSWORD} characters")
    values = {
        "login": login,
        "name": name,
        "password_hash": await asyncio.to_thread(PASSWORDS.hash, password),
        "role": role.value,
        "region_code": region_code,
        "created_at": now,
    }
    try:
        async with database.write() as connection:
            return await accounts.add_user(connection, values)
    except IntegrityError:
        raise AccountError("this login exists already") from None


async def disable_user(database: Database, login: str) -> None:
    """The login works no more, and whoever is logged in with it is out. Raises AccountError."""
    async with database.write() as connection:
        user = await accounts.user_by_login(connection, login, lock=True)
        if user is None:
            raise AccountError("there is no such login")
        await accounts.change_user(connection, user.id, {"active": False})


async def create_key(
    database: Database,
    name: str,
    role: KeyRole,
    region_code: str,
    expires_at: datetime | None,
    now: datetime,
    *,
    personal: bool = False,
) -> NewKey:
    """A new bearer key of the API. `personal`: its exports may name who the rows are about."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    values = {
        "name": name,
        "key_hash": _key_hash(secret),
        "role": role.value,
        "region_code": region_code,
        "personal": personal,
        "created_at": now,
        "expires_at": expires_at,
    }
    async with database.write() as connection:
        return NewKey(await accounts.add_key(connection, values), secret)


async def revoke_key(database: Database, key_id: int, now: datetime) -> None:
    """The key works no more. Raises AccountError."""
    async with database.write() as connection:
        if not await accounts.revoke_key(connection, key_id, now):
            raise AccountError("there is no such key, or it was revoked before")


async def key_of(database: Database, secret: str, now: datetime) -> KeyRow | None:
    """The key behind a bearer token; None when it is unknown, expired or revoked."""
    if not secret.startswith(KEY_PREFIX):
        return None
    async with database.read() as connection:
        key = await accounts.key_by_hash(connection, _key_hash(secret))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return key


def _key_hash(secret: str) -> bytes:
    return crypto.ring().index("api-key", secret)
