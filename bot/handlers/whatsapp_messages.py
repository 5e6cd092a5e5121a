"""Twilio's WhatsApp webhooks as our events. Source of the fields: https://www.twilio.com/docs/messaging/guides/webhook-request.

Parameters are kept as the list of pairs in which they came: blank ones count in the signature, and new ones appear
without notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from bot.events import Choice, Event, Location, PhotoRef, Photos, Text, Unsupported
from bot.handlers.channel import Inbound, Receipt

NAME = "whatsapp"
STATUS_PATH = "/webhooks/whatsapp/status"

Pairs = Sequence[tuple[str, str]]

_OUTGOING = "outgoing"  # the receipt URL's parameter that carries our id
_LONGEST_ID = 18  # digits that fit a database's integer
_MEDIA_URL = re.compile(r"https?://[^/]+/2010-04-01/Accounts/AC\w+/Messages/(?P<ref>\w{34}/Media/ME\w{32})")
_PHONE = re.compile(r"whatsapp:(\+\d{7,15})")

_UNREADABLE_TYPES: Mapping[str, str] = {
    "audio": "audio",
    "contact": "contact",
    "contacts": "contact",
    "document": "document",
    "image": "other",
    "poll": "poll",
    "sticker": "sticker",
    "video": "video",
    "voice": "voice",
}
"""Twilio's MessageType to the kind of `Unsupported`. An image gets here only when its bytes did not come with it."""


def check_signature(auth_token: str, url: str, params: Pairs, header: str | None) -> bool:
    """Whether Twilio signed this form post. `url` is the public one, with its query, never the one a proxy passed on."""
    if not header or not auth_token:
        return False
    return bool(RequestValidator(auth_token).validate(url, ImmutableMultiDict(params), header))


def parse_message(params: Pairs) -> list[Inbound]:
    """The event in one signed webhook. A reaction is no message and gives none."""
    fields = dict(params)
    if fields.get("MessageType") == "reaction":
        return []
    address = fields["From"]
    phone = _PHONE.fullmatch(address)
    sid = fields["MessageSid"]
    # No time: Twilio does not say when the person wrote.
    return [Inbound(NAME, address, sid, _content(fields), message_ref=sid, phone=phone[1] if phone else None)]


def parse_status(params: Pairs, query: Pairs) -> Receipt:
    """One receipt. `query` is that of the receipt URL, which carries our own id (see `status_url`)."""
    fields = dict(params)
    own = dict(query).get(_OUTGOING, "")
    return Receipt(
        outgoing_id=int(own) if own.isdecimal() and len(own) <= _LONGEST_ID else None,
        provider_id=fields["MessageSid"],
        status=fields["MessageStatus"],
        error=fields.get("ErrorCode", ""),
    )


def status_url(public_url: str, outgoing_id: int) -> str:
    """Where Twilio reports what became of an outgoing message."""
    return f"{public_url.rstrip('/')}{STATUS_PATH}?{urlencode({_OUTGOING: outgoing_id})}"


def _content(fields: Mapping[str, str]) -> Event:
    body = fields.get("Body", "")
    if fields.get("ButtonPayload"):
        return Choice(fields["ButtonPayload"], fields.get("ButtonText") or body)
    if fields.get("ListId"):
        return Choice(fields["ListId"], fields.get("ListTitle") or body)
    media = _media(fields)
    if media:
        return _from_media(media, body, fields.get("MessageType", ""))
    place = _place(fields)
    if place is not None:
        return place
    kind = fields.get("MessageType", "")
    if body.strip() or kind in {"", "text"}:
        return Text(body)
    return Unsupported(_UNREADABLE_TYPES.get(kind, "other"))


def _media(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """(address, content type) of every medium."""
    count = fields.get("NumMedia", "0")
    indexes = range(int(count) if count.isdecimal() else 0)
    found = [(fields.get(f"MediaUrl{n}", ""), fields.get(f"MediaContentType{n}", "")) for n in indexes]
    return [(url, kind.partition(";")[0].strip().lower()) for url, kind in found if url]


def _from_media(media: list[tuple[str, str]], caption: str, message_type: str) -> Event:
    if message_type == "sticker":
        return Unsupported("sticker")
    photos = []
    for url, kind in media:
        # Only the two ids are kept: whatever address a webhook names, bytes are fetched from the account's own.
        known = _MEDIA_URL.fullmatch(url)
        if known is not None and kind.startswith("image/"):
            photos.append(PhotoRef(known["ref"], kind))
    if photos:
        return Photos(tuple(photos), caption=caption)
    return Unsupported(_kind_of(media[0][1], message_type))


def _kind_of(content_type: str, message_type: str) -> str:
    if content_type in {"text/vcard", "text/x-vcard", "text/directory"}:
        return "contact"
    if content_type == "audio/ogg":  # what the microphone button records
        return "voice"
    family = content_type.partition("/")[0]
    if family in {"audio", "video"}:
        return family
    if family == "image":
        return "other"
    return _UNREADABLE_TYPES.get(message_type, "document")


def _place(fields: Mapping[str, str]) -> Location | None:
    try:
        return Location(float(fields["Latitude"]), float(fields["Longitude"]))
    except (KeyError, ValueError):
        return None  # no location, or blank fields in its place
