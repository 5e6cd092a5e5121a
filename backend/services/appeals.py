"""Appeals: how a new one is stored, and those from a chat: filed against one's own decision, added to, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.appeals import OPEN, answer_due, hindrance, step_due
from backend.domain.delegation import Actor, FaceProof, Ground, Role, may_appeal
from backend.domain.levels import Act, Level, may
from backend.domain.numbers import appeal_number
from backend.repositories import appeals, audit, decisions, people, photos
from backend.services import appeal_clock
from backend.services.announce import announce
from backend.services.clock import FACE_FRESH, local_day
from backend.services.records import CHAT, RecordItem, Terms, refuse


@dataclass(frozen=True, slots=True)
class Contest:
    """What is contested: codes of reasons, or for a misused NIK (`not_mine`) the codes whose data are not the owner's."""

    decision_id: int
    kind: str
    reasons: Sequence[str]
    not_mine: Sequence[str]
    statement: str = field(repr=False)

    @property
    def named(self) -> Sequence[str]:
        """The codes that the ground of this appeal speaks of."""
        return self.not_mine if self.kind == Ground.NIK_MISUSED else self.reasons


def may_contest(person: people.PersonRow) -> bool:
    """Whether somebody has proven enough of who they are to contest their result."""
    return person.erased_at is None and may(Level(person.level), Act.APPEAL)


def draft(
    contest: Contest,
    number: str,
    decision: decisions.DecisionRow,
    person: people.PersonRow,
    conversation_id: int | None,
    now: datetime,
    first_id: int | None,
) -> dict[str, Any]:
    """The row of a new appeal; `conversation_id` is the chat that hears of it. `first_id`: the first one about this
    registration, when this asks again."""
    today = local_day(now, person.region_code)
    due = answer_due(today)
    return {
        "number": number,
        "decision_id": decision.id,
        "registration_id": decision.registration_id,
        "person_id": person.id,
        "conversation_id": conversation_id,
        "region_code": person.region_code,
        "kind": contest.kind,
        "contested": list(contest.reasons),
        "not_mine": list(contest.not_mine),
        "statement": contest.statement or None,
        "status": "received",
        "due_on": due,
        "step_due_on": step_due("received", today, due),
        "first_id": first_id,
        "created_at": now,
        "updated_at": now,
    }


async def store(connection: AsyncConnection, drafts: Sequence[Mapping[str, Any]], actor: str) -> dict[str, int]:
    """Appeals with the first line of their history and of the audit log; their ids by number."""
    ids = await appeals.add(connection, drafts)
    filed = [(ids[row["number"]], row["created_at"]) for row in drafts]
    await appeals.add_events(connection, [_event(appeal_id, now, "received", actor) for appeal_id, now in filed])
    acts = [audit.Act(now, actor, "appeal.filed", f"appeal:{appeal_id}") for appeal_id, now in filed]
    await audit.note(connection, acts)
    await appeal_clock.keep_running(connection, drafts[0]["created_at"])
    return ids


def _event(appeal_id: int, at: datetime, status: str, actor: str, note: str = "") -> dict[str, Any]:
    return {"appeal_id": appeal_id, "at": at, "status": status, "note": note or None, "actor": actor}


# --- from a chat -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the rules of a batch of appeals look at."""

    decisions: Mapping[int, decisions.DecisionRow]
    people: Mapping[int, people.PersonRow]
    contested: frozenset[int]
    faces: Sequence[photos.Match]
    firsts: Mapping[int, int]


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
    contested = await decisions.by_ids(connection, decision_ids)
    ground = _Ground(
        contested,
        known,
        frozenset(await appeals.open_against(connection, decision_ids)),
        await photos.matches_since(connection, items[0].now - FACE_FRESH, person_ids),
        await appeals.firsts_of(connection, [row.registration_id for row in contested.values()]),
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
        await _file(connection, list(taken.values()), ground)
        return await announce(connection, items[0].now)
    return ()


async def _file(connection: AsyncConnection, items: Sequence[RecordItem], ground: _Ground) -> None:
    rows = [_row(item, ground) for item in items]
    ids = await store(connection, rows, CHAT)
    filed = [(item, ids[row["number"]]) for item, row in zip(items, rows, strict=True)]
    misused = [(item, appeal_id) for item, appeal_id in filed if item.data["kind"] == Ground.NIK_MISUSED]
    proofs = [(_proof(item, ground.faces), appeal_id) for item, appeal_id in misused]
    await photos.use_match(connection, {proof.id: appeal_id for proof, appeal_id in proofs if proof is not None})
    await photos.attach(connection, [row for item, appeal_id in filed for row in _evidence(item, appeal_id)])


def _row(item: RecordItem, ground: _Ground) -> dict[str, Any]:
    decision = ground.decisions[item.data["decision_id"]]
    person = ground.people[decision.person_id]
    number = appeal_number(item.data["code"])
    first_id = ground.firsts.get(decision.registration_id)
    return draft(_contest(item), number, decision, person, item.conversation_id, item.now, first_id)


def _hindrance(item: RecordItem, ground: _Ground) -> str | None:
    """The rule that this appeal breaks, if any."""
    decision = ground.decisions.get(item.data["decision_id"])
    person = ground.people.get(item.person_id) if item.person_id is not None else None
    if person is None:
        return "not_proven"
    if decision is None or decision.person_id != person.id:
        return "not_own_decision"
    contest = _contest(item)
    return hindrance(
        decision,
        contest.kind,
        contest.named,
        local_day(item.now, person.region_code),
        proven=may_contest(person),
        open_already=decision.id in ground.contested,
        face_seen=_proof(item, ground.faces) is not None,
    )


def _proof(item: RecordItem, faces: Sequence[photos.Match]) -> photos.Match | None:
    """The face check that lets this person contest the misuse of their NIK, in this very chat, if there is one."""
    owner, chat = str(item.person_id), str(item.conversation_id)

    def counts(match: photos.Match) -> bool:
        level = Level.CHAT_PRECHECK
        person, where = str(match.person_id), str(match.conversation_id)
        face = FaceProof(person, level, match.at, where, match.purpose, match.used)
        actor = Actor(Role.OWNER, owner, chat)
        ground = Ground.NIK_MISUSED
        return may_appeal(ground, actor, owner, item.now, purpose="appeal", face=face, fresh=FACE_FRESH).allowed

    return next((match for match in reversed(faces) if counts(match)), None)


def _contest(item: RecordItem) -> Contest:
    data = item.data
    return Contest(data["decision_id"], data["kind"], data["reasons"], data["not_mine"], data["statement"])


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
    for item, appeal in allowed:
        # Almost always one: few people answer an officer in the same moment.
        due = step_due("in_review", local_day(item.now, appeal.region_code), appeal.due_on)
        values = {"status": "in_review", "updated_at": item.now, "step_due_on": due}
        await appeals.change(connection, [appeal.id], values)
    said = [_event(appeal.id, item.now, "in_review", CHAT, item.data["statement"]) for item, appeal in allowed]
    await appeals.add_events(connection, said)
    await photos.attach(connection, [row for item, appeal in allowed for row in _evidence(item, appeal.id)])
    return ()


async def withdraw_appeals(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`appeal.withdraw` {appeal_id}: its owner takes it back; within the window they may file another one."""
    allowed = await _own_and_open(connection, "appeal.withdraw", items)
    values = {"status": "withdrawn", "outcome": "withdrawn", "updated_at": items[0].now, "step_due_on": None}
    await appeals.change(connection, [appeal.id for _, appeal in allowed], values)
    events = [_event(appeal.id, item.now, "withdrawn", CHAT) for item, appeal in allowed]
    await appeals.add_events(connection, events)
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
        elif appeal.status not in OPEN or appeal.id in allowed:
            refused.append((item, "not_open"))
        else:
            allowed[appeal.id] = (item, appeal)
    await refuse(connection, kind, refused)
    return list(allowed.values())
