"""What a fresh sandbox starts with: regions, the PKH records of known recipients, and console logins for a demo."""

from __future__ import annotations

import csv
import secrets
from datetime import datetime
from importlib.resources import files

from pwdlib import PasswordHash
from sqlalchemy import select

from backend import crypto
from backend.db import Database
from backend.models import PkhRecord, Region, User, table
from backend.sandbox.residents import load_residents

REGIONS = table(Region)
PKH = table(PkhRecord)
USERS = table(User)

DEMO_LOGINS = {"admin": "Admin demo", "reviewer": "Peninjau demo", "auditor": "Auditor demo"}
PASSWORDS = PasswordHash.recommended()


async def seed_sandbox(database: Database, now: datetime) -> None:
    """Regions and PKH records of the sandbox's residents; what is there already stays."""
    with (files("backend.sandbox") / "regions.csv").open(encoding="utf-8") as file:
        regions = [{"code": row["code"], "name": row["name"]} for row in csv.DictReader(file)]
    known = [
        {
            "nik_hash": crypto.ring().index("nik", resident.nik),
            "data": {"components": list(resident.components), "bank": "BRI", "account": f"0021{resident.nik[-8:]}"},
            "imported_at": now,
        }
        for resident in load_residents()
        if resident.pkh == "imported"
    ]
    async with database.write() as connection:
        await connection.execute(database.insert(REGIONS).on_conflict_do_nothing(), regions)
        await connection.execute(database.insert(PKH).on_conflict_do_nothing(), known)


async def seed_demo(database: Database, now: datetime) -> dict[str, str]:
    """One console login a role, with a new password at every start; the passwords by login, to be printed once."""
    passwords = {login: secrets.token_urlsafe(9) for login in DEMO_LOGINS}
    async with database.write() as connection:
        existing = set((await connection.execute(select(USERS.c.login))).scalars())
        for login, password in passwords.items():
            hashed = PASSWORDS.hash(password)
            if login in existing:
                change = USERS.update().where(USERS.c.login == login).values(password_hash=hashed, locked_until=None)
                await connection.execute(change)
            else:
                values = {"login": login, "name": DEMO_LOGINS[login], "password_hash": hashed, "role": login}
                await connection.execute(USERS.insert().values(created_at=now, **values))
    return passwords
