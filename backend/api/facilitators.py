"""`/api/v1/facilitators`: officers make them, give them codes, and end them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

from fastapi import APIRouter

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.conditional import IfMatch
from backend.api.paging import Asked, Listed, Wanted, day_start, listed
from backend.api.problems import Problem, invalid, missing
from backend.api.schemas_facilitators import DutyCode, FacilitatorRead, NewFacilitator
from backend.api.types import Id
from backend.domain.facilitators import works_in, written_code
from backend.domain.nik import NikProblem, parse_nik
from backend.domain.regions import lies_in
from backend.repositories import facilitators as stored
from backend.services import facilitators
from backend.services.clock import local_day
from backend.services.facilitators import FacilitatorError, Handed

router = APIRouter(prefix="/api/v1/facilitators", tags=["facilitators"])


@router.get("", summary="Facilitators, the newest first")
async def list_facilitators(parts: Parts, wanted: Wanted, asked: Asked) -> Listed[FacilitatorRead]:
    now = parts.now()
    async with parts.database.read() as connection:
        rows = await stored.newest(connection, wanted.regions, asked)
    return listed(rows, asked, lambda row: FacilitatorRead.of(row, now))


@router.post("", status_code=201, summary="Make the owner of a NIK a facilitator")
async def create_facilitator(given: NewFacilitator, parts: Parts, caller: Authorised) -> DutyCode:
    """The code is in this answer only. The chat is bound by it together with that person's own face."""
    now = parts.now()
    nik = parse_nik(given.nik, local_day(now), insisted=True)
    if isinstance(nik, NikProblem):
        raise invalid("body.nik", f"This is no NIK of an adult: {nik.kind}.")
    if not all(lies_in(region, caller.region_code) for region in given.regions):
        raise Problem(403, "forbidden", "This key is for another region.")
    new = facilitators.NewFacilitator(nik.value, given.name, given.role, given.regions, day_start(given.until))
    async with parts.database.write() as connection:
        handed = await _possible(facilitators.add(connection, new, caller.actor, now))
    return await _shown(parts, handed)


@router.get("/{facilitator_id}", summary="One facilitator")
async def read_facilitator(facilitator_id: Id, parts: Parts, caller: Authorised) -> FacilitatorRead:
    return await _read(parts, caller, facilitator_id)


@router.post("/{facilitator_id}/code", status_code=201, summary="Another code, for another phone")
async def new_facilitator_code(facilitator_id: Id, parts: Parts, caller: Authorised) -> DutyCode:
    """The chat that is bound now works until the code is used; the code before is of no use any more."""
    await _read(parts, caller, facilitator_id)
    async with parts.database.write() as connection:
        handed = await _possible(facilitators.new_code(connection, facilitator_id, caller.actor, parts.now()))
    return await _shown(parts, handed)


@router.post("/{facilitator_id}/end", summary="They are no facilitator any more")
async def end_facilitator(facilitator_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> FacilitatorRead:
    """From the next message on their chat is a citizen's. Ended once more, they stay ended."""
    await _read(parts, caller, facilitator_id)
    async with parts.database.write() as connection:
        if expected:
            row = (await stored.by_ids(connection, [facilitator_id], lock=True))[facilitator_id]
            expected.check(FacilitatorRead.of(row, parts.now()))
        await facilitators.end(connection, facilitator_id, caller.actor, parts.now())
    return await _read(parts, caller, facilitator_id)


async def _possible(made: Awaitable[Handed]) -> Handed:
    try:
        return await made
    except FacilitatorError as error:
        raise Problem(409, "not_possible", f"{str(error).capitalize()}.") from None


async def _read(parts: Services, caller: Caller, facilitator_id: int) -> FacilitatorRead:
    async with parts.database.read() as connection:
        row = (await stored.by_ids(connection, [facilitator_id])).get(facilitator_id)
    if row is None or (caller.region_code and not all(works_in(code, [caller.region_code]) for code in row.regions)):
        raise missing("facilitator")
    return FacilitatorRead.of(row, parts.now())


async def _shown(parts: Services, handed: Handed) -> DutyCode:
    async with parts.database.read() as connection:
        row = (await stored.by_ids(connection, [handed.facilitator_id]))[handed.facilitator_id]
    until: datetime = handed.until
    return DutyCode(facilitator=FacilitatorRead.of(row, parts.now()), code=written_code(handed.code), code_until=until)
