"""Conditional requests (RFC 9110): an answer's tag, "nothing new" instead of the same again, and "only if it is still so".

A tag is a keyed hash of the whole representation. Whatever changes it, a column that somebody adds later too, changes the
tag, and nobody can try out a name or a NIK against it. Two callers who are shown different things have different tags.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import crypto
from backend.api.problems import PREFIX, Problem

PATTERN = r'^(\*|(W/)?"[\x21\x23-\x7e]*"( *, *(W/)?"[\x21\x23-\x7e]*")*)$'
TAG = '"5f1d3c0a9be24f6f8a77c1f0e2d4b6a8"'
_STATE = "perlinsos.tagged"
_REVALIDATE = {b"cache-control": b"private, no-cache", b"vary": b"Authorization"}
"""An answer may be kept by its caller, who asks each time whether it still holds; by nobody in between."""


def tag_of(content: bytes) -> str:
    """The strong tag of what is answered. JSON counts by its values."""
    with contextlib.suppress(orjson.JSONDecodeError):  # a picture counts by its bytes
        content = orjson.dumps(orjson.loads(content), option=orjson.OPT_SORT_KEYS)
    return f'"{crypto.ring().index("etag", sha256(content).hexdigest()).hex()[:32]}"'


def tag_for(shown: BaseModel) -> str:
    """The tag of a resource as its GET shows it."""
    return tag_of(shown.model_dump_json().encode())


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller has read before they act; empty when they do not say."""

    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tags)

    def check(self, shown: BaseModel) -> None:
        """Raises 412 when the resource, as this caller would be shown it now, is another than they have read."""
        if self.tags and "*" not in self.tags and tag_for(shown) not in self.tags:
            raise Problem(412, "precondition_failed", "It has changed since; read it again.")


def _expected(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="the `ETag` of what was read: nothing happens when it has changed since",
            pattern=PATTERN,
            max_length=1000,
            examples=[TAG],
        ),
    ] = None,
) -> Expected:
    request.scope[_STATE] = True
    return Expected(tuple(_tags(if_match or "")))


IfMatch = Annotated[Expected, Depends(_expected)]
"""For routes that change one resource and answer with it as its GET does: its tag comes along. One that answers with more
than the GET sets `ETag` to `tag_for` what that would show."""


class Conditional:
    """Around the application: tags what a GET answers, and says 304 where the caller has it already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_be_tagged(scope, message):
                start = message
                return
            if start is not None:
                begun, start = start, None
                if not message.get("more_body"):  # a stream is not held to be hashed
                    begun, message = _conditioned(scope, begun, message)
                await send(begun)
            await send(message)

        await self._app(scope, receive, tagged)


def _may_be_tagged(scope: Scope, start: Message) -> bool:
    if scope["method"] == "GET":
        return bool(start["status"] == 200)
    return bool(scope.get(_STATE)) and 200 <= start["status"] < 300


def _conditioned(scope: Scope, start: Message, body: Message) -> tuple[Message, Message]:
    headers: list[tuple[bytes, bytes]] = list(start["headers"])
    own = next((said for name, said in headers if name == b"etag"), None)
    tag = own.decode() if own is not None else tag_of(body["body"])
    if own is None:
        headers.append((b"etag", tag.encode()))
    if scope["method"] == "GET":
        named = {name for name, _ in headers}
        headers += [(name, said) for name, said in _REVALIDATE.items() if name not in named]
        known = [given.removeprefix("W/") for given in _tags(_header(scope, b"if-none-match"))]
        if tag in known or "*" in known:
            kept = [(name, said) for name, said in headers if name not in {b"content-length", b"content-type"}]
            return {**start, "status": 304, "headers": kept}, {**body, "body": b""}
    return {**start, "headers": headers}, body


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    return ",".join(said.decode("latin-1") for given, said in scope["headers"] if given == name)


def _tags(header: str) -> Iterable[str]:
    return (tag for tag in (part.strip() for part in header.split(",")) if tag)
