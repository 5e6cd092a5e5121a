"""`/api/v1/broadcasts`: written, frozen, approved by a second person, watched, stopped."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.conditional import IfMatch
from backend.api.paging import Asked, Listed, listed
from backend.api.problems import Problem, invalid, missing
from backend.api.schemas_broadcasts import BroadcastRead, BroadcastStep, NewBroadcast, RecipientRead
from backend.api.types import Id
from backend.domain.broadcasts import NotPossibleError, problem_of
from backend.domain.regions import lies_in
from backend.repositories import broadcasts as stored
from backend.repositories.broadcasts import BroadcastRow
from backend.services import broadcasts

router = APIRouter(prefix="/api/v1/broadcasts", tags=["broadcasts"])
SAMPLE = "PRL-7K2M-93"
State = Literal[
    "waiting", "queued", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled", "passed"
]  # fmt: skip


@router.post("", status_code=201, summary="Write a broadcast")
async def create_broadcast(given: NewBroadcast, parts: Parts, caller: Authorised) -> BroadcastRead:
    """It is a draft: nobody gets anything before it has been frozen and approved."""
    region = given.region or caller.region_code
    if not lies_in(region, caller.region_code):
        raise Problem(403, "forbidden", "This key is for another region.")
    if problem := problem_of(given.template, given.params):
        raise invalid("body.params", f"{problem}.")
    async with parts.database.write() as connection:
        row = await broadcasts.write(
            connection, name=given.name, template=given.template, params=given.params, region=region,
            outcome=given.outcome, channel=given.channel, not_before=given.not_before, actor=caller.actor, now=parts.now(),
        )  # fmt: skip
    return _shown(row, {})


@router.get("", summary="Broadcasts, the newest first")
async def list_broadcasts(parts: Parts, asked: Asked, caller: Authorised) -> Listed[BroadcastRead]:
    """Without the states of their recipients: ask for one of them."""
    async with parts.database.read() as connection:
        rows = await stored.newest(connection, caller.regions(), asked)
    return listed(rows, asked, lambda row: _shown(row, {}))


@router.get("/{broadcast_id}", summary="One broadcast and how far it has come")
async def read_broadcast(broadcast_id: Id, parts: Parts, caller: Authorised) -> BroadcastRead:
    return await _read(parts, caller, broadcast_id)


@router.post("/{broadcast_id}/step", summary="Freeze, approve, pause, resume, cancel, or retry what failed")
async def step_broadcast(
    broadcast_id: Id, given: BroadcastStep, parts: Parts, caller: Authorised, expected: IfMatch
) -> BroadcastRead:
    """`freeze` writes down who gets it; `approve` begins to send: above a hundred recipients that must be somebody else
    than its author. `retry` sends again only what failed for sure."""
    await _read(parts, caller, broadcast_id)
    async with parts.database.write() as connection:
        row = await stored.by_id(connection, broadcast_id, lock=True)
        assert row is not None  # noqa: S101 - read above, and never deleted
        if expected:
            expected.check(_shown(row, await stored.counts(connection, row.id)))
        try:
            row, queued = await broadcasts.step(connection, row, given.act, caller.actor, parts.now())
        except NotPossibleError as error:
            raise Problem(409, "not_possible", f"{str(error).capitalize()}.") from None
        shown = _shown(row, await stored.counts(connection, row.id))
    await parts.bus.ring("jobs", queued)
    return shown


@router.get("/{broadcast_id}/recipients", summary="Who got it, who did not, and why")
async def list_recipients(
    broadcast_id: Id,
    parts: Parts,
    asked: Asked,
    caller: Authorised,
    state: Annotated[State | None, Query(description="only those in this state")] = None,
) -> Listed[RecipientRead]:
    await _read(parts, caller, broadcast_id)
    async with parts.database.read() as connection:
        rows = await stored.recipients(connection, broadcast_id, state or "", asked)
    return listed(rows, asked, RecipientRead.model_validate)


async def _read(parts: Services, caller: Caller, broadcast_id: int) -> BroadcastRead:
    async with parts.database.read() as connection:
        row = await stored.by_id(connection, broadcast_id)
        if row is None:
            raise missing("broadcast")
        caller.needs(row.region_code, "broadcast")
        return _shown(row, await stored.counts(connection, row.id))


def _shown(row: BroadcastRow, states: dict[str, int]) -> BroadcastRead:
    return BroadcastRead.of(row, broadcasts.words(row.template, row.params, SAMPLE), states)
