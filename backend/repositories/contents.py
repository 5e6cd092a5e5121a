"""The Content resources at Twilio that `perlinsos whatsapp sync` has made."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import Content, table

CONTENTS = table(Content)


async def known(connection: AsyncConnection) -> dict[str, str]:
    """SIDs by the resources' names."""
    found = await connection.execute(select(CONTENTS.c.name, CONTENTS.c.sid))
    return {row.name: row.sid for row in found}


async def put(connection: AsyncConnection, database: Database, contents: Mapping[str, str]) -> None:
    """Remember these resources; a known name gets its new SID."""
    rows = [
        {"name": name, "sid": sid, "fingerprint": sha256(f"{name}\0{sid}".encode()).hexdigest()}
        for name, sid in contents.items()
    ]
    if rows:
        statement = database.insert(CONTENTS)
        changed = {"sid": statement.excluded.sid, "fingerprint": statement.excluded.fingerprint}
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed), rows)
