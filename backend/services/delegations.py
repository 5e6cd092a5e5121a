"""What a facilitator may do for a citizen, asked once more where it is written; the delegation itself; the working list.

The engine keeps people apart in the chat. Here a record of an accompanied person passes the domain's rules again, because a
session may be old and a delegation withdrawn a moment ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.delegation import DELEGATED_FOR, Actor, Delegation, Ground, Role, may_act
from backend.domain.facilitators import on_duty, works_in
from backend.domain.levels import Act, Level
from backend.domain.names import initial_name, title_name
from backend.domain.regions import zone_of
from backend.repositories import audit, delegations, facilitators, people, photos
from backend.repositories.delegations import Accompanied
from backend.repositories.jobs import JobRow
from backend.services.clock import FACE_FRESH, local_day
from backend.services.records import CHAT, RecordItem, Terms, refuse
from backend.services.work import Finished, Work

ACCOMPANY = "accompany"
"""What the face check of a citizen is made for when they let a facilitator act for them."""
DEADLINE_NEAR = timedelta(days=7)
_ACTS: Mapping[str, Act] = {
    "registration.file": Act.START_REGISTRATION,
    "appeal.file": Act.APPEAL,
    "appeal.add": Act.APPEAL,
    "appeal.withdraw": Act.APPEAL,
    "decision.told": Act.READ_RESULT,
    "result.explained": Act.READ_RESULT,
}
_FREE = frozenset(
    {
        "consent.give",
        "registration.hold",
        "ticket.open",
        "delegation.give",
        "delegation.withdraw",
        "conversation.reachable",
    }
)
"""What needs no delegation: answers of the person themself, what waits for their face, a call for a human."""


async def permitted(connection: AsyncConnection, kind: str, items: Sequence[RecordItem]) -> Sequence[RecordItem]:
    """Those of these records that are the chat's own person's, or that whom they concern has delegated."""
    asked = [item for item in items if item.case]
    if not asked or kind in _FREE:
        return items
    pairs = {(item.duty, item.person_id) for item in asked if item.duty is not None and item.person_id is not None}
    given = await delegations.newest(connection, pairs)
    duties = await facilitators.by_ids(connection, {duty for duty, _ in pairs})
    known = await people.by_ids(connection, {person_id for _, person_id in pairs})
    refused: list[tuple[RecordItem, str]] = []
    allowed: list[RecordItem] = []
    for item in items:
        cause = "" if not item.case else _hindrance(kind, item, given, duties, known)
        if cause:
            refused.append((item, cause))
        else:
            allowed.append(item)
    await refuse(connection, kind, refused)
    return allowed


def _hindrance(
    kind: str,
    item: RecordItem,
    given: Mapping[delegations.Pair, delegations.DelegationRow],
    duties: Mapping[int, facilitators.FacilitatorRow],
    known: Mapping[int, people.PersonRow],
) -> str:
    act = _ACTS.get(kind)
    if act is None:
        return "act_not_delegated"
    if item.duty is None or item.person_id is None or item.person_id not in known:
        return "no_delegation"
    duty = duties.get(item.duty)
    if (
        duty is None
        or duty.conversation_id != item.conversation_id
        or not on_duty(duty.expires_at, duty.ended_at, item.now)
    ):
        return "duty_ended"
    if kind == "appeal.file" and item.data["kind"] == Ground.NIK_MISUSED:
        # Nobody stands in for the owner: their own fresh face is asked for where the appeal is filed.
        return ""
    owner, facilitator = str(item.person_id), f"facilitator:{item.duty}"
    row = given.get((item.duty, item.person_id))
    delegation = None
    if row is not None:
        acts = frozenset(map(Act, row.acts))
        delegation = Delegation(owner, facilitator, acts, row.since, row.until, row.withdrawn_at)
    actor = Actor(Role.FACILITATOR, facilitator, str(item.conversation_id))
    level = Level(known[item.person_id].level)
    return may_act(act, actor, owner, item.now, level=level, delegation=delegation).refusal or ""


async def give(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`delegation.give` {acts, version, assented_at}: the citizen in hand lets this facilitator act for them.

    Only with their own face, matched in this very chat for this just now, and in the facilitator's regions.
    """
    ids = {item.person_id for item in items if item.person_id is not None}
    duties = await facilitators.by_ids(connection, {item.duty for item in items if item.duty is not None})
    known = await people.by_ids(connection, ids)
    faces = await photos.matches_since(connection, items[0].now - FACE_FRESH, ids)
    seen = {(face.person_id, face.conversation_id) for face in faces if face.purpose == ACCOMPANY}
    rows: list[dict[str, Any]] = []
    refused: list[tuple[RecordItem, str]] = []
    for item in items:
        duty, person = duties.get(item.duty or 0), known.get(item.person_id or 0)
        if (
            duty is None
            or duty.conversation_id != item.conversation_id
            or not on_duty(duty.expires_at, duty.ended_at, item.now)
        ):
            refused.append((item, "duty_ended"))
        elif person is None or (person.id, item.conversation_id) not in seen:
            refused.append((item, "no_face"))
        elif not works_in(person.region_code, duty.regions):
            refused.append((item, "other_region"))
        else:
            rows.append(_row(item, duty, person.id))
    await refuse(connection, "delegation.give", refused)
    await delegations.add(connection, rows)
    acts = [
        audit.Act(
            row["since"], CHAT, "delegation.given", f"person:{row['person_id']}", {"facilitator": row["facilitator_id"]}
        )
        for row in rows
    ]
    await audit.note(connection, acts)
    return ()


def _row(item: RecordItem, duty: facilitators.FacilitatorRow, person_id: int) -> dict[str, Any]:
    return {
        "facilitator_id": duty.id,
        "person_id": person_id,
        "conversation_id": item.conversation_id,
        "acts": list(item.data["acts"]),
        "version": item.data["version"],
        "assented_at": datetime.fromisoformat(item.data["assented_at"]),
        "since": item.now,
        "until": min(item.now + DELEGATED_FOR, duty.expires_at),
        "withdrawn_at": None,
    }


async def withdraw(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`delegation.withdraw` {}: a citizen lets nobody act for them any more; said to a facilitator, that one."""
    theirs = [item for item in items if item.person_id is not None]
    pairs = [(item.duty, item.person_id) for item in theirs if item.case and item.duty is not None]
    await delegations.withdraw(connection, [item.person_id for item in theirs if not item.case], pairs, items[0].now)
    await audit.note(
        connection, [audit.Act(item.now, CHAT, "delegation.withdrawn", f"person:{item.person_id}") for item in theirs]
    )
    return ()


async def explained(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`result.explained` {decision_id, understood}: the facilitator has read the result to its owner."""
    rows = [
        {
            "decision_id": item.data["decision_id"],
            "person_id": item.person_id,
            "facilitator_id": item.duty,
            "understood": bool(item.data["understood"]),
            "at": item.now,
        }
        for item in items
        if item.case
    ]
    await delegations.explained(connection, rows)
    return ()


# --- the working list ------------------------------------------------------------------------------------------------


async def listed(work: Work, job: JobRow, now: datetime) -> Finished:
    """`facilitator.people` {facilitator_id, search, skip, most} -> listed {rows, more, all, today} | over.

    Whoever waits for something comes first. `search` is the beginning of a name, or the last four digits of a NIK.
    """
    facilitator_id = job.data["facilitator_id"]
    async with work.database.read() as connection:
        duty = (await facilitators.by_ids(connection, [facilitator_id])).get(facilitator_id)
        if (
            duty is None
            or duty.conversation_id != job.conversation_id
            or not on_duty(duty.expires_at, duty.ended_at, now)
        ):
            return Finished("over")
        known = await delegations.accompanied(connection, facilitator_id, now)
        zone = zone_of(duty.regions[0])
        midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
        today = await delegations.registered_since(connection, facilitator_id, midnight)
    day = local_day(now)
    waiting = [(waits(one, day), one) for one in known]
    found = [pair for pair in waiting if _is_meant(pair[1], job.data["search"])]
    found.sort(key=lambda pair: _ORDER.index(pair[0]))
    skip, most = job.data["skip"], job.data["most"]
    rows = [
        {
            "person_id": one.person_id,
            "call": initial_name(one.name or "", one.sex),
            "end": (one.nik or "")[-4:],
            "waits": what,
        }
        for what, one in found[skip : skip + most]
    ]
    return Finished("listed", {"rows": rows, "more": len(found) > skip + most, "all": len(known), "today": today})


_ORDER = ("answer", "result", "appeal", "registration", "identity", "decision", "nothing")


def waits(one: Accompanied, day: date) -> str:
    """What somebody waits for: the first of `_ORDER` that applies."""
    if one.appeal_status == "need_more":
        return "answer"
    if one.outcome is not None and not one.told:
        return "result"
    until = one.appeal_until
    if one.outcome == "not_eligible" and one.appeal_status is None and until and day <= until <= day + DEADLINE_NEAR:
        return "appeal"
    if one.registration_status is None:
        return "registration"
    if one.registration_status == "waiting_identity":
        return "identity"
    return "decision" if one.registration_status == "submitted" or one.outcome == "waiting" else "nothing"


def _is_meant(one: Accompanied, search: str) -> bool:
    if not search:
        return True
    if search.isdigit():
        return (one.nik or "").endswith(search)
    wanted = search.casefold().split()
    words = title_name(one.name or "").casefold().split()
    return all(any(word.startswith(part) for word in words) for part in wanted)
