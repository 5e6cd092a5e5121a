"""Outgoing webhooks: one POST to an address that a subscriber has named, and that may not be one of our own network."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from backend.domain.webhooks import may_reach, url_fault
from backend.gateways.http import HttpClient, HttpError, ResponseTooLarge, TimedOut

TIMEOUT_S = 10.0
RESOLVE_S = 5.0
MOST_BYTES = 64_000
MOST_CLIENTS = 64


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: `status`, or the `cause` why nothing did. `after`: seconds, when the other side has named them."""

    status: int | None
    cause: str | None
    milliseconds: int
    after: float | None = None


class WebhookGateway:
    """`loopback`: this machine itself may be spoken to (the sandbox)."""

    def __init__(self, *, loopback: bool) -> None:
        self._loopback = loopback
        self._clients: OrderedDict[tuple[str, str, int], HttpClient] = OrderedDict()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Send it once. The name is looked up here, and the connection goes to the very address that was judged: what the
        name means a moment later does not count. No redirect is followed, no proxy asked."""
        started = time.monotonic()

        def took() -> int:
            return round((time.monotonic() - started) * 1000)

        fault = url_fault(url, loopback=self._loopback)
        if fault:
            return Answered(None, "address_not_allowed", took())
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            address = await asyncio.wait_for(self._address(host, port), RESOLVE_S)
        except (OSError, TimeoutError, UnicodeError):
            return Answered(None, "name_not_found", took())
        if not address:
            return Answered(None, "address_not_allowed", took())
        client = self._client(host, address, port)
        try:
            answer = await client.request(
                "POST", url, headers=headers, content=body, timeout=TIMEOUT_S, max_bytes=MOST_BYTES
            )
        except ResponseTooLarge:
            return Answered(None, "answer_too_large", took())
        except TimedOut:
            return Answered(None, "timed_out", took())
        except HttpError:
            return Answered(None, "no_connection", took())
        after = answer.headers.get("retry-after", "")
        cause = None if answer.ok else f"http_{answer.status}"
        return Answered(answer.status, cause, took(), float(after) if after.isdigit() else None)

    async def _address(self, host: str, port: int) -> str:
        """Where the name lies; empty when one of its addresses may not be reached: then none of them is trusted."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(where[0]).partition("%")[0]) for *_, where in found]
        if not addresses or not all(may_reach(address, loopback=self._loopback) for address in addresses):
            return ""
        return str(min(addresses, key=lambda address: address.version))

    def _client(self, host: str, address: str, port: int) -> HttpClient:
        key = (host, address, port)
        if key not in self._clients:
            # A client takes 25 ms to make; the one that was not used for the longest time ends with its last call.
            while len(self._clients) >= MOST_CLIENTS:
                self._clients.popitem(last=False)
            self._clients[key] = HttpClient(max_connections=8, only_at=key)
        self._clients.move_to_end(key)
        return self._clients[key]

    async def close(self) -> None:
        """Close every connection."""
        while self._clients:
            await self._clients.popitem()[1].close()
