"""Logins and keys: who gets in, who is locked out, and what is stored of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from backend.db import Database
from backend.models import AuditEvent, User, table
from backend.services.accounts import (
    LOCKED_FOR,
    MOST_FAILURES,
    AccountError,
    KeyRole,
    UserRole,
    add_user,
    create_key,
    disable_user,
    key_of,
    log_in,
    revoke_key,
)

PASSWORD = "kata-sandi-panjang"


async def test_the_right_password_opens_and_a_wrong_or_unknown_login_does_not(
    database: Database, now: datetime
) -> None:
    await add_user(database, "ani", "Bu Ani", PASSWORD, UserRole.REVIEWER, "35.10", now)
    user = await log_in(database, "ani", PASSWORD, now)
    assert user is not None
    assert (user.login, user.role, user.region_code) == ("ani", "reviewer", "35.10")
    assert await log_in(database, "ani", PASSWORD + "x", now) is None
    assert await log_in(database, "nobody", PASSWORD, now) is None
    async with database.read() as connection:
        stored = (await connection.execute(select(table(User).c.password_hash))).scalar_one()
    assert stored.startswith("$argon2")


async def test_five_failures_lock_for_a_quarter_of_an_hour(database: Database, now: datetime) -> None:
    await add_user(database, "ani", "Bu Ani", PASSWORD, UserRole.ADMIN, "", now)
    for _ in range(MOST_FAILURES):
        assert await log_in(database, "ani", "salah-salah", now) is None
    assert await log_in(database, "ani", PASSWORD, now + LOCKED_FOR - timedelta(seconds=1)) is None
    assert await log_in(database, "ani", PASSWORD, now + LOCKED_FOR) is not None
    async with database.read() as connection:
        actions = (await connection.execute(select(table(AuditEvent).c.action))).scalars().all()
    assert actions == ["user.locked", "user.logged_in"]


async def test_a_success_forgets_the_failures_before_it(database: Database, now: datetime) -> None:
    await add_user(database, "ani", "Bu Ani", PASSWORD, UserRole.ADMIN, "", now)
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            assert await log_in(database, "ani", "salah-salah", now) is None
        assert await log_in(database, "ani", PASSWORD, now) is not None


async def test_what_cannot_be_added_says_why(database: Database, now: datetime) -> None:
    with pytest.raises(AccountError, match="fewer than"):
        await add_user(database, "ani", "Bu Ani", "pendek", UserRole.ADMIN, "", now)
    await add_user(database, "ani", "Bu Ani", PASSWORD, UserRole.ADMIN, "", now)
    with pytest.raises(AccountError, match="exists"):
        await add_user(database, "ani", "Bu Ani", PASSWORD, UserRole.ADMIN, "", now)
    await disable_user(database, "ani")
    assert await log_in(database, "ani", PASSWORD, now) is None
    with pytest.raises(AccountError, match="no such login"):
        await disable_user(database, "budi")


async def test_a_key_works_until_it_expires_or_is_revoked(database: Database, now: datetime) -> None:
    made = await create_key(database, "portal", KeyRole.PORTAL, "64.71", now + timedelta(days=1), now)
    assert made.secret.startswith("pk_")
    found = await key_of(database, made.secret, now)
    assert found is not None
    assert (found.name, found.role, found.region_code) == ("portal", "portal", "64.71")
    assert await key_of(database, made.secret, now + timedelta(days=1)) is None
    assert await key_of(database, made.secret[:-1], now) is None
    await revoke_key(database, made.id, now)
    assert await key_of(database, made.secret, now) is None
    with pytest.raises(AccountError, match="revoked before"):
        await revoke_key(database, made.id, now)
