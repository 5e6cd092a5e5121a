"""What the simulator shows of a chat: its messages so far, and what the bot has stored because of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend import crypto
from backend.db import Database
from backend.repositories import simulation


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message of a chat. `photos` are references, `buttons` pairs of payload and title."""

    mine: bool
    at: datetime
    text: str
    photos: tuple[str, ...] = ()
    buttons: tuple[tuple[str, str], ...] = ()
    outgoing_id: int = 0


async def conversation_id(database: Database, address: str) -> int | None:
    """The conversation of a simulator's address, once something has been said."""
    async with database.read() as connection:
        key = crypto.ring().index("address", f"simulator:{address}")
        return await simulation.conversation(connection, key)


async def history(database: Database, address: str) -> list[Spoken]:
    """Everything said in this chat, in order."""
    chat = await conversation_id(database, address)
    if chat is None:
        return []
    async with database.read() as connection:
        said = [_from_citizen(row.received_at, row.event) for row in await simulation.inbound(connection, chat)]
        told = [_from_bot(row) for row in await simulation.outbound(connection, chat)]
    return sorted([message for message in said if message is not None] + told, key=lambda message: message.at)


async def said(database: Database, address: str, outgoing_id: int) -> Spoken | None:
    """One message of the bot to this chat; None for one that is not to be shown, or not this chat's."""
    chat = await conversation_id(database, address)
    if chat is None:
        return None
    async with database.read() as connection:
        row = await simulation.outgoing(connection, chat, outgoing_id)
    return row and _from_bot(row)


async def stored(database: Database, address: str) -> dict[str, list[dict[str, Any]]]:
    """The rows behind this chat by table, opened: only ever shown for the simulator's made-up chats."""
    chat = await conversation_id(database, address)
    if chat is None:
        return {}
    async with database.read() as connection:
        return await simulation.rows_behind(connection, chat)


def _from_bot(row: Any) -> Spoken:
    return Spoken(False, row.created_at, row.body["text"], buttons=_pairs(row.body), outgoing_id=row.id)


def _pairs(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((payload, title) for payload, title in body["buttons"])


def _from_citizen(at: datetime, event: dict[str, Any]) -> Spoken | None:
    kind = event["kind"]
    if kind == "Text":
        return Spoken(True, at, event["text"])
    if kind == "Choice":
        return Spoken(True, at, event["title"])
    if kind == "Photos":
        return Spoken(True, at, event["caption"], tuple(photo["ref"] for photo in event["photos"]))
    return None
