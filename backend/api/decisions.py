"""`/api/v1/decisions`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter

from backend.api.auth import READERS, Authorised, Parts
from backend.api.benefits import beside, entitlement
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import missing
from backend.api.schemas import DecisionRead, DecisionSummary, Outcome, reasons
from backend.api.types import Id
from backend.repositories import decisions, listing

router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])


@router.get("", summary="Decisions, the newest first")
async def list_decisions(
    parts: Parts,
    wanted: Wanted,
    asked: Asked,
    outcome: Outcome | None = None,
    state: Literal["current", "replaced"] | None = None,
) -> Listed[DecisionSummary]:
    exactly = replace(wanted, status=state or "", outcome=outcome or "")
    async with parts.database.read() as connection:
        rows = await listing.decisions(connection, exactly, asked)
    return listed(rows, asked, DecisionSummary.model_validate)


@router.get("/{decision_id}", summary="One decision with its reasons and inputs")
async def read_decision(decision_id: Id, parts: Parts, caller: Authorised) -> DecisionRead:
    wanted = listing.Filters(regions=caller.regions(), ids=(decision_id,))
    async with parts.database.read() as connection:
        rows = await listing.decisions(connection, wanted, listing.Page(1))
        if not rows:
            raise missing("decision")
        found = (await decisions.by_ids(connection, [decision_id]))[decision_id]
        inputs = await decisions.inputs_of(connection, decision_id) if caller.role in READERS else None
        following = await beside(connection, found.person_id)
    return DecisionRead(
        **DecisionSummary.model_validate(rows[0]).model_dump(),
        reasons=reasons(found.reasons),
        inputs=dict(inputs) if inputs else None,
        **following,
        entitlement=entitlement(inputs, found.decided_at) if inputs and found.outcome == "eligible" else None,
    )
