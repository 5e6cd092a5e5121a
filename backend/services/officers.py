"""What officers do with a conversation: read it with numbers masked, and answer in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.domain.nik import mask_digits
from backend.repositories import audit, chats, inbox, tickets
from backend.tracing import current_trace
from bot.events import Notice, to_json

MOST_LINES = 200
LONGEST_MESSAGE = 1500
HUMAN_WAITS = "open"
ANSWERED = "answered"
# A NIK, a family card or a bank account as people type it, in one piece or in groups.
_LONG_NUMBER = re.compile(r"\d(?:[ .\-]?\d){9,}")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of a chat. `kind` is text, choice, photos, location, unsupported or started; `photos` counts them."""

    at: datetime
    incoming: bool
    kind: str
    text: str = field(repr=False)
    photos: int
    status: str


def mask_numbers(text: str) -> str:
    """Long numbers show their last four digits only, whoever typed them."""
    return _LONG_NUMBER.sub(lambda found: mask_digits("".join(c for c in found[0] if c.isdigit())), text)


async def read_chat(connection: AsyncConnection, conversation_id: int) -> Sequence[Spoken]:
    """The last lines of a conversation, oldest first; never a full NIK, never a picture."""
    return [_spoken(line) for line in await chats.lines(connection, conversation_id, MOST_LINES)]


def _spoken(line: chats.Line) -> Spoken:
    content: dict[str, Any] = line.content
    if not line.incoming:
        return Spoken(line.at, False, "text", mask_numbers(content.get("text", "")), 0, line.status)
    kind = str(content["kind"]).lower()
    text = content.get("text") or content.get("title") or content.get("caption") or ""
    return Spoken(line.at, True, kind, mask_numbers(text), len(content.get("photos", ())), line.status)


async def say(
    connection: AsyncConnection, database: Database, conversation_id: int, person_id: int | None, text: str, actor: str,
    now: datetime, *, once: str = "",
) -> list[int]:  # fmt: skip
    """An officer's words for a citizen, shown in the chat as an officer's; the conversations to ring.

    `once`: the caller's own name for this message; said again under the same name it is not sent again.
    """
    name = crypto.ring().index("officer-message", f"{actor}:{conversation_id}:{once or secrets.token_hex(16)}").hex()
    notice = Notice("officer", {"text": text}, person_id)
    arrival = inbox.Arrival(conversation_id, "notice", f"officer:{name[:40]}", to_json(notice), trace=current_trace())
    chats_to_ring = await inbox.insert_events(connection, database, [arrival], now)
    if chats_to_ring:
        await audit.note(
            connection, [audit.Act(now, actor, "conversation.answered", f"conversation:{conversation_id}")]
        )
    return chats_to_ring


async def close_ticket(connection: AsyncConnection, ticket_id: int, status: str, actor: str, now: datetime) -> bool:
    """An open ticket was answered or closed; False when it was so already."""
    ticket = await tickets.by_id(connection, ticket_id, lock=True)
    if ticket is None or ticket.status != HUMAN_WAITS:
        return False
    await tickets.set_status(connection, ticket_id, status, now)
    await audit.note(
        connection, [audit.Act(now, actor, f"ticket.{status}", f"ticket:{ticket_id}", {"kind": ticket.kind})]
    )
    return True
