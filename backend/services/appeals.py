"""Appeals from a chat: filed against one's own current decision, added to, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.appeals import answer_due
from backend.domain.delegation import Ground
from backend.domain.levels import Act, Level, may
from backend.domain.numbers import appeal_number
from backend.repositories import appeals, audit, decisions, people, photos
from backend.services.clock import FACE_FRESH, local_day
from backend.services.records import CHAT, RecordItem, Terms, refuse


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the rules of a batch of appeals look at."""

    decisions: Mapping[int, decisions.DecisionRow]
    people: Mapping[int, people.PersonRow]
    contested: frozenset[int]
    faces: frozenset[tuple[int, int]]


async def file_appeals(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`appeal.file` {code, decision_id, kind, reasons, statement, photos, not_mine}.

    By the bound person, against their own current refusal, within the window, one open at a time. For a misused NIK
    only with a face check of its owner in this very chat, made just now.
    """
    person_ids = {item.person_id for item in items if item.person_id is not None}
    # The people are held first: two chats of one person file one after the other.
    known = await people.by_ids(connection, person_ids, lock=True)
    decision_ids = {item.data["decision_id"] for item in items}
    ground = _Ground(
        await decisions.by_ids(connection, decision_ids),
        known,
        frozenset(await appeals.open_against(connection, decision_ids)),
        frozenset(await photos.matches_since(connection, items[0].now - FACE_FRESH, person_ids)),
    )
    taken: dict[int, RecordItem] = {}
    refused: list[tuple[RecordItem, str]] = []
    for item in items:
        cause = "open_already" if item.data["decision_id"] in taken else _hindrance(item, ground)
        if cause:
            refused.append((item, cause))
        else:
            taken[item.data["decision_id"]] = item
    await refuse(connection, "appeal.file", refused)
    if taken:
        await _store(connection, list(taken.values()), ground)
    return ()


def _hindrance(item: RecordItem, ground: _Ground) -> str:
    """The rule that this appeal breaks, or ""."""
    decision = ground.decisions.get(item.data["decision_id"])
    person = ground.people.get(item.person_id) if item.person_id is not None else None
    if person is None or person.erased_at is not None:
        return "not_proven"
    if decision is None or decision.person_id != person.id:
        return "not_own_decision"
    if not decision.current or decision.outcome != "not_eligible" or decision.appeal_until is None:
        return "nothing_to_contest"
    if local_day(item.now, person.region_code) > decision.appeal_until:
        return "window_over"
    if not may(Level(person.level), Act.APPEAL):
        return "level_too_low"
    if decision.id in ground.contested:
        return "open_already"
    if item.data["kind"] == Ground.NIK_MISUSED.value:
        return _misuse_hindrance(item, decision, ground)
    contestable = {reason["code"] for reason in decision.reasons if reason["contestable"]}
    if item.data["kind"] != Ground.DATA_WRONG.value:
        return "unknown_kind"
    return "" if item.data["reasons"] and set(item.data["reasons"]) <= contestable else "not_contestable"


def _misuse_hindrance(item: RecordItem, decision: decisions.DecisionRow, ground: _Ground) -> str:
    if (decision.person_id, item.conversation_id) not in ground.faces:
        return "no_fresh_face_of_the_owner"
    codes = {reason["code"] for reason in decision.reasons}
    return "" if item.data["not_mine"] and set(item.data["not_mine"]) <= codes else "not_contestable"


async def _store(connection: AsyncConnection, items: Sequence[RecordItem], ground: _Ground) -> None:
    rows = [_row(item, ground) for item in items]
    ids = await appeals.add(connection, rows)
    filed = [(item, ids[appeal_number(item.data["code"])]) for item in items]
    await appeals.add_events(connection, [_event(item, appeal_id, "received") for item, appeal_id in filed])
    await photos.attach(connection, [row for item, appeal_id in filed for row in _evidence(item, appeal_id)])
    await audit.note(
        connection, [audit.Act(item.now, CHAT, "appeal.filed", f"appeal:{appeal_id}") for item, appeal_id in filed]
    )


def _row(item: RecordItem, ground: _Ground) -> dict[str, Any]:
    decision = ground.decisions[item.data["decision_id"]]
    person = ground.people[decision.person_id]
    return {
        "number": appeal_number(item.data["code"]),
        "decision_id": decision.id,
        "registration_id": decision.registration_id,
        "person_id": person.id,
        "conversation_id": item.conversation_id,
        "region_code": person.region_code,
        "kind": item.data["kind"],
        "contested": list(item.data["reasons"]),
        "not_mine": list(item.data["not_mine"]),
        "statement": item.data["statement"] or None,
        "status": "received",
        "due_on": answer_due(local_day(item.now, person.region_code)),
        "created_at": item.now,
        "updated_at": item.now,
    }


def _event(item: RecordItem, appeal_id: int, status: str, note: str = "") -> dict[str, Any]:
    return {"appeal_id": appeal_id, "at": item.now, "status": status, "note": note or None, "actor": CHAT}


def _evidence(item: RecordItem, appeal_id: int) -> list[dict[str, Any]]:
    return [
        {
            "row_id": photo_id,
            "chat": item.conversation_id,
            "new_appeal_id": appeal_id,
            "new_person_id": item.person_id,
        }
        for photo_id in item.data["photos"]
    ]


async def add_to_appeals(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`appeal.add` {appeal_id, photos, statement}: what an officer asked for; the appeal goes back to them."""
    allowed = await _own_and_open(connection, "appeal.add", items)
    values = {"status": "in_review", "updated_at": items[0].now}
    await appeals.change(connection, [appeal.id for _, appeal in allowed], values)
    said = [_event(item, appeal.id, "in_review", item.data["statement"]) for item, appeal in allowed]
    await appeals.add_events(connection, said)
    await photos.attach(connection, [row for item, appeal in allowed for row in _evidence(item, appeal.id)])
    return ()


async def withdraw_appeals(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`appeal.withdraw` {appeal_id}: its owner takes it back; within the window they may file another one."""
    allowed = await _own_and_open(connection, "appeal.withdraw", items)
    values = {"status": "withdrawn", "outcome": "withdrawn", "updated_at": items[0].now}
    await appeals.change(connection, [appeal.id for _, appeal in allowed], values)
    await appeals.add_events(connection, [_event(item, appeal.id, "withdrawn") for item, appeal in allowed])
    acts = [audit.Act(item.now, CHAT, "appeal.withdrawn", f"appeal:{appeal.id}") for item, appeal in allowed]
    await audit.note(connection, acts)
    return ()


async def _own_and_open(
    connection: AsyncConnection, kind: str, items: Sequence[RecordItem]
) -> list[tuple[RecordItem, appeals.AppealRow]]:
    found = await appeals.by_ids(connection, [item.data["appeal_id"] for item in items], lock=True)
    allowed: dict[int, tuple[RecordItem, appeals.AppealRow]] = {}
    refused: list[tuple[RecordItem, str]] = []
    for item in items:
        appeal = found.get(item.data["appeal_id"])
        if appeal is None or appeal.person_id != item.person_id:
            refused.append((item, "not_own_appeal"))
        elif appeal.status not in appeals.OPEN or appeal.id in allowed:
            refused.append((item, "not_open"))
        else:
            allowed[appeal.id] = (item, appeal)
    await refuse(connection, kind, refused)
    return list(allowed.values())
