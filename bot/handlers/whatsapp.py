"""WhatsApp through Twilio: its REST client on the service's own HTTP pool."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from backend.gateways.http import HttpClient, HttpError, ResponseTooLarge
from bot.events import PhotoRef
from bot.handlers.channel import FetchError, Limits, Outgoing, SendError, Sent
from bot.handlers.whatsapp_contents import LIST_ITEMS, LIST_TITLE, SyncError, fill, sync_contents
from bot.handlers.whatsapp_messages import (
    NAME,
    STATUS_PATH,
    check_signature,
    parse_message,
    parse_status,
    status_url,
)
from bot.handlers.whatsapp_transport import API_URL, CallError, Transport, error_for, is_about_content

__all__ = [
    "STATUS_PATH",
    "SyncError",
    "WhatsAppChannel",
    "check_signature",
    "error_for",
    "parse_message",
    "parse_status",
]

_DOWNLOAD_TIMEOUT_S = 60.0
_MEDIA_REF = re.compile(r"(?P<message>\w{34})/Media/(?P<media>ME\w{32})")


class WhatsAppChannel:
    """One WhatsApp sender of one Twilio account.

    `sender` is a number (`+62…`, with or without `whatsapp:`); `contents` maps the names of Content resources to their
    SIDs and is what `sync_contents` returns; `public_url` is where receipts come to;
    `per_second` is the sender's granted rate (80 by default, up to 1,000).
    """

    name = NAME

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        http: HttpClient,
        api_url: str = API_URL,
        public_url: str = "",
        contents: Mapping[str, str] | None = None,
        *,
        per_second: float = 80,
    ) -> None:
        # No pause per chat: WhatsApp allows bursts to one person, and a turn sends one message for one of theirs.
        self.limits = Limits(text=1600, buttons=LIST_ITEMS, title=LIST_TITLE, per_second=per_second)
        self._http = http
        self._auth = (account_sid, auth_token)
        self._account_url = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}"
        self._sender = f"whatsapp:{sender.removeprefix('whatsapp:')}"
        self._public_url = public_url
        self._contents = dict(contents or {})
        self._client = Client(account_sid, auth_token, http_client=Transport(http, api_url))

    async def sync_contents(self) -> dict[str, str]:
        """Make the Content resources that are missing at Twilio and use them from now on; name to SID of all.

        Safe to repeat. Raises SyncError.
        """
        self._contents = await sync_contents(self._client)
        return dict(self._contents)

    async def send(self, message: Outgoing) -> Sent:
        """Hand one message to Twilio. Raises SendError.

        A citizen's message cannot be deleted on WhatsApp, so `kind` "delete" does nothing. Free text goes out only in
        the 24 hours after the person's last message: Twilio would take it and report its failure later.
        """
        if message.kind == "delete":
            return Sent(message.delete_ref, "deleted")
        if not message.in_window:
            raise error_for(63016)
        if not message.text.strip() or len(message.text) > self.limits.text:
            raise SendError("text_length")
        filled = fill(self._contents, message.text, message.buttons)
        if filled is None:
            return await self._create(message, body=message.text)
        try:
            variables = orjson.dumps(filled.variables).decode()
            return await self._create(message, content_sid=filled.sid, content_variables=variables)
        except SendError as error:
            if not is_about_content(error):
                raise
        return await self._create(message, body=message.text)  # the numbers in the text do what the buttons would

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        """The bytes of a photo. Raises FetchError.

        Twilio redirects to a public store; our credentials stay with the account's host (see HttpClient).
        """
        if not _MEDIA_REF.fullmatch(photo.ref):
            raise FetchError("no_media_reference", gone=True)
        try:
            response = await self._http.request(
                "GET",
                f"{self._account_url}/Messages/{photo.ref}",
                auth=self._auth,
                follow_redirects=True,
                max_bytes=max_bytes,
                timeout=_DOWNLOAD_TIMEOUT_S,
            )
        except ResponseTooLarge:
            raise FetchError("too_large", gone=True) from None
        except HttpError as error:
            raise FetchError(str(error), gone=False) from None
        if not response.ok:
            raise FetchError(f"download_{response.status}", gone=response.status in {404, 410})
        return response.content

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        """Delete the media at Twilio; one that is gone already is fine. Raises FetchError, to be tried again."""
        for photo in photos:
            ref = _MEDIA_REF.fullmatch(photo.ref)
            if ref is None:
                continue
            try:
                await self._client.messages(ref["message"]).media(ref["media"]).delete_async()
            except TwilioException as error:
                status = getattr(error, "status", None)
                if status != 404:
                    raise FetchError(f"media_not_deleted ({status})", gone=False) from None

    async def _create(self, message: Outgoing, **content: Any) -> Sent:
        if self._public_url:
            content["status_callback"] = status_url(self._public_url, message.id)
        try:
            made = await self._client.messages.create_async(to=message.address, from_=self._sender, **content)
        except CallError as error:
            failure = SendError(str(error), retryable=not error.maybe_processed, maybe_sent=error.maybe_processed)
        except TwilioException as error:
            failure = error_for(getattr(error, "code", None) or 0, getattr(error, "status", 0))
        except ValueError:  # a 2xx whose body is not what Twilio sends
            failure = SendError("unreadable answer", maybe_sent=True)
        else:
            return Sent(made.sid, made.status or "queued")
        raise failure  # outside the handlers: the library's message may quote number and text
