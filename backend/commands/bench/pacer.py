"""The paced load, in a process of its own: `python pacer.py URL UPDATES RATE SEEN`, with the secret in BENCH_SECRET.

Each line of UPDATES is posted at its moment, whether earlier ones were answered or not. SEEN gets one line an update:
when it was sent, when it was acknowledged (0: never), and how many seconds late it was sent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

PATIENCE_S = 30.0


class _Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way. The `on_…` names are the parser's."""

    def __init__(self, idle: list[_Connection], acknowledged: list[float]) -> None:
        self._idle = idle
        self._acknowledged = acknowledged
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self._parser = httptools.HttpResponseParser(self)

    @property
    def closed(self) -> bool:
        """The server ends connections that were idle for some seconds."""
        return self._transport.is_closing()

    def send(self, number: int, request: bytes) -> None:
        self._number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if 200 <= self._parser.get_status_code() < 300:
            self._acknowledged[self._number] = time.time()
        if self._parser.should_keep_alive():
            self._parser = httptools.HttpResponseParser(self)
            self._idle.append(self)


async def run(url: str, secret: str, updates: list[bytes], rate: float) -> list[str]:
    """Post them all and wait for the answers; one line each."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\nContent-Length: "
    ).encode()
    sent, acknowledged = [0.0] * len(updates), [0.0] * len(updates)
    late = [0.0] * len(updates)
    idle: list[_Connection] = []
    loop = asyncio.get_running_loop()

    async def connect() -> _Connection:
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        _, made = await loop.create_connection(lambda: _Connection(idle, acknowledged), host, port)
        return made

    idle.extend([await connect() for _ in range(32)])
    start = time.perf_counter()
    for number, body in enumerate(updates):
        wait = start + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        while idle and idle[-1].closed:
            idle.pop()
        connection = idle.pop() if idle else await connect()
        late[number] = max(0.0, time.perf_counter() - start - number / rate)
        sent[number] = time.time()
        connection.send(number, b"%s%d\r\n\r\n%s" % (head, len(body), body))
    last = loop.time() + PATIENCE_S
    while not all(acknowledged) and loop.time() < last:  # noqa: ASYNC110 - one event an answer would cost more
        await asyncio.sleep(0.05)
    return [f"{a:.6f} {b:.6f} {c:.6f}" for a, b, c in zip(sent, acknowledged, late, strict=True)]


def main(url: str, updates: str, rate: str, seen: str) -> None:
    lines = uvloop.run(run(url, os.environ["BENCH_SECRET"], Path(updates).read_bytes().splitlines(), float(rate)))
    Path(seen).write_text("\n".join(lines), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
