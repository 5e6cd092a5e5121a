"""`Idempotency-Key`: the caller's own name for a request, so that one that is sent again does not happen twice.

It holds for every POST without a word in its route. `claimed`, which every route depends on, knows the caller; `Naming`,
around the application, sees what was sent and what is answered. Only a success is kept: whatever ends in a problem has
written nothing, and may be tried again under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any

import structlog
from fastapi import Header, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.auth import Authorised, Parts, Services
from backend.api.problems import PREFIX, Problem, invalid
from backend.db import Database
from backend.repositories import idempotency
from backend.repositories.idempotency import Claim

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
PATTERN = r"^[\x21-\x7e]{0,100}$"
DESCRIPTION = (
    "the caller's own name for this request, kept for 24 hours: the same request again is answered as the first was,"
    " another one under the same name is refused"
)
EXAMPLE = "b3a1f0c2-1"
Once = Annotated[str, Header(alias=HEADER, description=DESCRIPTION, pattern=PATTERN, examples=[EXAMPLE])]
"""For routes whose service names its rows after it too: a name that lost its answer still finds its row."""

_STATE = "perlinsos.named"
_KEPT_HEADERS = ("content-type", "etag")


@dataclass(slots=True)
class _Named:
    """A request with a name on its way through the application."""

    name: str
    body: list[bytes] = field(default_factory=list)
    claim: Claim | None = None
    answer: list[Message] = field(default_factory=list)


class Replay(Exception):  # noqa: N818 - it is an answer
    """Ends a request with the answer that it got before."""

    def __init__(self, status: int, kept: Mapping[str, Any]) -> None:
        super().__init__(str(status))
        self.response = Response(
            kept["body"].encode(), status, headers={**kept["headers"], "Idempotent-Replayed": "true"}
        )


async def replayed(_: Request, replay: Exception) -> Response:
    """The handler of Replay."""
    assert isinstance(replay, Replay)  # noqa: S101 - registered for it
    return replay.response


async def claimed(request: Request, parts: Parts, caller: Authorised) -> None:
    """The name of a POST becomes this request's own. Raises Replay when it has been answered, and Problem."""
    named: _Named | None = request.scope.get(_STATE)
    if named is None:
        return
    if not re.fullmatch(PATTERN, named.name):
        raise invalid(f"header.{HEADER}", "At most 100 letters, digits and signs, without a space.")
    async with parts.database.write() as connection:
        found = await idempotency.claim(
            connection, parts.database, caller.key_id, named.name, _fingerprint(request, named.body), parts.now()
        )
    if isinstance(found, Claim):
        named.claim = found
    elif not found.same:
        raise Problem(422, "idempotency_key_reused", "Another request has used this Idempotency-Key.")
    elif found.status is None or found.answer is None:
        raise Problem(
            409, "in_progress", "The same request is being worked on; ask again soon.", headers={"Retry-After": "1"}
        )
    else:
        raise Replay(found.status, found.answer)


def _fingerprint(request: Request, body: list[bytes]) -> bytes:
    """What was asked: route, parameters and content. A form's boundary is another one with every try."""
    content = b"".join(body)
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if kind.startswith("multipart/") and boundary:
        content = content.replace(boundary.strip('"').encode(), b"")
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return sha256(asked + content).digest()


class Naming:
    """Around the application: holds what a named POST has sent until its name is claimed, and keeps its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _name(scope)
        if not name:
            await self._app(scope, receive, send)
            return
        named = scope[_STATE] = _Named(name)

        async def read() -> Message:
            message = await receive()
            if named.claim is None:
                named.body.append(message.get("body", b""))
            return message

        async def hold(message: Message) -> None:
            named.answer.append(message)

        database = _services(scope).database
        try:
            await self._app(scope, read, hold)
        except BaseException:
            await _close(database, named.claim, None)
            raise
        await _close(database, named.claim, named.answer)
        for message in named.answer:
            await send(message)


async def _close(database: Database, claim: Claim | None, answer: list[Message] | None) -> None:
    """Keep a success, forget the name of everything else. A failure here costs the caller a wait, not their answer."""
    if claim is None:
        return
    start, *rest = answer or [{"status": 500}]
    try:
        async with database.write() as connection:
            if 200 <= start["status"] < 300:
                headers = {k.decode(): v.decode() for k, v in start["headers"] if k.decode() in _KEPT_HEADERS}
                body = b"".join(message.get("body", b"") for message in rest)
                await idempotency.settle(
                    connection, claim, start["status"], {"headers": headers, "body": body.decode()}
                )
            else:
                await idempotency.release(connection, claim)
    except Exception as error:  # the lease runs out by itself
        log.warning("answer_not_kept", cause=type(error).__name__)


def _name(scope: Scope) -> str:
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PREFIX):
        return ""
    return str(dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1"))


def _services(scope: Scope) -> Services:
    found: Services = scope["app"].state.api_services
    return found
