"""What the fake providers share: a real HTTP server in the test's own loop, and faults that a test can order."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
import uvicorn

from backend.gateways.http import HttpClient, HttpError

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0


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
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(status: int, data: Any) -> Answer:
    return Answer(status, orjson.dumps(data), {"content-type": "application/json"})


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` calls whose target matches. `processed`: the call has its effect all the same."""

    target: str
    answer: Answer | None = None
    delay: float = 0.0
    processed: bool = False
    times: int = 1
    chat: str | None = None


class Faults:
    """Faults in the order in which they were ordered."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def take(self, target: str, chat: str | None) -> Fault | None:
        for fault in self._faults:
            if fault.target == target and fault.chat in {None, chat}:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
        return None


class HttpServer:
    """A plain ASGI server on a free port of 127.0.0.1: no framework, so that hundreds of chats cost little."""

    def __init__(self, handle: Callable[[Request], Awaitable[Answer]]) -> None:
        self._handle = handle
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._asgi,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await self._server.ready.wait()

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        answer = await self._handle(Request(scope["method"], scope["path"], query, headers, body))
        raw = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        raw.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})


class _QuietServer(uvicorn.Server):
    """Leaves the test runner its signals, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
