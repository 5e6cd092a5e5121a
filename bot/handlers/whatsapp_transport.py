"""How calls to Twilio travel, and what its error codes ask of the sender.

Source of the codes: https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response as TwilioResponse

from backend.gateways.http import HttpClient, HttpError
from bot.handlers.channel import SendError

API_URL = "https://api.twilio.com"

_TIMEOUT_S = 15.0


class CallError(TwilioException):  # type: ignore[misc]  # the library has no types
    """The call brought no answer. `maybe_processed`: Twilio may have acted on it all the same."""

    def __init__(self, message: str, *, maybe_processed: bool) -> None:
        super().__init__(message)
        self.maybe_processed = maybe_processed


class Transport(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """The library's calls over the shared pool. Unlike the shipped client it keeps its deadline, never repeats a POST,
    sends JSON where JSON is due, and logs nothing."""

    def __init__(self, http: HttpClient, api_url: str) -> None:
        super().__init__(logging.getLogger(__name__), True, _TIMEOUT_S)
        self._http = http
        self._api_url = api_url.rstrip("/")

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the library's signature
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        """Raises CallError. Redirects are not followed: a POST would be lost, credentials would leak."""
        url = self._addressed(uri)
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params, doseq=True)}"
        is_json = (headers or {}).get("Content-Type") == "application/json"
        body: dict[str, Any] = {"json": data} if is_json else {"form": data or None}
        try:
            response = await self._http.request(
                method.upper(), url, headers=headers, auth=auth, timeout=timeout or _TIMEOUT_S, **body
            )
        except HttpError as error:
            raise CallError(str(error), maybe_processed=error.maybe_processed) from None
        return TwilioResponse(response.status, response.content.decode(errors="replace"), response.headers)

    def _addressed(self, uri: str) -> str:
        """The library spells out its hosts (api., content.); with an address of ours, all of them are there."""
        if self._api_url == API_URL:
            return uri
        parts = urlsplit(uri)
        return f"{self._api_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")


@dataclass(frozen=True, slots=True)
class _Ruling:
    cause: str
    retry_after: float | None = None
    unreachable: bool = False
    whole_channel: bool = False


_OUR_ACCOUNT = _Ruling("account_refused", retry_after=60, whole_channel=True)
_SENDER = _Ruling("sender_unknown", retry_after=300, whole_channel=True)
_CANNOT_RECEIVE = _Ruling("cannot_receive", unreachable=True)
_BLOCKED = _Ruling("blocked", unreachable=True)
_SLOW_DOWN = _Ruling("slow_down", retry_after=2, whole_channel=True)
_QUEUE_FULL = _Ruling("queue_full", retry_after=30, whole_channel=True)
_CONTENT = _Ruling("content_refused")

_RULINGS: Mapping[int, _Ruling] = {
    63016: _Ruling("outside_window"),
    63003: _CANNOT_RECEIVE,
    63024: _CANNOT_RECEIVE,
    21211: _CANNOT_RECEIVE,
    63014: _BLOCKED,
    21610: _BLOCKED,
    # WhatsApp's limit for one pair of numbers comes with this code too, so it does not speak for the whole channel.
    63018: _Ruling("slow_down", retry_after=6),
    429: _SLOW_DOWN,
    20429: _SLOW_DOWN,
    30001: _QUEUE_FULL,
    21611: _QUEUE_FULL,
    63007: _SENDER,
    401: _OUR_ACCOUNT,
    20003: _OUR_ACCOUNT,
    20005: _OUR_ACCOUNT,
    30002: _OUR_ACCOUNT,
    21617: _CONTENT,
    21655: _CONTENT,
    21656: _CONTENT,
    63005: _CONTENT,
    63013: _CONTENT,
    63021: _CONTENT,
    63028: _CONTENT,
}


def error_for(code: int, http_status: int = 400) -> SendError:
    """What an error code means, of an answer as of a receipt (which has no HTTP status of its own).

    Nothing of what Twilio wrote is kept: its messages quote numbers and texts.
    """
    ruling = _RULINGS.get(code)
    if ruling is not None:
        return SendError(
            f"{ruling.cause} ({code})",
            retryable=ruling.retry_after is not None,
            retry_after=ruling.retry_after,
            unreachable=ruling.unreachable,
            whole_channel=ruling.whole_channel,
        )
    if http_status >= 500:
        return SendError(f"server error {http_status}", maybe_sent=True)
    return SendError(f"twilio ({code})")


def is_about_content(error: SendError) -> bool:
    """Whether the message itself was refused, so that the same words in another shape may pass."""
    return error.cause.startswith(_CONTENT.cause)
