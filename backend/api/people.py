"""`/api/v1/people`: masked, and by NIK only through a body."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.auth import Authorised, Parts
from backend.api.paging import Cursor, Limit, Listed, Region, Since, Until, cut, filters, page
from backend.api.problems import missing
from backend.api.schemas import People, PersonSearch, PersonShown
from backend.api.types import Id
from backend.repositories import audit, listing
from backend.repositories.people import nik_hash

router = APIRouter(prefix="/api/v1/people", tags=["people"])


@router.get("", summary="People, the newest first")
async def list_people(
    parts: Parts,
    caller: Authorised,
    region: Region | None = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listed[PersonShown]:
    async with parts.database.read() as connection:
        rows = await listing.people(connection, filters(caller, region, since, until), page(limit, cursor))
    return Listed(items=[PersonShown.of(row) for row in rows[:limit]], next=cut(rows, limit))


@router.post("/search", summary="Who has this NIK")
async def search_people(given: PersonSearch, parts: Parts, caller: Authorised) -> People:
    """Nobody, or one person in the caller's region. Every search is noted, found or not."""
    async with parts.database.write() as connection:
        found = await listing.person_of_nik(connection, nik_hash(given.nik), caller.regions())
        subject = f"person:{found.id}" if found is not None else "person"
        await audit.note(connection, [audit.Act(parts.now(), caller.actor, "person.searched", subject)])
    return People(items=[PersonShown.of(found)] if found is not None else [])


@router.get("/{person_id}", summary="One person, masked")
async def read_person(person_id: Id, parts: Parts, caller: Authorised) -> PersonShown:
    wanted = listing.Filters(regions=caller.regions(), ids=(person_id,))
    async with parts.database.read() as connection:
        rows = await listing.people(connection, wanted, listing.Page(1))
    if not rows:
        raise missing("person")
    return PersonShown.of(rows[0])
