"""`/api/v1/registrations`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.auth import Authorised, Parts, Services
from backend.api.benefits import beside
from backend.api.idempotency import Once
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import Problem, invalid, missing
from backend.api.refusals import refused
from backend.api.schemas import (
    NewRegistration,
    Outcome,
    RegistrationNumber,
    RegistrationRead,
    RegistrationStatus,
    RegistrationSummary,
)
from backend.api.types import Id
from backend.domain.nik import NikProblem, mask_digits, parse_nik
from backend.domain.regions import lies_in
from backend.repositories import listing, registrations
from backend.repositories.people import Identity
from backend.services import portal
from backend.services.clock import local_day

router = APIRouter(prefix="/api/v1/registrations", tags=["registrations"])


@router.get("", summary="Registrations, the newest first")
async def list_registrations(
    parts: Parts,
    wanted: Wanted,
    asked: Asked,
    status: RegistrationStatus | None = None,
    outcome: Outcome | None = None,
    number: Annotated[RegistrationNumber | None, Query()] = None,
) -> Listed[RegistrationSummary]:
    exactly = replace(wanted, status=status or "", outcome=outcome or "", number=number or "")
    async with parts.database.read() as connection:
        rows = await listing.registrations(connection, exactly, asked)
    return listed(rows, asked, RegistrationSummary.of)


@router.post("", status_code=201, summary="Hand in a registration for a person")
async def create_registration(
    given: NewRegistration, parts: Parts, caller: Authorised, once: Once = ""
) -> RegistrationRead:
    """The person proves who they are with their face in the chat; until then it is `waiting_identity`.
    That of somebody who has is `submitted`, and decided soon where the selection follows by itself.

    Said again with the same `Idempotency-Key` it answers the same registration.
    """
    now = parts.now()
    nik = parse_nik(given.nik, local_day(now), insisted=True)
    if isinstance(nik, NikProblem):
        raise invalid("body.nik", f"This is no NIK of an adult: {nik.kind}.")
    if not lies_in(nik.region_code, caller.region_code):
        raise Problem(403, "forbidden", "This key is for another region.")
    identity = Identity(given.nik, given.kk, given.name, nik.sex, nik.birth_date.isoformat(), nik.region_code)
    handed = portal.Handed(
        identity, given.programme, given.components, given.bank, given.account, given.phone, frozenset(given.consents)
    )
    try:
        async with parts.database.write() as connection:
            filed = await portal.register(
                connection, parts.database, handed, caller.actor, now, once, auto_select=parts.auto_select
            )
    except portal.Refused as error:
        raise refused(error) from None
    await parts.bus.ring("jobs", filed.jobs)
    return await _read(parts, (), filed.registration_id)


@router.get("/{registration_id}", summary="One registration")
async def read_registration(registration_id: Id, parts: Parts, caller: Authorised) -> RegistrationRead:
    return await _read(parts, caller.regions(), registration_id)


async def _read(parts: Services, regions: tuple[str, ...], registration_id: int) -> RegistrationRead:
    wanted = listing.Filters(regions=regions, ids=(registration_id,))
    async with parts.database.read() as connection:
        rows = await listing.registrations(connection, wanted, listing.Page(1))
        details = (await registrations.by_ids(connection, [registration_id])).get(registration_id)
        following = await beside(connection, rows[0].person_id) if rows else {}
    if not rows or details is None:
        raise missing("registration")
    said = details.details
    return RegistrationRead(
        **RegistrationSummary.of(rows[0]).model_dump(),
        **following,
        components=list(said.get("components") or ()),
        bank=said.get("bank") or "",
        account=mask_digits(said.get("account") or ""),
    )
