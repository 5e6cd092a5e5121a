"""`/api/v1/selections`."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.auth import Authorised, Parts
from backend.api.problems import Problem
from backend.api.schemas import NewSelection, SelectionStarted
from backend.domain.regions import lies_in
from backend.repositories import audit
from backend.services.selection import enqueue_selection

router = APIRouter(prefix="/api/v1/selections", tags=["selections"])


@router.post("", status_code=202, summary="Decide the registrations that wait for it")
async def run_selection(given: NewSelection, parts: Parts, caller: Authorised) -> SelectionStarted:
    """Each goes through the selection as a job. One that is decided stays as it is, so to call this twice is harmless."""
    region = given.region or caller.region_code
    if not lies_in(region, caller.region_code):
        raise Problem(403, "forbidden", "This key is for another region.")
    now = parts.now()
    async with parts.database.write() as connection:
        queued = await enqueue_selection(connection, region, now)
        act = audit.Act(now, caller.actor, "selection.started", f"region:{region}", {"queued": len(queued)})
        await audit.note(connection, [act])
    await parts.bus.ring("jobs", queued)
    return SelectionStarted(queued=len(queued), region=region or None)
