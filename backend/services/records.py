"""What turns write beside their session: consents, registrations, appeals, tickets. All records of one kind of a batch
arrive together and are written with a handful of statements.

The domain's rules are held here too and not only in the dialogs: a session may be old, and two chats may be quicker than
one another. A record that breaks a rule is not written; it is noted in the audit log and in the service's own log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.numbers import ticket_number
from backend.repositories import audit, conversations, decisions, events, jobs, people, tickets
from backend.repositories.jobs import JobDraft
from backend.services.clock import TICKET_WITHIN

log = structlog.get_logger(__name__)

CHAT = "chat"
"""The actor of everything that a citizen does in a chat."""


@dataclass(frozen=True, slots=True)
class RecordItem:
    """One record of a turn. `person_id` is whom the chat had proven to be at the end of that turn; in a facilitator's chat
    the person in hand, whose case is `case`, and `duty` the facilitator."""

    conversation_id: int
    channel: str
    person_id: int | None
    data: Mapping[str, Any]
    now: datetime
    trace: str = ""
    duty: int | None = None
    case: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How registrations are taken: for which programme, and whether the selection follows by itself."""

    programme: str
    auto_select: bool


RecordFunction = Callable[[AsyncConnection, Database, Terms, Sequence[RecordItem]], Awaitable[Sequence[int]]]
"""Writes all records of one kind of a batch; returns the ids of the jobs that it queued."""


async def refuse(connection: AsyncConnection, kind: str, refused: Sequence[tuple[RecordItem, str]]) -> None:
    """Note records that broke a rule, each with the rule's name."""
    acts = [
        audit.Act(
            item.now, CHAT, "record.refused", f"conversation:{item.conversation_id}", {"record": kind, "cause": cause}
        )
        for item, cause in refused
    ]
    await audit.note(connection, acts)
    for item, cause in refused:
        log.warning("record_refused", record=kind, conversation=item.conversation_id, cause=cause)


async def give_consent(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`consent.give` {purpose, granted, version}: an answer, given or refused, by whoever this chat is."""
    await people.add_consents(
        connection, [_consent(item, item.data["granted"], item.data["version"]) for item in items]
    )
    return ()


async def withdraw_consent(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`consent.withdraw` {purpose}: from now on the newest answer is a no, and nothing is done by the older one.

    Without the consent to messages none is sent; without that to the face check its pictures are erased.
    """
    rows = [_consent(item, False, TEXT_VERSIONS[Purpose(item.data["purpose"])]) for item in items]
    await people.add_consents(connection, rows)
    now = items[0].now
    by_purpose: dict[str, list[int]] = {purpose: [] for purpose in Purpose}
    for item in items:
        if item.person_id is not None:
            by_purpose[item.data["purpose"]].append(item.person_id)
    await people.set_notifications(connection, by_purpose[Purpose.NOTIFICATION], False, now)
    acts = [
        audit.Act(item.now, CHAT, "consent.withdrawn", _whom(item), {"purpose": item.data["purpose"]}) for item in items
    ]
    await audit.note(connection, acts)
    for purpose, person_ids in by_purpose.items():  # one statement for each of the few purposes
        await events.people_changed(connection, "consent.withdrawn", person_ids, now, purpose)
    drafts = [JobDraft(None, "photo.erase_faces", {"person_id": person_id}) for person_id in by_purpose[Purpose.FACE]]
    return await jobs.add(connection, drafts, now)


def _consent(item: RecordItem, granted: bool, version: str) -> dict[str, Any]:
    return {
        "conversation_id": item.conversation_id,
        "person_id": item.person_id,
        "purpose": Purpose(item.data["purpose"]).value,
        "granted": granted,
        "version": version,
        "channel": item.channel,
        "case_key": item.case,
        "at": item.now,
    }


def _whom(item: RecordItem) -> str:
    if item.person_id is None:
        return f"conversation:{item.conversation_id}"
    return f"person:{item.person_id}"


async def open_ticket(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`ticket.open` {code, kind, text}: for a human, due within three days."""
    rows = [
        ticket(item.data["code"], item.data["kind"], item.data.get("text", ""), item.conversation_id, item.person_id, item.now)
        for item in items
    ]  # fmt: skip
    await tickets.add(connection, rows)
    return ()


def ticket(
    code: str, kind: str, text: str, conversation_id: int | None, person_id: int | None, now: datetime
) -> dict[str, Any]:
    """An open ticket as a row."""
    return {
        "number": ticket_number(code),
        "conversation_id": conversation_id,
        "person_id": person_id,
        "kind": kind,
        "text": text or None,
        "status": "open",
        "created_at": now,
        "due_at": now + TICKET_WITHIN,
    }


async def set_notifications(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`notifications.set` {on}. A chat without a proven person gets no news of anybody, so there is nothing to set."""
    wanted = {item.person_id: bool(item.data["on"]) for item in items if item.person_id is not None}
    for on in (True, False):
        chosen = [person_id for person_id, wish in wanted.items() if wish is on]
        await people.set_notifications(connection, chosen, on, items[0].now)
    return ()


async def decision_told(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`decision.told` {decision_id}: its owner has read the decision."""
    pairs = [(item.data["decision_id"], item.person_id) for item in items if item.person_id is not None]
    await decisions.told(connection, pairs, items[0].now)
    return ()


async def set_reachable(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`conversation.reachable` {reachable}: the citizen blocked the bot, or opened it again."""
    wanted = {item.conversation_id: bool(item.data["reachable"]) for item in items}
    for reachable in (True, False):
        chosen = [chat for chat, wish in wanted.items() if wish is reachable]
        await conversations.set_reachable(connection, chosen, reachable)
    return ()
