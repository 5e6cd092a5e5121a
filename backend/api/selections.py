"""`/api/v1/selections`."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.auth import Authorised, Parts
from backend.api.paging import Asked, Listed, listed
from backend.api.problems import Problem, missing
from backend.api.schemas import NewSelection, SelectionRead
from backend.api.types import Id
from backend.domain.regions import lies_in
from backend.repositories import selection_runs as stored
from backend.services import selection_runs

router = APIRouter(prefix="/api/v1/selections", tags=["selections"])


@router.post("", status_code=202, summary="Decide the registrations that wait for it")
async def run_selection(given: NewSelection, parts: Parts, caller: Authorised) -> SelectionRead:
    """A page at a time, in the background; the chats hear of it at the pace of their channels. While a selection of the
    region is under way, to call this again shows that one. What is decided stays as it is."""
    region = given.region or caller.region_code
    if not lies_in(region, caller.region_code):
        raise Problem(403, "forbidden", "This key is for another region.")
    now = parts.now()
    async with parts.database.write() as connection:
        run, queued = await selection_runs.enqueue(connection, region, caller.actor, now)
    await parts.bus.ring("jobs", queued)
    return SelectionRead.model_validate(run)


@router.get("", summary="Selections, the newest first")
async def list_selections(parts: Parts, asked: Asked, caller: Authorised) -> Listed[SelectionRead]:
    async with parts.database.read() as connection:
        rows = await stored.newest(connection, caller.regions(), asked)
    return listed(rows, asked, SelectionRead.model_validate)


@router.get("/{selection_id}", summary="How far a selection has come")
async def read_selection(selection_id: Id, parts: Parts, caller: Authorised) -> SelectionRead:
    async with parts.database.read() as connection:
        run = await stored.by_id(connection, selection_id)
    if run is None:
        raise missing("selection")
    caller.needs(run.region_code, "selection")
    return SelectionRead.model_validate(run)
