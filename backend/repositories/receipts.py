"""Receipts: the provider's later words on outgoing messages, a set at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Outbox, table
from backend.repositories.outbox import OPEN
from backend.repositories.sets import UpdateSet, among

OUTBOX = table(Outbox)
HEARD_OF_FOR = timedelta(days=35)
"""A receipt for an older message changes nothing any more: its month is not looked into."""

_RANK = {"queued": 0, "sending": 1, "unknown": 1, "sent": 2, "delivered": 3, "read": 4}
_FAILED = {"failed", "undelivered", "canceled"}
_WRITE = UpdateSet(OUTBOX, key=("id", "created_at"), put=("status", "error", "provider_id", "sent_at"))


@value
class Word:
    """A receipt. It names the message by our id where its URL carried it, else by the provider's."""

    outgoing_id: int | None
    provider_id: str
    status: str
    error: str


async def apply(
    connection: AsyncConnection, words: Sequence[Word], now: datetime, *, wait: bool = False
) -> tuple[list[Word], list[Word]]:
    """Write these down, each forward only. Back come those whose message is unknown, and those whose message another
    transaction holds: to be told again.

    Nobody is waited for, because a sender holds its messages in an order of its own; `wait` is for one word alone.
    """
    messages = await _messages(connection, words, now, lock=True, wait=wait)
    missing = [word for word in words if _name(word) not in messages]
    known = await _messages(connection, missing, now)
    changed: dict[int, dict[str, Any]] = {}
    for word in words:
        message = messages.get(_name(word))
        if message is not None and _forward(message["status"], word):
            if message["status"] in OPEN:
                message["sent_at"] = now
            message.update(
                status=_news(word),
                error=word.error[:300] or None,
                provider_id=word.provider_id or message["provider_id"],
            )
            changed[message["id"]] = message
    columns = ("id", "created_at", "status", "error", "provider_id", "sent_at")
    await _WRITE(connection, [[message[name] for name in columns] for message in changed.values()])
    busy = [word for word in missing if _name(word) in known]
    return [word for word in missing if _name(word) not in known], busy


def _name(word: Word) -> int | str:
    return word.outgoing_id if word.outgoing_id is not None else word.provider_id


def _news(word: Word) -> str:
    return "failed" if word.status in _FAILED else word.status


def _forward(status: str, word: Word) -> bool:
    news = _news(word)
    if news == "failed":
        return status in OPEN or status in {"sent", "unknown"}
    return status in _RANK and _RANK.get(news, -1) > _RANK[status]


async def _messages(
    connection: AsyncConnection, words: Sequence[Word], now: datetime, *, lock: bool = False, wait: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The messages that these words are about, by what they call them; one message is one dict, whatever it is called."""
    o = OUTBOX.c
    names = {_name(word) for word in words}
    found: dict[int | str, dict[str, Any]] = {}
    by_id: dict[int, dict[str, Any]] = {}
    for column, kind in ((o.id, int), (o.provider_id, str)):
        mine = sorted(name for name in names if isinstance(name, kind))
        if not mine:
            continue
        statement = (
            select(o.id, o.created_at, o.status, o.error, o.provider_id, o.sent_at)
            .where(among(connection, column, mine), o.created_at >= now - HEARD_OF_FOR)
            .order_by(o.id)
        )
        if lock:
            statement = statement.with_for_update(skip_locked=not wait)
        for row in (await connection.execute(statement)).mappings():
            found[row[column.name]] = by_id.setdefault(row["id"], dict(row))
    return found
