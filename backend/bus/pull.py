"""The taking side of one topic: a standing pull request, the messages that it brings, and who holds which id.

The library's `fetch` of more than one message waits for the last of them; this hands out what has come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from backend.bus import Topic
from backend.bus.layout import CONSUMER, stream
from backend.bus.retries import MOST_DELIVERIES, back_off

log = structlog.get_logger(__name__)

SECOND = 1_000_000_000
REQUEST_LASTS = 60.0
HEARTBEAT = 10.0
SILENT_FOR = 25.0
"""After so many seconds without a message or heartbeat the request is taken for lost."""
TRIED_TOGETHER = 2
"""Deliveries of a ring of many ids before each goes its own way: one of them may be what nobody survives."""


@dataclass(slots=True, eq=False)
class Ring:
    """One message in hand: acknowledged when none of its ids is open any more."""

    message: Msg
    sequence: int
    tries: int
    ids: tuple[int, ...]
    open: set[int]
    delay: float | None = None
    reason: str = ""


class Puller:
    """`split` sends the ids of a ring on their own, `bury` gives one up; both before the message is acknowledged."""

    def __init__(
        self,
        topic: Topic,
        split: Callable[[Topic, Ring], Awaitable[None]],
        bury: Callable[[Topic, Ring], Awaitable[None]],
        lost: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._split = split
        self._bury = bury
        self._lost = lost
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream(topic)}.{CONSUMER}"
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._number = 0
        self._asked = 0
        self._heard_at = 0.0
        self._mean = 1.0
        self._waiting: dict[int, list[Ring]] = {}
        self._alone: dict[int, list[Ring]] = {}
        self._taken: dict[int, list[Ring]] = {}
        self._changed = asyncio.Event()
        self._stopping = False

    async def connect(self, client: Client) -> None:
        """Take from this connection from now on. What the last one brought will be brought again."""
        self.forget()
        self._client = client
        self._inbox = client.new_inbox()
        self._subscription = await client.subscribe(f"{self._inbox}.*", cb=self._arrived)
        self._changed.set()

    def forget(self) -> None:
        """The connection is gone for good: nothing that it brought can be acknowledged."""
        self._client = None
        self._subscription = None
        self._asked = 0
        self._waiting.clear()
        self._alone.clear()
        self._taken.clear()

    def ask_anew(self) -> None:
        """The request is over, or the server has forgotten it."""
        self._asked = 0
        self._changed.set()

    async def take(self, most: int) -> list[int]:
        while True:
            ids = [] if self._stopping else self._pick(most)
            if ids:
                return ids
            self._changed.clear()
            await self._ask(most)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._changed.wait()
            except TimeoutError:
                if asyncio.get_running_loop().time() - self._heard_at > SILENT_FOR:
                    self._asked = 0

    def _pick(self, most: int) -> list[int]:
        for known in self._alone:
            if known not in self._taken:
                self._taken[known] = self._alone.pop(known)
                return [known]
        ids: list[int] = []
        for known in self._waiting:
            if known not in self._taken:
                ids.append(known)
                if len(ids) == most:
                    break
        for known in ids:
            self._taken[known] = self._waiting.pop(known)
        return ids

    async def _ask(self, most: int) -> None:
        """A request for about as many messages as hold `most` ids, unless one is under way."""
        client = self._client
        if client is None or self._asked > 0 or self._stopping or not client.is_connected:
            return
        self._asked = max(1, min(most, int(most / self._mean)))
        self._number += 1
        self._heard_at = asyncio.get_running_loop().time()
        request = {
            "batch": self._asked,
            "expires": int(REQUEST_LASTS * SECOND),
            "idle_heartbeat": int(HEARTBEAT * SECOND),
        }
        await client.publish(self._next, orjson.dumps(request), reply=f"{self._inbox}.{self._number}")

    async def _arrived(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if not message.reply:
            self._told(message)
            return
        self._asked = max(self._asked - 1, 0)
        about = message.metadata
        try:
            ids = tuple(int(known) for known in orjson.loads(message.data))
        except (ValueError, TypeError):
            log.error("ring_unreadable", topic=self._topic, sequence=about.sequence.stream)
            await message.term()
            return
        ring = Ring(message, about.sequence.stream, about.num_delivered, ids, set(ids))
        self._mean += (len(ids) - self._mean) * 0.1
        if ring.tries > TRIED_TOGETHER and len(ids) > 1:
            await self._split(self._topic, ring)
        elif ring.tries > MOST_DELIVERIES:
            ring.reason = "not finished: whoever took it died or hung"
            await self._bury(self._topic, ring)
        else:
            shelf = self._alone if ring.tries > 1 and len(ids) == 1 else self._waiting
            for known in ids:
                shelf.setdefault(known, []).append(ring)
            self._changed.set()

    def _told(self, message: Msg) -> None:
        """The end of a request, or a sign of life of it."""
        status = (message.headers or {}).get("Status", "")
        if status == "100" or not message.subject.endswith(f".{self._number}"):
            return
        if status == "408":  # it has lasted its time
            self.ask_anew()
            return
        # Anything else (no such consumer, a new leader, too many requests) is asked again a moment later.
        asyncio.get_running_loop().call_later(1.0, self.ask_anew)
        if status in {"503", "404"}:
            self._lost()

    async def finish(self, ids: Iterable[int], delay: float | None = None, reason: str = "") -> None:
        """Close these ids; with a delay their messages come again."""
        for known in ids:
            for ring in self._taken.pop(known, ()):
                if delay is not None:
                    ring.delay = max(delay, ring.delay or 0.0)
                    ring.reason = reason
                ring.open.discard(known)
                if not ring.open:
                    await self._close(ring)
        if self._waiting or self._alone:
            self._changed.set()

    async def _close(self, ring: Ring) -> None:
        if ring.delay is None:
            await ring.message.ack()
        elif ring.tries >= MOST_DELIVERIES and len(ring.ids) == 1:
            await self._bury(self._topic, ring)
        else:
            await ring.message.nak(back_off(ring.delay, ring.tries))

    def held(self) -> list[Ring]:
        """Every message that is not acknowledged yet."""
        shelves = (self._waiting, self._alone, self._taken)
        return list({id(ring): ring for shelf in shelves for rings in shelf.values() for ring in rings}.values())

    async def hold(self) -> None:
        """Tell the server that what is in hand is being worked on."""
        for ring in self.held():
            await ring.message.in_progress()

    async def stop_taking(self) -> None:
        """Ask for nothing more, and hand back what nobody has taken."""
        self._stopping = True
        if self._subscription is not None and self._client is not None and self._client.is_connected:
            await self._subscription.drain()  # type: ignore[no-untyped-call]
        for shelf in (self._waiting, self._alone):
            for known in list(shelf):
                for ring in shelf.pop(known):
                    ring.delay = ring.delay or 0.0
                    ring.open.discard(known)
                    if not ring.open:
                        await ring.message.nak()

    async def hand_back(self) -> None:
        """Whatever is still in hand, at once."""
        for ring in self.held():
            await ring.message.nak()
        self.forget()
