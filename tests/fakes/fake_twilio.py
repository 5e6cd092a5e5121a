"""Twilio's REST API for one WhatsApp sender: it refuses what Twilio and WhatsApp refuse, and plays the people who write.

async with FakeTwilio() as twilio:
    channel = WhatsAppChannel(twilio.account_sid, twilio.auth_token, twilio.sender, http, twilio.url, PUBLIC_URL)
    twilio.point_at("http://127.0.0.1:8000", PUBLIC_URL)
    siti = twilio.user("+6281200000001")
    await siti.says("daftar")
    message = await siti.hears()
    await siti.taps("Ya")
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

import orjson
from twilio.request_validator import RequestValidator

from tests.fakes.server import Answer, Fault, Faults, HttpServer, Poster, Request, as_json, next_id
from tests.fakes.twilio_content import Content, ContentError, Shown, checked, shown
from tests.fakes.twilio_user import TwilioUser

WEBHOOK_PATH = "/webhooks/whatsapp"
WINDOW_S = 24 * 3600

_MEDIA = re.compile(r"/Messages/\w{34}/Media/(?P<sid>ME\w{32})(?:\.json)?")


class Refused(Exception):  # noqa: N818  it is an answer of the API, not a fault of the test
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Message:
    """A message of the bot as the person sees it, `status` and `error` as the last receipt said."""

    sid: str
    to: str
    text: str
    kind: str
    buttons: tuple[tuple[str, str], ...]
    callback: str
    status: str = "queued"
    error: str = ""


class FakeTwilio:
    """`sent` is what Twilio took, delivered or not; `forgotten` the media that were deleted; `leaks` the requests that
    carried credentials to the media store. `receipts` are the statuses reported of each message that arrives."""

    def __init__(self, redeliver_for: float = 0, receipts: tuple[str, ...] = ("sent", "delivered")) -> None:
        self.account_sid = "AC" + "0123456789abcdef" * 2
        self.auth_token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
        self.sender = "whatsapp:+6281100000000"
        self.receipts = receipts
        self.sent: list[Message] = []
        self.forgotten: list[str] = []
        self.leaks: list[Request] = []
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.contents: dict[str, Content] = {}
        self.faults = Faults()
        self._server = HttpServer(self._handle)
        self._store = HttpServer(self._handle_store)
        self._poster = Poster(redeliver_for)
        self._validator = RequestValidator(self.auth_token)
        self._users: dict[str, TwilioUser] = {}
        self._media: dict[str, tuple[bytes, str]] = {}
        self._base_url = self._public_url = ""
        self._reports: set[asyncio.Task[None]] = set()
        self._now = 1_795_311_000.0

    @property
    def url(self) -> str:
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start()
        await self._store.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        await self._poster.close()
        await self._server.stop()
        await self._store.stop()

    def user(self, address: str, name: str = "Siti Aminah") -> TwilioUser:
        """The person behind a number (`+62…`) or an opaque id; the same one for the same address."""
        if address not in self._users:
            self._users[address] = TwilioUser(self, address, name)
        return self._users[address]

    def point_at(self, base_url: str, public_url: str = "") -> None:
        """Post webhooks to `base_url`, signed for `public_url` as a proxy in front of the service would have it."""
        self._base_url = base_url.rstrip("/")
        self._public_url = (public_url or base_url).rstrip("/")

    def fails(self, target: str, status: int, code: int = 0, *, times: int = 1, processed: bool = False) -> None:
        """Refuse the next calls: `messages`, `content`, `media` or `store`; a `code` as Twilio gives it."""
        answer = _refusal(Refused(status, code or status, "refused by the test"))
        self.faults.add(Fault(target, answer, times=times, processed=processed))

    def hangs(self, target: str, seconds: float, *, times: int = 1) -> None:
        """Answer the next calls late, but act on them."""
        self.faults.add(Fault(target, delay=seconds, times=times, processed=True))

    def advance(self, seconds: float) -> None:
        """Let time pass: a person's window closes 24 hours after their last message."""
        self._now += seconds

    async def report(self, message: Message, status: str, error: str = "") -> int:
        """Post one receipt; the status of the answer. Without a callback nothing is posted."""
        message.status, message.error = status, error
        if not message.callback:
            return 0
        fields = {
            "ChannelPrefix": "whatsapp",
            "ApiVersion": "2010-04-01",
            "MessageStatus": status,
            "SmsStatus": status,
            "SmsSid": message.sid,
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
            "From": self.sender,
            "To": message.to,
        }
        return await self.post(message.callback, fields | ({"ErrorCode": error} if error else {}))

    async def settle(self) -> None:
        """Wait until every receipt is posted."""
        while self._reports:
            await asyncio.gather(*self._reports)

    # What TwilioUser uses.

    @property
    def now(self) -> float:
        return self._now

    @property
    def webhook(self) -> str:
        return f"{self._public_url}{WEBHOOK_PATH}"

    def keep_media(self, data: bytes, content_type: str) -> str:
        sid = f"ME{next_id():032x}"
        self._media[sid] = (data, content_type)
        return sid

    async def post(self, public: str, fields: dict[str, str], *, signature: str | None = None) -> int:
        """Post a signed form to a public address of the service (or with a signature of the test's own making)."""
        if not self._base_url:
            return 0
        signed = self._validator.compute_signature(public, fields) if signature is None else signature
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "x-twilio-signature": signed,
            "i-twilio-idempotency-token": f"{next_id():032x}",
        }
        url = self._base_url + public.removeprefix(self._public_url)
        answer = await self._poster.post(url, urlencode(fields).encode(), headers)
        self.statuses.append(answer.status)
        return answer.status

    async def _handle(self, request: Request) -> Answer:
        try:
            if request.basic_auth() != (self.account_sid, self.auth_token):
                raise Refused(401, 20003, "Authenticate")
            if request.path == "/v1/Content":
                return await self._with_faults("content", request, self._content)
            account = f"/2010-04-01/Accounts/{self.account_sid}"
            path = request.path.removeprefix(account)
            if path == "/Messages.json" and request.method == "POST":
                return await self._with_faults("messages", request, self._create)
            medium = _MEDIA.fullmatch(path)
            if medium is not None and medium["sid"] in self._media:
                return await self._with_faults("media", request, lambda r: self._medium(r, medium["sid"]))
            raise Refused(404, 20404, f"The requested resource {request.path} was not found")
        except Refused as refused:
            return _refusal(refused)

    async def _with_faults(self, target: str, request: Request, act: Any) -> Answer:
        fields = orjson.loads(request.body) if request.is_json else request.form()
        self.calls.append((target, request.method, fields))
        fault = self.faults.take(target, fields.get("To"))
        if fault is None:
            return act(request)  # type: ignore[no-any-return]
        answer: Answer | None = None
        if fault.processed:
            answer = act(request)
        await asyncio.sleep(fault.delay)
        return fault.answer or replace(answer or Answer(504), drip=fault.drip)

    def _create(self, request: Request) -> Answer:
        fields = request.form()
        to = fields.get("To", "")
        if not re.fullmatch(r"whatsapp:(\+\d{7,15}|ID\.\w+)", to):
            raise Refused(400, 21211, "The 'To' number is not a valid phone number.")
        if fields.get("From") != self.sender:
            raise Refused(400, 63007, "Twilio could not find a Channel with the specified From address")
        failure = ""
        try:
            content = self._shown(fields)
        except ContentError as error:
            if error.code < 60000:
                raise Refused(400, error.code, str(error)) from error
            content, failure = Shown(""), str(error.code)
        callback = fields.get("StatusCallback", "")
        message = Message(f"SM{next_id():032x}", to, content.text, content.kind, content.buttons, callback)
        self.sent.append(message)
        task = asyncio.create_task(self._carry(message, failure))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)
        return as_json(201, self._resource(message))

    def _shown(self, fields: dict[str, str]) -> Shown:
        if "ContentSid" in fields:
            content = self.contents.get(fields["ContentSid"])
            if content is None:
                raise ContentError(21655, "The ContentSid Parameter is Invalid")
            try:
                variables = orjson.loads(fields.get("ContentVariables", "{}"))
            except ValueError as error:
                raise ContentError(21656, "The ContentVariables Parameter is invalid") from error
            return shown(content, variables)
        body = fields.get("Body", "")
        if not body.strip():
            raise ContentError(21619, "A text message body or media urls must be specified.")
        if len(body) > 1600:
            raise ContentError(21617, "The concatenated message body exceeds the 1600 character limit")
        return Shown(body)

    async def _carry(self, message: Message, failure: str) -> None:
        """From Twilio to the phone: what WhatsApp refuses is known only now, and only by a receipt."""
        user = self._users.get(message.to.removeprefix("whatsapp:"))
        if user is not None and user.blocked:
            failure = failure or "63024"
        elif user is None or self._now - user.wrote_at > WINDOW_S:
            failure = failure or "63016"
        if failure or user is None:
            await self.report(message, "failed" if failure == "63016" else "undelivered", failure)
            return
        user.heard.put_nowait(message)
        for status in self.receipts:
            await self.report(message, status)

    def _resource(self, message: Message) -> dict[str, Any]:
        account = f"/2010-04-01/Accounts/{self.account_sid}"
        return {
            "sid": message.sid,
            "account_sid": self.account_sid,
            "to": message.to,
            "from": self.sender,
            "body": message.text,
            "status": message.status,
            "direction": "outbound-api",
            "num_media": "0",
            "num_segments": "1",
            "date_created": "Sun, 22 Nov 2026 01:30:00 +0000",
            "date_updated": "Sun, 22 Nov 2026 01:30:00 +0000",
            "date_sent": None,
            "error_code": None,
            "error_message": None,
            "price": None,
            "price_unit": None,
            "api_version": "2010-04-01",
            "messaging_service_sid": None,
            "uri": f"{account}/Messages/{message.sid}.json",
            "subresource_uris": {"media": f"{account}/Messages/{message.sid}/Media.json"},
        }

    def _content(self, request: Request) -> Answer:
        if request.method == "GET":
            query = dict(request.query)
            size, page = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
            every = [content.as_json() for content in self.contents.values()]
            more = len(every) > (page + 1) * size
            following = f"https://content.twilio.com/v1/Content?PageSize={size}&Page={page + 1}"
            meta = {"key": "contents", "page": page, "page_size": size, "next_page_url": following if more else None}
            return as_json(200, {"contents": every[page * size : (page + 1) * size], "meta": meta})
        if not request.is_json:
            raise Refused(415, 20001, "Unsupported Media Type")
        try:
            content = checked(f"HX{next_id():032x}", orjson.loads(request.body))
        except ContentError as error:
            raise Refused(400, error.code, str(error)) from error
        self.contents[content.sid] = content
        return as_json(201, content.as_json())

    def _medium(self, request: Request, sid: str) -> Answer:
        if request.method == "DELETE":
            del self._media[sid]
            self.forgotten.append(sid)
            return Answer(204)
        return Answer(307, headers={"location": f"{self._store.url}/{sid}?Signature=contoh&Expires=1795311600"})

    async def _handle_store(self, request: Request) -> Answer:
        if "authorization" in request.headers:
            self.leaks.append(request)
            return Answer(400, b"Only one auth mechanism allowed")
        fault = self.faults.take("store", None)
        if fault is not None and fault.answer is not None:
            return fault.answer
        data, content_type = self._media[request.path.removeprefix("/")]
        return Answer(200, data, {"content-type": content_type})


def _refusal(refused: Refused) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{refused.code}"
    body = {"code": refused.code, "message": str(refused), "more_info": more, "status": refused.status}
    return as_json(refused.status, body)
