"""Where providers reach us: verify, normalise, store once, answer. Nothing else happens before the 2xx."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

import orjson
import structlog
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend import metrics
from backend.tracing import follow, trace_of
from bot.handlers import telegram_updates, whatsapp_messages
from bot.handlers.channel import Inbound
from bot.handlers.intake import Intake
from bot.handlers.receipts import Receipts

log = structlog.get_logger(__name__)

MOST_BYTES = 1_000_000
Handler = Callable[[Request], Awaitable[Response]]
OK = Response(status_code=200)
NOTHING = Response(status_code=204)
TWIML = Response('<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="text/xml")
NOT_ALLOWED = Response(status_code=405, headers={"Allow": "POST"})


class _Refused(Exception):  # noqa: N818 - an answer, carried out of the depth
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Webhooks:
    """ASGI: answers calls to these paths itself and passes everything else on.

    It stands in front of routers and middleware: they take longer for a message than storing it does.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, Handler]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        answer = await handler(Request(scope, receive)) if scope["method"] == "POST" else NOT_ALLOWED
        await answer(scope, receive, send)


def telegram_routes(intake: Intake, secret: str) -> dict[str, Handler]:
    """`POST /webhooks/telegram`. Without a configured secret every call is refused."""
    seconds = metrics.WEBHOOK_SECONDS.labels("telegram")

    async def telegram(request: Request) -> Response:
        with seconds.time():
            try:
                if not telegram_updates.check_secret(request.headers.get("X-Telegram-Bot-Api-Secret-Token"), secret):
                    raise _Refused(403, "secret")
                update = _json(await _body(request))
            except _Refused as refused:
                return _refuse("telegram", refused)
            inbounds = telegram_updates.parse_update(update)
            if not await _done("telegram", "accepted", intake.accept(inbounds, _trace(request))):
                return _come_again()
            answer = telegram_updates.callback_answer(update)
            return JSONResponse(answer) if answer else OK

    return {"/webhooks/telegram": telegram}


def whatsapp_routes(
    intake: Intake, receipts: Receipts, auth_token: str, account_sid: str, public_url: str
) -> dict[str, Handler]:
    """`POST /webhooks/whatsapp` and its status receipts. The signature covers the public URL, never the one seen here."""
    seconds = metrics.WEBHOOK_SECONDS.labels("whatsapp")

    async def signed_form(request: Request) -> list[tuple[str, str]]:
        query = f"?{request.url.query}" if request.url.query else ""
        url = f"{public_url.rstrip('/')}{request.url.path}{query}"
        raw = await _body(request)
        try:
            form = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=500)
        except ValueError as error:
            raise _Refused(400, "form") from error
        if not whatsapp_messages.check_signature(auth_token, url, form, request.headers.get("X-Twilio-Signature")):
            raise _Refused(403, "signature")
        if dict(form).get("AccountSid") != account_sid:
            raise _Refused(403, "account")
        return form

    async def whatsapp(request: Request) -> Response:
        with seconds.time():
            try:
                form = await signed_form(request)
                inbounds = _parsed(form)
            except _Refused as refused:
                return _refuse("whatsapp", refused)
            if not await _done("whatsapp", "accepted", intake.accept(inbounds, _trace(request))):
                return _come_again()
            return TWIML

    async def status(request: Request) -> Response:
        try:
            form = await signed_form(request)
            receipt = whatsapp_messages.parse_status(form, list(request.query_params.multi_items()))
        except _Refused as refused:
            return _refuse("whatsapp", refused)
        except KeyError:
            return _refuse("whatsapp", _Refused(400, "receipt"))
        if not await _done("whatsapp", "receipt", receipts.take(receipt)):
            return _come_again()
        return NOTHING

    return {"/webhooks/whatsapp": whatsapp, "/webhooks/whatsapp/status": status}


def _parsed(form: list[tuple[str, str]]) -> list[Inbound]:
    try:
        return whatsapp_messages.parse_message(form)
    except KeyError as error:
        raise _Refused(400, "message") from error


def _trace(request: Request) -> str:
    """The trace of this call, from now on in its log lines too."""
    trace = trace_of(request.headers.get("traceparent"))
    follow(trace)
    return trace


async def _body(request: Request) -> bytes:
    """The body, read no further than a provider's message can be long."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise _Refused(413, "size")
        chunks.append(chunk)
    return b"".join(chunks)


def _json(raw: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _Refused(400, "json") from error
    if not isinstance(found, dict):
        raise _Refused(400, "json")
    return found


async def _done(channel: str, what: str, storing: Awaitable[None]) -> bool:
    """Whether it is stored. Where it is not, the provider must hear so, and the operator why."""
    try:
        await storing
    except Exception as error:  # whatever the database met: nothing is acknowledged that is not committed
        metrics.WEBHOOKS.labels(channel, "failed").inc()
        log.error("webhook_failed", channel=channel, what=what, cause=type(error).__name__)
        return False
    metrics.WEBHOOKS.labels(channel, what).inc()
    log.debug("webhook", channel=channel, what=what)
    return True


def _come_again() -> Response:
    """Both providers repeat what is not answered with 2xx."""
    return Response(status_code=503, headers={"Retry-After": "5"})


def _refuse(channel: str, refused: _Refused) -> Response:
    metrics.WEBHOOKS.labels(channel, refused.why).inc()
    log.warning("webhook_refused", channel=channel, why=refused.why)
    return Response(status_code=refused.status)
