"""The one HTTP client of the service: pooled, asynchronous, with errors that say whether a repeat is safe.

Providers put tokens into their URLs (Telegram's bot token, one-hour media links), so no error raised here carries the
URL, and the transport's own exceptions, whose details quote it, are not chained.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import getproxies_environment

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    DecodeError,
    DetailedPyreqwestError,
    PoolTimeoutError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.multipart import FormBuilder, PartBuilder
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBuilder

DEFAULT_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
MAX_REDIRECTS = 5

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
# How the transport names the phase before any byte of the request left this machine. Its exception classes cannot be
# used for this: a peer that hangs up in the middle of an answer is a ConnectError there too (seen with 0.10).
_NOT_YET_SENT = "client error (Connect)"


class HttpError(Exception):
    """The call brought no usable response. `maybe_processed`: the other side may have acted on the request."""

    def __init__(self, message: str, *, maybe_processed: bool) -> None:
        super().__init__(message)
        self.maybe_processed = maybe_processed


class Unreachable(HttpError):
    """No connection, or it broke before the response was complete. Repeat freely only if not `maybe_processed`."""


class TimedOut(HttpError):
    """The deadline passed. Repeat freely only if not `maybe_processed`."""


class ResponseTooLarge(HttpError):
    """The response is larger than `max_bytes`; do not ask again."""


class BadRequest(HttpError):
    """The request could not be built (a malformed URL, a forbidden header, a redirect loop); do not repeat."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a multipart form."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. Header names are lower-case; a repeated header is joined with a comma and a space."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is not JSON."""
        return orjson.loads(self.content)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    multipart: Mapping[str, str | FilePart] | None
    auth: tuple[str, str] | None


class HttpClient:
    """A connection pool shared by all gateways and channels of a process. Close it, or use it with `async with`.

    `only_at` (name, address, port): this name is spoken to at this address and no other, whatever proxies there are.
    """

    def __init__(
        self,
        *,
        max_connections: int | None = 512,
        connect_timeout: float = CONNECT_TIMEOUT_S,
        only_at: tuple[str, str, int] | None = None,
    ) -> None:
        builder = _proxied(ClientBuilder()) if only_at is None else ClientBuilder().no_proxy().resolve(*only_at)
        self._client: Client = (
            builder.user_agent("perlinsos")
            .follow_redirects(False)  # done here: the transport would carry a caller's headers to another host
            .referer(False)
            .max_connections(max_connections)
            .connect_timeout(timedelta(seconds=connect_timeout))
            .build()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; calls under way fail."""
        await self._client.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        form: Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]] | None = None,
        multipart: Mapping[str, str | FilePart] | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,  # noqa: ASYNC109  the transport enforces it, connection phase included
        auth: tuple[str, str] | None = None,
        follow_redirects: bool = False,
        max_bytes: int | None = None,
    ) -> Response:
        """Send one request and read the whole response, whatever its status.

        `json`, `content`, `form` and `multipart` exclude each other. `timeout` is the deadline in seconds of each hop,
        reading the body included. `auth` is HTTP basic (user, password). Redirects are followed for GET and HEAD only;
        credentials stay with the origin they were given for, and https never falls back to http. `max_bytes` stops
        reading as soon as the (decompressed) body is larger. Raises a subclass of HttpError.
        """
        if sum(part is not None for part in (json, content, form, multipart)) > 1:
            raise BadRequest("more than one kind of body", maybe_processed=False)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            content = orjson.dumps(json)
            sent.setdefault("content-type", "application/json")
        elif form is not None:
            content = urlencode(form, doseq=True).encode()
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        call = _Call(method, url, sent, content, multipart, auth)
        if not (follow_redirects and method in {"GET", "HEAD"}):
            return await self._send(call, timeout, max_bytes)
        for _ in range(MAX_REDIRECTS):
            response = await self._send(call, timeout, max_bytes)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                return response
            call = _redirected(call, location)
        raise BadRequest("too many redirects", maybe_processed=True)

    async def _send(self, call: _Call, timeout_s: float, max_bytes: int | None) -> Response:
        try:
            builder = self._build(call).timeout(timedelta(seconds=timeout_s))
            if max_bytes is None:
                answer = await builder.build().send()
                return Response(answer.status, _flat(answer.headers.items()), (await answer.bytes()).to_bytes())
            return await _read_limited(builder, max_bytes)
        except PyreqwestError as error:
            failure = _translated(error)
        except ValueError:
            failure = BadRequest("the request could not be built", maybe_processed=False)
        # Raised here, not in the handlers: the original quotes the URL and would hang on as __context__.
        raise failure

    def _build(self, call: _Call) -> RequestBuilder:
        builder = self._client.request(call.method, call.url).headers(call.headers)
        if call.auth is not None:
            builder = builder.basic_auth(*call.auth)
        if call.body is not None:
            return builder.body_bytes(call.body)
        if call.multipart is None:
            return builder
        parts = FormBuilder()
        for name, value in call.multipart.items():
            if isinstance(value, str):
                parts = parts.text(name, value)
            else:
                part = PartBuilder.from_bytes(value.content).mime(value.content_type).file_name(value.filename)
                parts = parts.part(name, part)
        return builder.multipart(parts)


def _proxied(builder: ClientBuilder) -> ClientBuilder:
    """The proxies of the environment, as offices have them, but never for this machine itself: the sandbox is spoken to
    over HTTP, and a proxy elsewhere cannot reach it.
    """
    proxies = getproxies_environment()
    builder = builder.no_proxy()
    excluded = ",".join(filter(None, (proxies.pop("no", ""), "localhost,127.0.0.0/8,::1")))
    kinds = {"http": ProxyBuilder.http, "https": ProxyBuilder.https, "all": ProxyBuilder.all}
    for kind, make in kinds.items():
        if kind in proxies:
            builder = builder.proxy(make(proxies[kind]).no_proxy(excluded))
    return builder


async def _read_limited(builder: RequestBuilder, max_bytes: int) -> Response:
    async with builder.build_streamed() as answer:
        declared = answer.get_header("content-length") or ""
        if declared.isdigit() and int(declared) > max_bytes:
            raise ResponseTooLarge("the response is too large", maybe_processed=True)
        chunks: list[bytes] = []
        size = 0
        while (chunk := await answer.body_reader.read_chunk()) is not None:
            size += len(chunk)
            if size > max_bytes:
                raise ResponseTooLarge("the response is too large", maybe_processed=True)
            chunks.append(chunk.to_bytes())
        return Response(answer.status, _flat(answer.headers.items()), b"".join(chunks))


def _redirected(call: _Call, location: str) -> _Call:
    target = urljoin(call.url, location)
    before, after = urlsplit(call.url), urlsplit(target)
    if after.scheme not in {"http", "https"} or (before.scheme == "https" and after.scheme == "http"):
        raise BadRequest("redirected to an unsafe address", maybe_processed=True)
    if (before.scheme, before.netloc) == (after.scheme, after.netloc):
        return _Call(call.method, target, call.headers, call.body, None, call.auth)
    kept = {name: value for name, value in call.headers.items() if name not in _CREDENTIAL_HEADERS}
    return _Call(call.method, target, kept, call.body, None, None)


def _flat(items: Any) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in items:
        flat[name] = f"{flat[name]}, {value}" if name in flat else value
    return flat


def _translated(error: PyreqwestError) -> HttpError:
    causes = (error.details.get("causes") or []) if isinstance(error, DetailedPyreqwestError) else []
    unsent = isinstance(error, PoolTimeoutError) or any(_NOT_YET_SENT in cause["message"] for cause in causes)
    if isinstance(error, ValueError):
        return BadRequest("the request could not be built", maybe_processed=False)
    if isinstance(error, RequestTimeoutError):
        phase = "while connecting" if unsent else "while waiting for the response"
        # A deadline that passes before a slow connect ends looks like one that passes after it: assume the worse.
        return TimedOut(f"timed out {phase}", maybe_processed=not unsent)
    if isinstance(error, DecodeError):
        return Unreachable("the response broke off or was not HTTP", maybe_processed=True)
    return Unreachable("no connection" if unsent else "the connection broke", maybe_processed=not unsent)
