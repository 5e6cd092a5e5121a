"""`/api/v1/appeals`: handed in by another system, reviewed and decided by officers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, File, Query, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.conditional import Expected, IfMatch
from backend.api.idempotency import Once
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import Problem, invalid, missing
from backend.api.refusals import not_possible, refused
from backend.api.schemas import (
    AppealNumber,
    AppealOutcome,
    AppealRead,
    AppealStatus,
    AppealStep,
    AppealSummary,
    Evidence,
    MoreAsked,
    NewAppeal,
    Resolution,
)
from backend.api.types import Id
from backend.gateways.photo_store import PhotoMissing, PhotoStoreError
from backend.gateways.photos import MAX_BYTES, NotAPhoto
from backend.repositories import appeals, audit, listing, photos
from backend.services import portal, review
from backend.services.appeals import Contest
from backend.services.review import AppealError, Rung

router = APIRouter(prefix="/api/v1/appeals", tags=["appeals"])
MOST_AT_ONCE = 10
Act = Callable[[AsyncConnection], Awaitable[Rung]]


@router.get("", summary="Appeals, the newest first")
async def list_appeals(
    parts: Parts,
    wanted: Wanted,
    asked: Asked,
    status: AppealStatus | None = None,
    outcome: AppealOutcome | None = None,
    number: Annotated[AppealNumber | None, Query()] = None,
) -> Listed[AppealSummary]:
    exactly = replace(wanted, status=status or "", outcome=outcome or "", number=number or "")
    async with parts.database.read() as connection:
        rows = await listing.appeals(connection, exactly, asked)
    return listed(rows, asked, AppealSummary.of)


@router.post("", status_code=201, summary="Hand in an appeal of a person who has proven who they are")
async def create_appeal(given: NewAppeal, parts: Parts, caller: Authorised, once: Once = "") -> AppealRead:
    """Against the misuse of a NIK only its owner may appeal, in a chat and with their face: from a system it is refused.
    Evidence follows with `POST /api/v1/appeals/{appeal_id}/evidence`."""
    contest = Contest(given.decision_id, given.kind, given.reasons, given.not_mine, given.statement)
    async with parts.database.read() as connection:
        wanted = listing.Filters(regions=caller.regions(), ids=(given.decision_id,))
        if not await listing.decisions(connection, wanted, listing.Page(1)):
            raise missing("decision")
    try:
        async with parts.database.write() as connection:
            appeal_id = await portal.appeal(connection, contest, caller.actor, parts.now(), once)
    except portal.Refused as error:
        raise refused(error) from None
    return await _read(parts, caller, appeal_id)


@router.get("/{appeal_id}", summary="One appeal with its history")
async def read_appeal(appeal_id: Id, parts: Parts, caller: Authorised) -> AppealRead:
    return await _read(parts, caller, appeal_id)


@router.post("/{appeal_id}/evidence", status_code=201, summary="Add photos as evidence")
async def add_evidence(
    appeal_id: Id,
    parts: Parts,
    caller: Authorised,
    given: Annotated[list[UploadFile], File(alias="photos", min_length=1, max_length=MOST_AT_ONCE)],
) -> AppealRead:
    """JPEG, PNG, WebP or HEIC up to 20 MB each. Every photo is made anew without its metadata and stored sealed."""
    await _listed(parts, caller, appeal_id)
    try:
        taken = await portal.take_evidence([await file.read(MAX_BYTES + 1) for file in given])
        await portal.add_evidence(parts.database, parts.photos, appeal_id, taken, caller.actor, parts.now())
    except NotAPhoto as error:
        raise invalid(
            "body.photos", f"This is not a photo that can be taken in: {error.reason}.", error.reason
        ) from None
    except portal.Refused as error:
        raise refused(error) from None
    except PhotoStoreError:
        raise Problem(503, "photo_store_unavailable", "The photos could not be stored; try again.") from None
    return await _read(parts, caller, appeal_id)


@router.get(
    "/{appeal_id}/evidence/{photo_id}",
    summary="One photo; that it was viewed is noted",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def read_evidence(appeal_id: Id, photo_id: Id, parts: Parts, caller: Authorised) -> Response:
    await _listed(parts, caller, appeal_id)
    async with parts.database.write() as connection:
        found = next((row for row in await photos.of_appeals(connection, [appeal_id]) if row.id == photo_id), None)
        if found is None:
            raise missing("photo")
        act = audit.Act(parts.now(), caller.actor, "evidence.viewed", f"appeal:{appeal_id}", {"photo": photo_id})
        await audit.note(connection, [act])
    try:
        jpeg = await parts.photos.get(found.object_key)
    except PhotoMissing:
        raise missing("photo") from None
    except PhotoStoreError:
        raise Problem(503, "photo_store_unavailable", "The photo cannot be read now; try again.") from None
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.post("/{appeal_id}/take-up", summary="Begin to review an appeal")
async def take_up_appeal(appeal_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> AppealRead:
    return await _act(
        parts,
        caller,
        appeal_id,
        expected,
        lambda c: review.take_up(c, parts.database, appeal_id, caller.actor, parts.now()),
    )


@router.post("/{appeal_id}/ask-more", summary="Ask the appellant for more, in the chat")
async def ask_more(given: MoreAsked, appeal_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> AppealRead:
    return await _act(
        parts,
        caller,
        appeal_id,
        expected,
        lambda c: review.ask_more(c, parts.database, appeal_id, given.question, caller.actor, parts.now()),
    )


@router.post("/{appeal_id}/field-check", summary="Have BPS look on the spot")
async def check_on_the_spot(appeal_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> AppealRead:
    return await _act(
        parts,
        caller,
        appeal_id,
        expected,
        lambda c: review.field_check(c, parts.database, appeal_id, caller.actor, parts.now()),
    )


@router.post("/{appeal_id}/resolve", summary="Decide an appeal")
async def resolve_appeal(
    given: Resolution, appeal_id: Id, parts: Parts, caller: Authorised, expected: IfMatch
) -> AppealRead:
    """`upheld`: what was contested does not hold; `partly`: only what `accepted` names. A new selection without these
    data follows, and replaces the contested decision."""
    return await _act(
        parts,
        caller,
        appeal_id,
        expected,
        lambda c: review.resolve(
            c, parts.database, appeal_id, given.outcome, given.reason, caller.actor, parts.now(), given.accepted
        ),
    )


async def _act(parts: Services, caller: Caller, appeal_id: int, expected: Expected, act: Act) -> AppealRead:
    await _listed(parts, caller, appeal_id)
    try:
        async with parts.database.write() as connection:
            if expected:
                await appeals.by_ids(connection, [appeal_id], lock=True)
                expected.check(await _shown(connection, caller, appeal_id))
            rung = await act(connection)
    except AppealError as error:
        raise not_possible(error) from None
    await parts.bus.ring("turns", rung.turns)
    await parts.bus.ring("jobs", rung.jobs)
    return await _read(parts, caller, appeal_id)


async def _listed(parts: Services, caller: Caller, appeal_id: int) -> listing.ListedAppeal:
    """The appeal, when the caller may see it."""
    async with parts.database.read() as connection:
        return await _row(connection, caller, appeal_id)


async def _row(connection: AsyncConnection, caller: Caller, appeal_id: int) -> listing.ListedAppeal:
    wanted = listing.Filters(regions=caller.regions(), ids=(appeal_id,))
    rows = await listing.appeals(connection, wanted, listing.Page(1))
    if not rows:
        raise missing("appeal")
    return rows[0]


async def _read(parts: Services, caller: Caller, appeal_id: int) -> AppealRead:
    async with parts.database.read() as connection:
        return await _shown(connection, caller, appeal_id)


async def _shown(connection: AsyncConnection, caller: Caller, appeal_id: int) -> AppealRead:
    listed = await _row(connection, caller, appeal_id)
    found = (await appeals.by_ids(connection, [appeal_id]))[appeal_id]
    history = (await appeals.history_of(connection, [appeal_id]))[appeal_id]
    evidence = await photos.of_appeals(connection, [appeal_id])
    first = (await appeals.by_ids(connection, [found.first_id])).get(found.first_id) if found.first_id else None
    return AppealRead(
        **AppealSummary.of(listed).model_dump(),
        contested=list(found.contested),
        not_mine=list(found.not_mine),
        statement=found.statement,
        step_due_on=found.step_due_on,
        first_number=first.number if first is not None else None,
        outcome_reason=found.outcome_reason,
        evidence=[Evidence.model_validate(photo) for photo in evidence],
        history=[AppealStep.model_validate(step) for step in history],
    )
