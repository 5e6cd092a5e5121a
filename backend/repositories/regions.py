"""The imported list of regions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Region, table

REGIONS = table(Region)


async def names(connection: AsyncConnection) -> dict[str, str]:
    """Every region's name by its code ("35.10")."""
    found = await connection.execute(select(REGIONS.c.code, REGIONS.c.name))
    return {row.code: row.name for row in found}


async def name_of(connection: AsyncConnection, code: str) -> str:
    """The name of a region, else of the nearest known one around it, else ""."""
    parts = code.split(".")
    codes = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    found = {row.code: row.name for row in await connection.execute(select(REGIONS).where(REGIONS.c.code.in_(codes)))}
    return found[max(found, key=len)] if found else ""
