"""The taking side of one topic: standing pull requests, the messages that they bring, and who holds which id.

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
from backend.bus.layout import APART, CONSUMER, stream
from backend.bus.retries import MOST_DELIVERIES, TRIED_TOGETHER, back_off

log = structlog.get_logger(__name__)

SECOND = 1_000_000_000
REQUEST_LASTS = 60.0
HEARTBEAT = 10.0
SILENT_FOR = 25.0
"""After so many seconds without a message or heartbeat a request is taken for lost."""


@dataclass(slots=True, eq=False)
class Ring:
    """One message in hand: acknowledged when none of its ids is open any more. `tries` are its deliveries so far."""

    message: Msg
    sequence: int
    apart: bool
    tries: int
    ids: tuple[int, ...]
    open: set[int]
    delay: float | None = None
    reason: str = ""


class Request:
    """The standing pull request at one consumer. `owed`: how many messages it may still bring."""

    def __init__(self, topic: Topic, consumer: str) -> None:
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream(topic)}.{consumer}"
        self._consumer = consumer
        self._number = 0
        self.owed = 0
        self._heard_at = 0.0

    async def send(self, client: Client, inbox: str, messages: int) -> None:
        """Unless one is under way."""
        if self.owed > 0 or not client.is_connected:
            return
        self.owed = messages
        self._number += 1
        self.heard()
        wanted = {
            "batch": messages,
            "expires": int(REQUEST_LASTS * SECOND),
            "idle_heartbeat": int(HEARTBEAT * SECOND),
        }
        await client.publish(self._subject, orjson.dumps(wanted), reply=f"{inbox}.{self._consumer}.{self._number}")

    def heard(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()

    def lost_if_silent(self) -> None:
        if asyncio.get_running_loop().time() - self._heard_at > SILENT_FOR:
            self.owed = 0

    def answers_to(self, where: str) -> bool:
        return where.endswith(f".{self._consumer}.{self._number}")


class Puller:
    """`set_apart` sends the ids of a ring on their own, `bury` gives one up; both before the message is acknowledged."""

    def __init__(
        self,
        topic: Topic,
        set_apart: Callable[[Topic, Ring], Awaitable[None]],
        bury: Callable[[Topic, Ring], Awaitable[None]],
        lost: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._set_apart = set_apart
        self._bury = bury
        self._lost = lost
        self._requests = {CONSUMER: Request(topic, CONSUMER), APART: Request(topic, APART)}
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._mean = 1.0
        self._waiting: dict[int, list[Ring]] = {}
        self._apart: dict[int, list[Ring]] = {}
        self._taken: dict[int, list[Ring]] = {}
        self._apart_in_hand = 0
        self._changed = asyncio.Event()
        self._stopping = False

    async def connect(self, client: Client) -> None:
        """Take from this connection from now on. What the last one brought will be brought again."""
        self.forget()
        self._client = client
        self._inbox = client.new_inbox()
        self._subscription = await client.subscribe(f"{self._inbox}.*.*", cb=self._arrived)
        self._changed.set()

    def forget(self) -> None:
        """The connection is gone for good: nothing that it brought can be acknowledged."""
        self._client = None
        self._subscription = None
        for shelf in (self._waiting, self._apart, self._taken):
            shelf.clear()
        self._apart_in_hand = 0
        self.ask_anew()

    def ask_anew(self) -> None:
        """The requests are over, or the server has forgotten them."""
        for request in self._requests.values():
            request.owed = 0
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
                for request in self._requests.values():
                    request.lost_if_silent()

    def _pick(self, most: int) -> list[int]:
        for known in self._apart:
            if known not in self._taken:
                self._taken[known] = self._apart.pop(known)
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
        """For about as many messages as hold `most` ids; of those that have failed before, for the next one only."""
        if self._client is None or self._stopping:
            return
        await self._requests[CONSUMER].send(self._client, self._inbox, max(1, min(most, int(most / self._mean))))
        if not self._apart_in_hand:
            await self._requests[APART].send(self._client, self._inbox, 1)

    async def _arrived(self, message: Msg) -> None:
        if not message.reply:
            self._told(message)
            return
        about = message.metadata
        apart = about.consumer == APART
        request = self._requests[about.consumer]
        request.heard()
        request.owed = max(request.owed - 1, 0)
        try:
            ids = tuple(int(known) for known in orjson.loads(message.data))
        except (ValueError, TypeError):
            log.error("ring_unreadable", topic=self._topic, sequence=about.sequence.stream)
            await message.term()
            return
        tries = about.num_delivered + (TRIED_TOGETHER if apart else 0)
        ring = Ring(message, about.sequence.stream, apart, tries, ids, set(ids))
        if tries > MOST_DELIVERIES and apart:
            ring.reason = "not finished: whoever took it died or hung"
            await self._bury(self._topic, ring)
        elif tries > TRIED_TOGETHER and not apart:
            await self._set_apart(self._topic, ring)
        else:
            if apart:
                self._apart_in_hand += 1
            else:
                self._mean += (len(ids) - self._mean) * 0.1
            shelf = self._apart if apart else self._waiting
            for known in ids:
                shelf.setdefault(known, []).append(ring)
            self._changed.set()

    def _told(self, message: Msg) -> None:
        """The end of a request, or a sign of life of it."""
        status = (message.headers or {}).get("Status", "")
        request = next((one for one in self._requests.values() if one.answers_to(message.subject)), None)
        if request is None:
            return
        request.heard()
        if status == "100":
            return
        if status == "408":  # it has lasted its time
            request.owed = 0
            self._changed.set()
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
        if self._waiting or self._apart:
            self._changed.set()

    async def _close(self, ring: Ring) -> None:
        if ring.apart:
            self._apart_in_hand -= 1
            self._changed.set()  # the next one may be asked for
        if ring.delay is None:
            await ring.message.ack()
        elif ring.apart and ring.tries >= MOST_DELIVERIES:
            await self._bury(self._topic, ring)
        else:
            await ring.message.nak(back_off(ring.delay, ring.tries))

    def held(self) -> list[Ring]:
        """Every message that is not acknowledged yet."""
        shelves = (self._waiting, self._apart, self._taken)
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
        for shelf in (self._waiting, self._apart):
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
