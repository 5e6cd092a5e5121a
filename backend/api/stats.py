"""`/api/v1/stats`: how far people have come."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.auth import Parts
from backend.api.paging import Wanted
from backend.api.schemas import Stats
from backend.repositories.overview import overview

router = APIRouter(prefix="/api/v1/stats", tags=["stats"])


@router.get("", summary="The four stages, by outcome, region and day")
async def read_stats(parts: Parts, wanted: Wanted) -> Stats:
    async with parts.database.read() as connection:
        found = await overview(connection, wanted.regions, wanted.since, wanted.before)
    return Stats.model_validate(found)
