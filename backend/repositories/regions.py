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
