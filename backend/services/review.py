"""What officers do with an appeal: take it up, ask for more, decide it. Each act is in the history, in the audit log, and
told in the chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.appeals import OPEN, step_due
from backend.repositories import appeals, audit, decisions, inbox, jobs, people
from backend.repositories.appeals import AppealRow
from backend.repositories.decisions import DecisionRow
from backend.services.announce import announce
from backend.services.clock import local_day
from backend.services.filing import selection_job
from backend.tracing import current_trace
from bot.events import Notice, to_json

AppealOutcome = Literal["upheld", "partly", "rejected", "redirected"]
APPEAL_OUTCOMES: tuple[AppealOutcome, ...] = get_args(AppealOutcome)


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom to ring for after the commit: conversations on the topic `turns`, jobs on the topic `jobs`."""

    turns: Sequence[int] = ()
    jobs: Sequence[int] = ()


class AppealError(Exception):
    """An act on an appeal is not possible; `cause` says why in a word."""

    def __init__(self, cause: Literal["unknown", "not_open", "reason_missing", "not_contested"]) -> None:
        super().__init__(cause)
        self.cause = cause


async def take_up(connection: AsyncConnection, database: Database, appeal_id: int, actor: str, now: datetime) -> Rung:
    """An officer begins to look at an appeal. Taking up what is in review already changes nothing."""
    appeal = await _open(connection, appeal_id)
    if appeal.status == "in_review":
        return Rung()
    return await _move(connection, database, appeal, "in_review", "", actor, now)


async def ask_more(
    connection: AsyncConnection, database: Database, appeal_id: int, question: str, actor: str, now: datetime
) -> Rung:
    """The officer needs more from the appellant, who is asked `question` in the chat."""
    appeal = await _open(connection, appeal_id)
    if not question.strip():
        raise AppealError("reason_missing")
    return await _move(connection, database, appeal, "need_more", question.strip(), actor, now)


async def field_check(
    connection: AsyncConnection, database: Database, appeal_id: int, actor: str, now: datetime
) -> Rung:
    """BPS looks on the spot, and the appellant is told so. What is being looked at already changes nothing."""
    appeal = await _open(connection, appeal_id)
    if appeal.status == "field_check":
        return Rung()
    return await _move(connection, database, appeal, "field_check", "", actor, now)


async def resolve(
    connection: AsyncConnection,
    database: Database,
    appeal_id: int,
    outcome: AppealOutcome,
    reason: str,
    actor: str,
    now: datetime,
    accepted: Sequence[str] = (),
) -> Rung:
    """Decide an appeal, with the reason that the appellant reads.

    `upheld`: all that was contested does not hold; `partly`: only the reasons named in `accepted`. Such data are left out
    of a new selection, whose decision replaces the contested one. Raises AppealError.
    """
    appeal = await _open(connection, appeal_id)
    if not reason.strip():
        raise AppealError("reason_missing")
    contested = list(dict.fromkeys([*appeal.contested, *appeal.not_mine]))
    codes = {"upheld": contested, "partly": list(accepted)}.get(outcome, [])
    if not set(codes) <= set(contested) or (outcome == "partly" and not codes):
        raise AppealError("not_contested")
    queued: list[int] = []
    if codes:
        decision = (await decisions.by_ids(connection, [appeal.decision_id]))[appeal.decision_id]
        data = _data_of(decision, codes)
        await decisions.dispute(connection, database, appeal.person_id, data, appeal.id, now)
        draft = selection_job(appeal.registration_id, appeal.conversation_id, replaces=appeal.decision_id)
        queued = await jobs.add(connection, [draft], now)
    await appeals.change(connection, [appeal.id], {"outcome": outcome, "outcome_reason": reason.strip()})
    rung = await _move(connection, database, appeal, "decided", reason.strip(), actor, now, outcome=outcome)
    return Rung(rung.turns, [*rung.jobs, *queued])


def _data_of(decision: DecisionRow, codes: Iterable[str]) -> list[str]:
    """The data that these reasons stand on."""
    by_code = {reason["code"]: reason["datum"] for reason in decision.reasons}
    return [by_code[code] for code in codes]


async def _open(connection: AsyncConnection, appeal_id: int) -> AppealRow:
    appeal = (await appeals.by_ids(connection, [appeal_id], lock=True)).get(appeal_id)
    if appeal is None:
        raise AppealError("unknown")
    if appeal.status not in OPEN:
        raise AppealError("not_open")
    return appeal


async def _move(
    connection: AsyncConnection,
    database: Database,
    appeal: AppealRow,
    status: str,
    note: str,
    actor: str,
    now: datetime,
    outcome: str = "",
) -> Rung:
    """The new status, its line in the history and in the audit log, and the news in the chat."""
    due = step_due(status, local_day(now, appeal.region_code), appeal.due_on)
    await appeals.change(connection, [appeal.id], {"status": status, "updated_at": now, "step_due_on": due})
    event = {"appeal_id": appeal.id, "at": now, "status": status, "note": note or None, "actor": actor}
    [event_id] = await appeals.add_events(connection, [event])
    told = {"outcome": outcome} if outcome else {}
    await audit.note(connection, [audit.Act(now, actor, f"appeal.{status}", f"appeal:{appeal.id}", told)])
    person = (await people.by_ids(connection, [appeal.person_id]))[appeal.person_id]
    told_others = await announce(connection, now)
    if appeal.conversation_id is None or not person.notifications:
        return Rung(jobs=told_others)
    notice = Notice("appeal", {"appeal_id": appeal.id, "status": status}, appeal.person_id)
    row = inbox.Arrival(
        appeal.conversation_id, "notice", f"appeal:{appeal.id}:{event_id}", to_json(notice), trace=current_trace()
    )
    return Rung(turns=await inbox.insert_events(connection, database, [row], now), jobs=told_others)
