"""A Bot API server: it refuses what Telegram refuses, remembers what was sent, and plays the people who write.

async with FakeTelegram() as telegram:
    channel = TelegramChannel(telegram.token, http, telegram.url)
    telegram.point_at("http://127.0.0.1:8000", secret)
    siti = telegram.user(5200000001, "Siti Aminah")
    await siti.starts()
    message = await siti.hears()
    await siti.taps("Daftar")
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson

from tests.fakes.server import Answer, Fault, Faults, HttpServer, Poster, Request, as_json, next_id
from tests.fakes.telegram_html import HtmlError, shown
from tests.fakes.telegram_user import TelegramUser

WEBHOOK_PATH = "/webhooks/telegram"
MAX_FILE = 20 << 20
DELETABLE_S = 48 * 3600


class Refused(Exception):  # noqa: N818  it is an answer of the Bot API, not a fault of the test
    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


@dataclass(slots=True)
class Message:
    """A message of the bot as the person sees it: marks turned into `bold` pieces, buttons as (title, payload)."""

    id: int
    chat: int
    text: str
    bold: tuple[str, ...] = ()
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Chat:
    user: TelegramUser
    blocked: bool = False
    incoming: dict[int, float] = field(default_factory=dict)


class FakeTelegram:
    """`sent`, `deleted` (chat, message) and `answered` (callback ids) are what the bot did, in order."""

    def __init__(
        self, token: str = "7000000001:AAFakeTokenFakeTokenFakeTokenFakeTok", redeliver_for: float = 0
    ) -> None:
        self.token = token
        self.sent: list[Message] = []
        self.deleted: list[tuple[int, int]] = []
        self.answered: list[str] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.statuses: list[int] = []
        self._server = HttpServer(self._handle)
        self._poster = Poster(redeliver_for)
        self.faults = Faults()
        self._chats: dict[int, Chat] = {}
        self._files: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._webhook = ""
        self._secret = ""
        self._pointed = False
        self.registered = ""
        self._waiting: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._now = 1_795_311_000.0
        self._methods = {
            "sendMessage": self._send_message,
            "deleteMessage": self._delete_message,
            "answerCallbackQuery": self._answer_callback,
            "getFile": self._get_file,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getMe": self._get_me,
        }

    @property
    def url(self) -> str:
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._news.set()
        await self._poster.close()
        await self._server.stop()

    def user(self, chat: int, name: str = "Siti Aminah") -> TelegramUser:
        """The person of a private chat; the same one for the same number."""
        if chat not in self._chats:
            self._chats[chat] = Chat(TelegramUser(self, chat, name))
        return self._chats[chat].user

    def point_at(self, base_url: str, secret: str, path: str = WEBHOOK_PATH) -> None:
        """Post updates there, as after setWebhook. Without this they wait for getUpdates.

        A webhook that the service registers afterwards has a public address that leads nowhere here: it is only noted
        in `registered`.
        """
        self._pointed = True
        self._webhook, self._secret = f"{base_url.rstrip('/')}{path}", secret

    def fails(
        self,
        method: str,
        status: int,
        description: str = "Internal Server Error",
        *,
        times: int = 1,
        chat: int | None = None,
        processed: bool = False,
        **parameters: Any,
    ) -> None:
        """Refuse the next calls of a method, for example `fails("sendMessage", 429, "…", retry_after=3)`."""
        answer = _refusal(Refused(status, description, **parameters))
        who = None if chat is None else str(chat)
        self.faults.add(Fault(method, answer, times=times, chat=who, processed=processed))

    def hangs(self, method: str, seconds: float, *, times: int = 1, processed: bool = True) -> None:
        """Answer the next calls of a method late."""
        self.faults.add(Fault(method, delay=seconds, times=times, processed=processed))

    def breaks_links(self) -> None:
        """The hour is over: links that getFile gave out no longer work."""
        self._links.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass at Telegram (a message can be deleted for 48 hours)."""
        self._now += seconds

    # What TelegramUser uses.

    @property
    def now(self) -> int:
        return int(self._now)

    def keep_file(self, data: bytes) -> str:
        file_id = f"AgACAgUAAxkBAAI{next_id():08d}"
        self._files[file_id] = data
        return file_id

    def incoming(self, chat: int, message_id: int) -> None:
        self._chats[chat].incoming[message_id] = self._now

    def block(self, chat: int, blocked: bool) -> None:
        self._chats[chat].blocked = blocked

    async def deliver(self, update: dict[str, Any]) -> int:
        """Post an update (again: the same dictionary twice is a redelivery) and do what the answer asks; its status."""
        if not self._webhook:
            self._waiting.append(update)
            self._news.set()
            return 0
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": self._secret}
        answer = await self._poster.post(self._webhook, orjson.dumps(update), headers)
        self.statuses.append(answer.status)
        if answer.status == 200 and answer.headers.get("content-type", "").startswith("application/json"):
            await self._run_from_webhook(orjson.loads(answer.body))
        return answer.status

    async def _run_from_webhook(self, call: Any) -> None:
        if isinstance(call, dict) and isinstance(call.get("method"), str):
            await self._call(call["method"], {name: value for name, value in call.items() if name != "method"})

    async def _handle(self, request: Request) -> Answer:
        if request.path.startswith(f"/file/bot{self.token}/"):
            return self._download(request.path.removeprefix(f"/file/bot{self.token}/"))
        start, _, method = request.path.rpartition("/")
        if not hmac.compare_digest(start.encode(), f"/bot{self.token}".encode()):
            return _refusal(Refused(401, "Unauthorized"))
        parameters: dict[str, Any] = dict(request.query)
        if request.body:
            parameters |= orjson.loads(request.body) if request.is_json else request.form()
        return await self._call(method, parameters)

    async def _call(self, method: str, parameters: dict[str, Any]) -> Answer:
        self.calls.append((method, parameters))
        fault = self.faults.take(method, str(parameters.get("chat_id")))
        if fault is not None and not fault.processed:
            await asyncio.sleep(fault.delay)
            return fault.answer or _refusal(Refused(504, "Gateway Timeout"))
        if method not in self._methods:
            return _refusal(Refused(404, "Not Found"))
        try:
            answer = as_json(200, {"ok": True, "result": await self._methods[method](parameters)})
        except Refused as refused:
            answer = _refusal(refused)
        if fault is None:
            return answer
        await asyncio.sleep(fault.delay)
        return fault.answer or replace(answer, drip=fault.drip)

    async def _send_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        chat = self._reachable(parameters)
        text, bold = str(parameters.get("text", "")), ()
        if parameters.get("parse_mode") == "HTML":
            try:
                text, bold = shown(text)  # type: ignore[assignment]
            except HtmlError as error:
                raise Refused(400, f"Bad Request: can't parse entities: {error}") from error
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if len(text) > 4096:
            raise Refused(400, "Bad Request: message is too long")
        buttons = _buttons(parameters.get("reply_markup"))
        message = Message(next_id(), chat.user.chat, text, bold, buttons)
        self.sent.append(message)
        chat.user.heard.put_nowait(message)
        return chat.user.message_of_bot(message)

    async def _delete_message(self, parameters: dict[str, Any]) -> bool:
        chat = self._reachable(parameters)
        written = chat.incoming.get(int(parameters["message_id"]))
        if written is None:
            raise Refused(400, "Bad Request: message to delete not found")
        if self._now - written > DELETABLE_S:
            raise Refused(400, "Bad Request: message can't be deleted for everyone")
        del chat.incoming[int(parameters["message_id"])]
        self.deleted.append((chat.user.chat, int(parameters["message_id"])))
        return True

    async def _answer_callback(self, parameters: dict[str, Any]) -> bool:
        query = str(parameters.get("callback_query_id", ""))
        if len(str(parameters.get("text", ""))) > 200:
            raise Refused(400, "Bad Request: MESSAGE_TOO_LONG")
        if not any(query in chat.user.taps_open for chat in self._chats.values()):
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.answered.append(query)
        return True

    async def _get_file(self, parameters: dict[str, Any]) -> dict[str, Any]:
        file_id = str(parameters.get("file_id", ""))
        if file_id not in self._files:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        size = len(self._files[file_id])
        if size > MAX_FILE:
            raise Refused(400, "Bad Request: file is too big")
        path = f"photos/file_{next_id()}.jpg"
        self._links[path] = file_id
        return {"file_id": file_id, "file_unique_id": file_id[-8:], "file_size": size, "file_path": path}

    async def _get_updates(self, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        if self._webhook:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = int(parameters.get("offset", 0))
        self._waiting = [update for update in self._waiting if update["update_id"] >= offset]
        if not self._waiting:
            self._news.clear()
            await asyncio.wait({asyncio.ensure_future(self._news.wait())}, timeout=float(parameters.get("timeout", 0)))
        return self._waiting[: int(parameters.get("limit", 100))]

    async def _set_webhook(self, parameters: dict[str, Any]) -> bool:
        url = str(parameters.get("url", ""))
        if not url.startswith("https://"):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.registered = url
        if not self._pointed:
            self._webhook, self._secret = url, str(parameters.get("secret_token", ""))
        return True

    async def _delete_webhook(self, parameters: dict[str, Any]) -> bool:
        self._webhook = self._secret = ""
        return True

    async def _get_me(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"id": 7000000001, "is_bot": True, "first_name": "Perlinsos", "username": "perlinsos_contoh_bot"}

    def _reachable(self, parameters: Mapping[str, Any]) -> Chat:
        chat = self._chats.get(int(parameters["chat_id"]))
        if chat is None or not (chat.incoming or chat.user.started):
            raise Refused(400, "Bad Request: chat not found")  # a bot never writes first
        if chat.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return chat

    def _download(self, path: str) -> Answer:
        file_id = self._links.get(path)
        fault = self.faults.take("download", None)
        if fault is not None and fault.answer is not None:
            return fault.answer
        if file_id is None:
            return _refusal(Refused(404, "Not Found"))
        return Answer(200, self._files[file_id], {"content-type": "application/octet-stream"})


def _buttons(markup: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(markup, str):
        markup = orjson.loads(markup)
    rows = markup["inline_keyboard"] if markup else []
    buttons = tuple(
        (str(button.get("text", "")), str(button.get("callback_data", ""))) for row in rows for button in row
    )
    if any(len(row) > 8 for row in rows) or len(buttons) > 100:
        raise Refused(400, "Bad Request: reply markup is too long")
    for title, payload in buttons:
        if not title.strip():
            raise Refused(400, "Bad Request: text buttons are unallowed in the inline keyboard")
        if not 1 <= len(payload.encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return buttons


def _refusal(refused: Refused) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": refused.status, "description": refused.description}
    if refused.parameters:
        body["parameters"] = refused.parameters
    return as_json(refused.status, body)
