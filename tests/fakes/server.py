"""What the fake providers share: a real HTTP server in the test's own loop, and faults that a test can order."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import httptools
import orjson

from backend.gateways.http import HttpClient, HttpError

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0
DRIPS = 10


_IDS = itertools.count(1)


def next_id() -> int:
    """A number never given before in this process: two fakes on one database must not repeat each other's ids."""
    return next(_IDS)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are lower-case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type", "").startswith("application/json")

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def basic_auth(self) -> tuple[str, str] | None:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user, password


@dataclass(frozen=True, slots=True)
class Answer:
    """`cut`: the connection is reset instead. `drip`: the body comes in pieces over so many seconds."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    drip: float = 0.0


CUT = Answer(0, cut=True)


def as_json(status: int, data: Any) -> Answer:
    return Answer(status, orjson.dumps(data), {"content-type": "application/json"})


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` calls whose target matches. `processed`: the call has its effect all the same."""

    target: str
    answer: Answer | None = None
    delay: float = 0.0
    drip: float = 0.0
    processed: bool = False
    times: int = 1
    chat: str | None = None


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that met a call about a chat, at a moment of the monotonic clock."""

    at: float
    chat: str | None
    fault: Fault


class Faults:
    """Faults in the order in which they were ordered; `struck` tells which of them came about."""

    def __init__(self) -> None:
        self.struck: list[Struck] = []
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def take(self, target: str, chat: str | None) -> Fault | None:
        for fault in self._faults:
            if fault.target == target and fault.chat in {None, chat}:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                self.struck.append(Struck(time.monotonic(), chat, fault))
                return fault
        return None


class HttpServer:
    """HTTP/1.1 on a free port of 127.0.0.1, in the test's own loop.

    On the bare parser: a server framework would cost more than the code under test, and a second to stop.
    """

    def __init__(self, handle: Callable[[Request], Awaitable[Answer]]) -> None:
        self._handle = handle
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        def connect() -> _Connection:
            return _Connection(self._handle, self._connections)

        self._server = await asyncio.get_running_loop().create_server(connect, sock=self._socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        self._socket.close()


class _Connection(asyncio.Protocol):
    """One kept-alive connection; requests on it come one after the other. The `on_…` names are the parser's."""

    def __init__(self, handle: Callable[[Request], Awaitable[Answer]], connections: set[_Connection]) -> None:
        self._handle = handle
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode().partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        method = self._parser.get_method().decode()
        task = asyncio.create_task(self._answer(Request(method, path, pairs, self._headers, b"".join(self._body))))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._handle(request)
        except Exception:
            self.close()  # the caller sees a broken connection at once; the loop reports the error
            raise
        if answer.cut:
            self._reset()
            return
        if self._transport.is_closing():
            return  # the caller has gone meanwhile
        head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status != HTTPStatus.NO_CONTENT:
            head.append(f"content-length: {len(answer.body)}")
        whole = "\r\n".join([*head, "", ""]).encode() + answer.body
        if answer.drip:
            whole = await self._drip(whole, answer.drip)
        self._transport.write(whole)

    def _reset(self) -> None:
        """As a peer that is gone: whatever was not read is thrown away."""
        if not self._transport.is_closing():
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _drip(self, whole: bytes, seconds: float) -> bytes:
        """Write all but the last piece, slowly; the last piece."""
        size = -(-len(whole) // DRIPS)
        for start in range(0, len(whole) - size, size):
            if self._transport.is_closing():
                return b""
            self._transport.write(whole[start : start + size])
            await asyncio.sleep(seconds / DRIPS)
        return whole[(len(whole) - 1) // size * size :]


class Poster:
    """Posts webhooks as the providers do: what is not answered with 2xx comes again, for `redeliver_for` seconds."""

    def __init__(self, redeliver_for: float) -> None:
        self._http = HttpClient()
        self._redeliver_for = redeliver_for

    async def close(self) -> None:
        await self._http.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The last answer. Status 0 when nobody was there."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._redeliver_for
        pause = FIRST_RETRY_S
        while True:
            try:
                response = await self._http.request("POST", url, content=body, headers=headers, timeout=15)
                answer = Answer(response.status, response.content, response.headers)
            except HttpError:
                answer = Answer(0)
            if 200 <= answer.status < 300 or loop.time() + pause > until:
                return answer
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_S)
