"""Telegram's updates as our events. Source of the shapes: https://core.telegram.org/bots/api#update."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from telegram import ChatMemberUpdated, Document, Message, Update
from telegram.constants import ChatMemberStatus, ChatType

from bot.events import Choice, Event, Location, PhotoRef, Photos, Reachability, Started, Text, Unsupported
from bot.handlers.channel import Inbound

NAME = "telegram"
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""What the webhook and the long poll ask for; everything else never leaves Telegram."""

MAX_DOWNLOAD_BYTES = 20 << 20
"""The Bot API's getFile refuses larger files."""

# Somebody who edits at once corrects a mistyped answer; somebody who edits yesterday's message answers nothing.
EDIT_COUNTS_FOR = timedelta(minutes=2)

_COMMAND = re.compile(r"/(?P<name>\w+)(?:@\w+)?(?:\s+(?P<rest>.*))?", re.DOTALL)

# In this order: Telegram fills `document` too when it fills `animation`, and `location` when it fills `venue`.
_UNREADABLE: Mapping[str, str] = {
    "animation": "video",
    "video": "video",
    "video_note": "video",
    "voice": "voice",
    "audio": "audio",
    "sticker": "sticker",
    "document": "document",
    "contact": "contact",
    "poll": "poll",
    "checklist": "other",
    "dice": "other",
    "game": "other",
    "paid_media": "other",
    "story": "other",
}

_log = structlog.get_logger(__name__)


def check_secret(header: str | None, configured: str | None) -> bool:
    """Whether `X-Telegram-Bot-Api-Secret-Token` is ours. Without a configured secret nothing gets in."""
    if not header or not configured:
        return False
    return hmac.compare_digest(header.encode(), configured.encode())


def parse_update(data: Mapping[str, Any]) -> list[Inbound]:
    """The events in one update as Telegram posts it: none for what does not concern a private chat, else one.

    A message that the library cannot read counts as one that the bot cannot read (its types demand fields that a server
    of another version leaves out); refusing it would make Telegram repeat it for a day and hold back the next ones.
    """
    match data:
        # Words and taps are nearly all there is, and reading them as they stand costs a twentieth of the library's types.
        case {
            "update_id": int(number),
            "message": {
                "message_id": int(ref),
                "date": int(at),
                "chat": {"id": int(chat), "type": "private"},
                "text": str(text),
            },
        }:
            sent_at = datetime.fromtimestamp(at, UTC)
            return [Inbound(NAME, str(chat), str(number), _words(text), str(ref), sent_at=sent_at)]
        case {
            "update_id": int(number),
            "callback_query": {
                "data": str(payload),
                "message": {"chat": {"id": int(chat), "type": "private"}} as message,
            },
        }:
            return [Inbound(NAME, str(chat), str(number), Choice(payload, _title_of(payload, message)))]
        case _:
            return _parse_other(data)


def _parse_other(data: Mapping[str, Any]) -> list[Inbound]:
    try:
        update = Update.de_json(dict(data))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _log.warning("telegram_update_unreadable", update_id=data.get("update_id"), error=type(error).__name__)
        return _from_unreadable(data)
    if update.my_chat_member is not None:
        return _from_membership(update.update_id, update.my_chat_member)
    if update.edited_message is not None:
        return _from_edit(update.update_id, update.edited_message)
    if update.message is not None:
        return _from_message(update.update_id, update.message)
    return []


def callback_answer(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The call that stops the spinner on a tapped button, to be returned as the webhook's JSON answer; None if no tap.

    Telegram runs a method object found in the answer to a webhook, which saves a call of our own.
    """
    query = data.get("callback_query")
    if not isinstance(query, dict) or "id" not in query:
        return None
    return {"method": "answerCallbackQuery", "callback_query_id": str(query["id"])}


def _from_message(update_id: int, message: Message) -> list[Inbound]:
    event = _content(message) if message.chat.type == ChatType.PRIVATE else None
    if event is None:
        return []
    return [
        Inbound(
            channel=NAME,
            address=str(message.chat.id),
            provider_id=str(update_id),
            event=event,
            message_ref=str(message.message_id),
            phone=_own_phone(message),
            sent_at=message.date,
        )
    ]


def _from_edit(update_id: int, message: Message) -> list[Inbound]:
    # Captions, live locations and link previews arrive as edits too; only corrected words are an answer.
    if message.text is None or message.edit_date is None or message.edit_date - message.date > EDIT_COUNTS_FOR:
        return []
    return _from_message(update_id, message)


def _from_membership(update_id: int, change: ChatMemberUpdated) -> list[Inbound]:
    if change.chat.type != ChatType.PRIVATE:
        return []
    reachable = change.new_chat_member.status not in {ChatMemberStatus.BANNED, ChatMemberStatus.LEFT}
    return [Inbound(NAME, str(change.chat.id), str(update_id), Reachability(reachable), sent_at=change.date)]


def _from_unreadable(data: Mapping[str, Any]) -> list[Inbound]:
    match data:
        case {
            "update_id": int(number),
            "message": {"chat": {"id": int(chat), "type": "private"}, "message_id": int(ref)},
        }:
            return [Inbound(NAME, str(chat), str(number), Unsupported("other"), message_ref=str(ref))]
        case _:
            return []


def _content(message: Message) -> Event | None:
    if message.text is not None:
        return _words(message.text)
    group = message.media_group_id or ""
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        photo = PhotoRef(largest.file_id, size=largest.file_size)
        return Photos((photo,), caption=message.caption or "", group=group)
    if message.document is not None and message.animation is None:
        return _file(message.document, message.caption or "", group)
    if message.location is not None:
        return Location(message.location.latitude, message.location.longitude)
    for name, kind in _UNREADABLE.items():
        if getattr(message, name):
            return Unsupported(kind)
    return None  # a service message: something was pinned, a timer was set


def _words(text: str) -> Event:
    command = _COMMAND.fullmatch(text.strip())
    if command is None:
        return Text(text)
    rest = (command["rest"] or "").strip()
    if command["name"] == "start":
        return Started(rest)
    return Text(f"{command['name']} {rest}".strip())  # "/menu" says no more than "menu"


def _file(document: Document, caption: str, group: str) -> Event:
    kind = document.mime_type or ""
    if not kind.startswith("image/"):
        return Unsupported("document")
    if (document.file_size or 0) > MAX_DOWNLOAD_BYTES:
        return Unsupported("file_too_large")
    return Photos((PhotoRef(document.file_id, kind, document.file_size),), caption=caption, group=group)


def _title_of(payload: str, message: Mapping[str, Any]) -> str:
    """Empty when the message is too old for Telegram to show it."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return next((button["text"] for row in rows for button in row if button.get("callback_data") == payload), "")


def _own_phone(message: Message) -> str | None:
    """Telegram vouches for a shared contact only when it is the sender's own."""
    contact, sender = message.contact, message.from_user
    if contact is None or sender is None or contact.user_id != sender.id:
        return None
    return f"+{contact.phone_number.lstrip('+')}"
