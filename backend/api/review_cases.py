"""`/api/v1/review-cases`: what looks like one person twice, read and decided by officers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.api.auth import Authorised, Caller, Parts
from backend.api.conditional import IfMatch
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import InvalidField, Problem, missing
from backend.api.schemas import Given, Shown, Words
from backend.api.types import Id
from backend.domain.names import mask_name
from backend.domain.regions import lies_in
from backend.repositories import listing, review_cases
from backend.repositories.review_cases import CaseMember, Kind, State
from backend.services import duplicates
from backend.services.duplicates import CaseError

router = APIRouter(prefix="/api/v1/review-cases", tags=["review cases"])


class ReviewCaseSummary(Shown):
    """A case. `kind`: what its members share; `state` cleared: they are different people."""

    id: int
    kind: Kind
    state: State
    members: int
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime


class CaseMemberShown(Shown):
    """One member. Name, NIK, family card and account are masked, and the name is empty outside of the caller's region.

    `what`: a registration, a PKH recipient whom an import knows, or a chat in which the NIK was typed again.
    """

    what: Literal["registration", "recipient", "chat"]
    registration_id: int | None
    number: str = Field(examples=["PRL-7K2M-93"])
    person_id: int | None
    name: str = Field(examples=["S*** A*****"])
    nik: str = Field(examples=["************0001"])
    kk: str = Field(examples=["************0001"])
    bank: str
    account: str = Field(examples=["********1234"])
    region_code: str = Field(examples=["35.10.16"])
    status: str
    outcome: str
    channel: str
    at: datetime | None


class ReviewCaseRead(ReviewCaseSummary):
    """A case with its members, at most 50, the first registered first. `matches`: the data that all of them share."""

    reason: str | None = Field(description="why it was decided as it was")
    matches: list[Kind]
    shown: list[CaseMemberShown]


class CaseVerdict(Given):
    """The officer's word. It changes no registration and no decision."""

    state: Literal["cleared", "confirmed"]
    reason: Words = Field(examples=["Kakak beradik, satu rekening atas nama ibu mereka."])


@router.get("", summary="Review cases, the newest first")
async def list_review_cases(
    parts: Parts, wanted: Wanted, asked: Asked, state: State | None = None, kind: Kind | None = None
) -> Listed[ReviewCaseSummary]:
    """In a region: those in which somebody lives there."""
    async with parts.database.read() as connection:
        rows = await review_cases.listed(connection, replace(wanted, status=state or ""), asked, kind or "")
    return listed(rows, asked, ReviewCaseSummary.model_validate)


@router.get("/{case_id}", summary="One review case with its members side by side")
async def read_review_case(case_id: Id, parts: Parts, caller: Authorised) -> ReviewCaseRead:
    async with parts.database.read() as connection:
        return await _shown(connection, caller, case_id)


@router.post("/{case_id}/decide", summary="Clear or confirm an open review case")
async def decide_review_case(
    case_id: Id, given: CaseVerdict, parts: Parts, caller: Authorised, expected: IfMatch
) -> ReviewCaseRead:
    try:
        async with parts.database.write() as connection:
            await review_cases.held(connection, case_id)
            expected.check(await _shown(connection, caller, case_id))
            await duplicates.decide(connection, case_id, given.state, given.reason, caller.actor, parts.now())
            return await _shown(connection, caller, case_id)
    except CaseError as error:
        raise _not_possible(error) from None


def _not_possible(error: CaseError) -> Problem:
    if error.cause == "case_unknown":
        return missing("review case")
    if error.cause == "case_closed":
        return Problem(409, "case_closed", "This review case is decided.")
    detail = "A reason is needed."
    return Problem(422, "reason_missing", detail, [InvalidField(field="body.reason", message=detail)])


async def _shown(connection: AsyncConnection, caller: Caller, case_id: int) -> ReviewCaseRead:
    """The case, when the caller may see it."""
    wanted = listing.Filters(regions=caller.regions(), ids=(case_id,))
    rows = await review_cases.listed(connection, wanted, listing.Page(1))
    if not rows:
        raise missing("review case")
    sides = await review_cases.sides_of(connection, case_id)
    return ReviewCaseRead(
        **ReviewCaseSummary.model_validate(rows[0]).model_dump(),
        reason=await review_cases.reason_of(connection, case_id),
        matches=list(sides.matches),
        shown=[_member(member, caller) for member in sides.members],
    )


def _member(member: CaseMember, caller: Caller) -> CaseMemberShown:
    near = lies_in(member.region_code, caller.region_code)
    return CaseMemberShown.model_validate(replace(member, name=mask_name(member.name) if near else ""))
