"""`/api/v1/people`: masked, and by NIK only through a body."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.conditional import IfMatch
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import missing
from backend.api.schemas import People, PersonSearch, PersonShown
from backend.api.types import Id
from backend.repositories import audit, listing, people
from backend.services.identity import verify_in_person

router = APIRouter(prefix="/api/v1/people", tags=["people"])


@router.get("", summary="People, the newest first")
async def list_people(parts: Parts, wanted: Wanted, asked: Asked) -> Listed[PersonShown]:
    async with parts.database.read() as connection:
        rows = await listing.people(connection, wanted, asked)
    return listed(rows, asked, PersonShown.of)


@router.post("/search", summary="Who has this NIK")
async def search_people(given: PersonSearch, parts: Parts, caller: Authorised) -> People:
    """Nobody, or one person in the caller's region. Every search is noted, found or not."""
    async with parts.database.write() as connection:
        found = await listing.person_of_nik(connection, people.nik_hash(given.nik), caller.regions())
        subject = f"person:{found.id}" if found is not None else "person"
        await audit.note(connection, [audit.Act(parts.now(), caller.actor, "person.searched", subject)])
    return People(items=[PersonShown.of(found)] if found is not None else [])


@router.get("/{person_id}", summary="One person, masked")
async def read_person(person_id: Id, parts: Parts, caller: Authorised) -> PersonShown:
    return await _read(parts, caller, person_id)


@router.post("/{person_id}/verify-in-person", summary="An officer has seen the person and their KTP")
async def verify_person(person_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> PersonShown:
    """For those whose face cannot be compared: the highest level, and what waited for it goes to the selection."""
    await _read(parts, caller, person_id)
    try:
        async with parts.database.write() as connection:
            if expected:
                await people.by_ids(connection, [person_id], lock=True)
                expected.check(await _shown(connection, caller, person_id))
            queued = await verify_in_person(connection, parts.database, person_id, caller.actor, parts.now())
    except LookupError:
        raise missing("person") from None
    await parts.bus.ring("jobs", queued)
    return await _read(parts, caller, person_id)


async def _read(parts: Services, caller: Caller, person_id: int) -> PersonShown:
    async with parts.database.read() as connection:
        return await _shown(connection, caller, person_id)


async def _shown(connection: AsyncConnection, caller: Caller, person_id: int) -> PersonShown:
    wanted = listing.Filters(regions=caller.regions(), ids=(person_id,))
    rows = await listing.people(connection, wanted, listing.Page(1))
    if not rows:
        raise missing("person")
    return PersonShown.of(rows[0])
