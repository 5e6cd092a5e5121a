"""Telegram: the Bot API through `python-telegram-bot`'s client and types, on the service's own HTTP pool.

The library's application layer is not used (it keeps state in memory), nor its transport, which costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

from backend.gateways.http import HttpClient, HttpError, ResponseTooLarge
from bot.events import PhotoRef
from bot.handlers.channel import Button, FetchError, Inbound, Limits, Outgoing, SendError, Sent
from bot.handlers.telegram_transport import CallError, FloodError, FloodJudge, Transport
from bot.handlers.telegram_updates import (
    ALLOWED_UPDATES,
    MAX_DOWNLOAD_BYTES,
    NAME,
    callback_answer,
    check_secret,
    parse_update,
)

__all__ = ["TelegramChannel", "callback_answer", "check_secret", "parse_update", "poll_forever", "to_html"]

API_URL = "https://api.telegram.org"
CALLBACK_DATA_BYTES = 64
POLL_WAIT_S = 25

_DOWNLOAD_TIMEOUT_S = 60.0
_LAST_BACK_OFF_S = 30.0

# A star opens or closes bold only where a word begins or ends, so that a masked name (S***) stays as it is.
_BOLD = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]+?)(?<!\s)\*(?![\w*])")
# Telegram's own short phrases say what went wrong; anything with quotes or digits may repeat the citizen's words.
_HARMLESS = re.compile(r"[A-Za-z_ :,'-]{1,80}")

_NO_PREVIEW = {"is_disabled": True}

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class TelegramChannel:
    """One bot. `api_url` is the Bot API's base, or that of an operator's own server; `per_second` what the bot may send
    to all chats together (30 unless Telegram granted more)."""

    name = NAME

    def __init__(
        self,
        token: str,
        http: HttpClient,
        api_url: str = API_URL,
        *,
        per_second: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # No pause per chat: one turn sends one message, short bursts are allowed, and a 429 says how long to wait.
        self.limits = Limits(text=4096, buttons=100, title=64, per_second=per_second)
        base = api_url.rstrip("/")
        self._http = http
        self._transport = Transport(http)
        self._bot = Bot(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=self._transport,
            get_updates_request=self._transport,
        )
        self._flood = FloodJudge(clock)

    async def send(self, message: Outgoing) -> Sent:
        """Hand one message to Telegram, or delete the citizen's message `delete_ref`. Raises SendError."""
        if message.kind == "delete":
            return await self._delete(message)
        if not message.text.strip() or len(message.text) > self.limits.text:
            raise SendError("text_length")
        keyboard = _keyboard(message.buttons)
        try:
            with self._errors(message.address):
                return await self._send_text(message, keyboard, text=to_html(message.text), parse_mode=ParseMode.HTML)
        except _UnparsableError:
            with self._errors(message.address):
                return await self._send_text(message, keyboard, text=message.text)

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        """The bytes of a photo; the link to them holds the token and goes no further. Raises FetchError."""
        try:
            file = await self._bot.get_file(photo.ref)
        except BadRequest as error:
            # "file is too big", "invalid file_id": no second try will help; "temporarily unavailable": it may.
            raise FetchError(_cause(error), gone="temporarily" not in error.message) from None
        except TelegramError as error:
            raise FetchError(_cause(error), gone=False) from None
        if not file.file_path:
            raise FetchError("no_file_path", gone=False)
        try:
            response = await self._http.request(
                "GET", file.file_path, max_bytes=min(max_bytes, MAX_DOWNLOAD_BYTES), timeout=_DOWNLOAD_TIMEOUT_S
            )
        except ResponseTooLarge:
            raise FetchError("too_large", gone=True) from None
        except HttpError as error:
            raise FetchError(str(error), gone=False) from None
        if not response.ok:  # the link has expired meanwhile; getFile gives a new one
            raise FetchError(f"download_{response.status}", gone=False)
        return response.content

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        """Nothing: a bot cannot delete files at Telegram, their links die within the hour."""

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have Telegram post its updates to `url`, with `secret` in each. Raises telegram.error.TelegramError."""
        await self._bot.set_webhook(url, secret_token=secret, allowed_updates=ALLOWED_UPDATES)

    async def delete_webhook(self) -> None:
        """What `poll` needs first. Waiting updates are kept. Raises telegram.error.TelegramError."""
        await self._bot.delete_webhook()

    async def poll(self, offset: int, wait: int = POLL_WAIT_S) -> list[dict[str, Any]]:
        """Updates from number `offset` on, as Telegram's JSON; waits up to `wait` seconds for the first.

        Telegram forgets those before `offset`. Raises telegram.error.TelegramError.
        """
        # Not `Bot.get_updates`: one update that the library cannot read would cost the whole batch, again and again.
        parameters = {"offset": offset, "timeout": wait, "allowed_updates": ALLOWED_UPDATES}
        updates = await self._transport.call(f"{self._bot.base_url}/getUpdates", parameters, wait)
        return list(updates)

    async def answer(self, update: dict[str, Any]) -> None:
        """Stop the spinner on a tapped button. A tap that waited too long has none left, and that is fine."""
        call = callback_answer(update)
        if call is None:
            return
        try:
            await self._bot.answer_callback_query(call["callback_query_id"])
        except TelegramError as error:
            _log.info("telegram_answer_refused", cause=_cause(error))

    async def _send_text(self, message: Outgoing, keyboard: dict[str, Any], **text: str) -> Sent:
        parameters = {"chat_id": int(message.address), "link_preview_options": _NO_PREVIEW, **keyboard, **text}
        sent = await self._transport.call(f"{self._bot.base_url}/sendMessage", parameters)
        self._flood.sent(message.address)
        return Sent(str(sent["message_id"]))

    async def _delete(self, message: Outgoing) -> Sent:
        parameters = {"chat_id": int(message.address), "message_id": int(message.delete_ref)}
        try:
            with self._errors(message.address):
                await self._transport.call(f"{self._bot.base_url}/deleteMessage", parameters)
        except SendError as error:
            if not error.cause.startswith("Message "):  # "… to delete not found", "… can't be deleted": too old or gone
                raise
        return Sent(message.delete_ref, "deleted")

    @contextmanager
    def _errors(self, chat: str) -> Iterator[None]:
        try:
            yield
        except TelegramError as error:
            failure = self._send_error(error, chat)
        else:
            return
        raise failure  # outside the handler: the library's message may quote the text

    def _send_error(self, error: TelegramError, chat: str) -> Exception:
        match error:
            case FloodError():
                whole = self._flood.whole_bot(chat, error.retry_after)
                return SendError("flood", retryable=True, retry_after=error.retry_after, whole_channel=whole)
            case Forbidden():
                return SendError(_cause(error), unreachable=True)
            case InvalidToken():  # our fault, not the message's: keep everything until the token is mended
                return SendError("token_refused", retryable=True, retry_after=60, whole_channel=True)
            case BadRequest() if "parse entities" in error.message:
                return _UnparsableError()
            case BadRequest() if "chat not found" in error.message.lower():
                return SendError(_cause(error), unreachable=True)
            case BadRequest():
                return SendError(_cause(error))
            case CallError():
                return SendError(str(error), retryable=not error.maybe_processed, maybe_sent=error.maybe_processed)
            case _:
                return SendError(type(error).__name__)


class _UnparsableError(Exception):
    """Telegram could not read our HTML; the text must go plain."""


async def poll_forever(
    channel: TelegramChannel, accept: Callable[[list[Inbound]], Awaitable[None]], stop: asyncio.Event
) -> None:
    """Feed `accept` with what citizens do until `stop` is set, for a machine that Telegram cannot reach.

    Telegram hands out a batch again until `accept` has returned, so it must store before it returns. Trouble at
    Telegram or in `accept` is logged and waited out, and nothing is skipped.
    """
    offset = 0
    failures = 0
    webhook_gone = False
    while not stop.is_set():
        try:
            if not webhook_gone:  # a poll is refused as long as there is one
                await channel.delete_webhook()
                webhook_gone = True
            updates = await _unless(stop, channel.poll(offset))
            if updates:
                await accept([inbound for update in updates for inbound in parse_update(update)])
                offset = updates[-1]["update_id"] + 1
                await asyncio.gather(*(channel.answer(update) for update in updates))
            failures = 0
        except (
            Exception
        ) as error:  # whatever it was, a bot that stops listening is worse; names only: no text, no token
            failures += 1
            webhook_gone = False  # somebody may have set one meanwhile
            asked = error.retry_after if isinstance(error, FloodError) else 0
            pause = max(asked, min(2.0 ** (failures - 1), _LAST_BACK_OFF_S))
            cause = _cause(error) if isinstance(error, TelegramError) else type(error).__name__
            _log.warning("telegram_poll_failed", cause=cause, pause=pause)
            await _unless(stop, asyncio.sleep(pause))


def to_html(text: str) -> str:
    """Our `*bold*` as Telegram's HTML; every other character stands for itself, a lone star too."""
    return _BOLD.sub(_bold, html.escape(text, quote=False))


def _bold(found: re.Match[str]) -> str:
    return f"<b>{found[1]}</b>"


def _keyboard(buttons: Sequence[Button]) -> dict[str, Any]:
    """One button a row: titles are sentences, and people's screens are narrow."""
    if not buttons:
        return {}
    if any(not 1 <= len(b.payload.encode()) <= CALLBACK_DATA_BYTES or not b.title.strip() for b in buttons):
        raise SendError("button_size")
    rows = [[{"text": b.title, "callback_data": b.payload}] for b in buttons]
    return {"reply_markup": {"inline_keyboard": rows}}


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The outcome of `work`, or None when `stop` was set first."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def _cause(error: TelegramError) -> str:
    return error.message if _HARMLESS.fullmatch(error.message) else type(error).__name__
