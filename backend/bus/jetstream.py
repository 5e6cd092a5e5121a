"""The bus between processes and machines, on NATS JetStream.

A ring of many ids is one message of a work queue; it is acknowledged when all of its ids are done. The rows stay the truth:
whatever is lost here, the sweep finds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import nats.errors
import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from nats.nuid import NUID

from backend import metrics
from backend.bus import TOPICS, Buried, Hears, SetAside, Topic, letters
from backend.bus.given_up import given_up
from backend.bus.later import Later
from backend.bus.layout import ACK_WITHIN, CONSUMER, DEAD, apart, faults, prepare, stream
from backend.bus.publish import Publisher, deliver, publish
from backend.bus.pull import Puller, Ring

log = structlog.get_logger(__name__)

CONNECTED_WITHIN = 5
LOOKED_AT_WITHIN = 2.0
FLUSHED_WITHIN = 3.0
FAULTS = (nats.errors.Error, JetStreamError, OSError, TimeoutError)


class JetStreamBus:
    """`servers` are URLs of one cluster, with a user and password or a token in them where it asks for one."""

    def __init__(
        self, servers: list[str], *, replicas: int = 1, name: str = "perlinsos", ack_within: float = ACK_WITHIN
    ) -> None:
        self.on_given_up: SetAside | None = None
        self._servers = servers
        self._replicas = replicas
        self._name = name
        self._ack_within = ack_within
        self._names = NUID()
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._first: KeyValue | None = None
        self._later = Later(self._ring)
        self._publishers = {t: Publisher(t, lambda: self._js, self._lost, self._names) for t in TOPICS}
        self._pullers = {t: Puller(t, self._set_apart, self._bury, self._lost) for t in TOPICS}
        self._pulling: set[Topic] = set()
        self._closing = False
        self._over = asyncio.Event()
        self._missing = asyncio.Event()
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        works = [self._stay_connected(), self._hold(), *(publisher.run() for publisher in self._publishers.values())]
        self._tasks = [asyncio.create_task(work) for work in works]

    async def ring(self, topic: Topic, ids: Iterable[int], delay: float = 0.0) -> None:
        known = tuple(ids)
        metrics.RINGS.labels(topic).inc(len(known))
        if delay <= 0:
            self._publishers[topic].put(known)
        else:
            self._later.add(topic, known, delay)

    def _ring(self, topic: Topic, ids: list[int]) -> None:
        self._publishers[topic].put(ids)

    async def take(self, topic: Topic, most: int) -> list[int]:
        if topic not in self._pulling:
            self._pulling.add(topic)
            if self._client is not None and self._js is not None:
                await self._pullers[topic].connect(self._client)
        return await self._pullers[topic].take(most)

    async def done(self, topic: Topic, ids: Iterable[int]) -> None:
        with contextlib.suppress(*FAULTS):  # not acknowledged: it comes again, and finds nothing to do
            await self._pullers[topic].finish(ids)

    async def again(self, topic: Topic, ids: Iterable[int], delay: float, reason: str = "") -> None:
        with contextlib.suppress(*FAULTS):
            await self._pullers[topic].finish(ids, delay, reason)

    async def backlog(self, topic: Topic) -> int:
        if self._js is None:
            raise nats.errors.ConnectionClosedError
        found = await self._js.consumer_info(stream(topic), CONSUMER, timeout=LOOKED_AT_WITHIN)
        return found.num_pending or 0

    async def first(self, what: str) -> bool:
        if self._first is None:
            return False
        try:
            await self._first.create(what, b"")
        except KeyWrongLastSequenceError:
            return False
        except FAULTS as error:
            log.warning("bus_gave_no_answer", cause=type(error).__name__)
            return False
        return True

    async def connected(self, within: float) -> bool:
        """Whether the streams can be used, now or within so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), within)
        return self._ready.is_set()

    async def buried(self) -> list[Buried]:
        return [] if self._js is None else await letters.read(self._js)

    async def unbury(self, topic: Topic, known: int) -> None:
        if self._js is not None:
            await self._js.purge_stream(DEAD, subject=letters.subject(topic, known))

    async def tell(self, name: str, known: int) -> None:
        if self._client is not None:
            with contextlib.suppress(*FAULTS):
                await self._client.publish(f"perlinsos.told.{name}", str(known).encode())

    @asynccontextmanager
    async def hear(self, name: str) -> AsyncIterator[Hears]:
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def told(message: Msg) -> None:
            queue.put_nowait(int(message.data))

        if self._client is None:
            yield queue
            return
        subscription = await self._client.subscribe(f"perlinsos.told.{name}", cb=told)
        try:
            yield queue
        finally:
            with contextlib.suppress(*FAULTS):
                await subscription.unsubscribe()

    async def health(self) -> str:
        """Connected, and every stream and consumer is there."""
        if self._client is None or not self._client.is_connected:
            return "no connection"
        if self._js is None:
            return "streams are missing"
        try:
            async with asyncio.timeout(LOOKED_AT_WITHIN):
                await asyncio.gather(*(self.backlog(topic) for topic in TOPICS))
        except FAULTS as error:
            return type(error).__name__
        return "ok"

    async def faults(self) -> list[str]:
        return await faults(self._js, self._replicas) if self._js is not None else []

    async def stop_taking(self) -> None:
        for puller in self._pullers.values():
            with contextlib.suppress(*FAULTS):
                await puller.stop_taking()

    async def close(self) -> None:
        self._closing = True
        self._later.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSHED_WITHIN):
                for publisher in self._publishers.values():
                    await publisher.flushed()
        for puller in self._pullers.values():
            with contextlib.suppress(*FAULTS):
                await puller.hand_back()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            with contextlib.suppress(*FAULTS):
                await self._client.close()

    async def _stay_connected(self) -> None:
        """Connect and prepare; the client reconnects by itself. Once it has given up for good, begin anew."""
        while True:
            self._over.clear()
            client = Client()
            try:
                await client.connect(
                    servers=self._servers,
                    name=self._name,
                    connect_timeout=CONNECTED_WITHIN,
                    reconnect_time_wait=1,
                    max_reconnect_attempts=-1,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    allow_reconnect=True,
                    error_cb=_fault,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    closed_cb=self._closed,
                )
                self._client = client
                await self._prepare()
                while not self._over.is_set():
                    await self._watch()
            except FAULTS as error:
                log.error("bus_not_connected", cause=type(error).__name__)
            finally:
                self._client = self._js = None
                self._ready.clear()
                await client.close()
            await asyncio.sleep(1.0)

    async def _watch(self) -> None:
        """Wait for the end of the connection, or for word that a stream is missing: then make it anew."""
        waits = [asyncio.create_task(self._over.wait()), asyncio.create_task(self._missing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._missing.is_set() and not self._over.is_set():
            await self._prepare()

    async def _prepare(self) -> None:
        """As soon as the cluster can: at its start it has no leader for a while."""
        while self._client is not None and not self._over.is_set():
            self._missing.clear()
            js = self._client.jetstream()
            try:
                self._first = await prepare(js, self._replicas, self._ack_within)
            except FAULTS as error:
                log.warning("bus_not_prepared", cause=type(error).__name__, why=str(getattr(error, "description", "")))
                await asyncio.sleep(1.0)
                continue
            again = self._js is not None
            self._js = js
            self._ready.set()
            for topic in self._pulling:
                if again:
                    self._pullers[topic].ask_anew()
                else:
                    await self._pullers[topic].connect(self._client)
            return

    def _lost(self) -> None:
        self._missing.set()

    async def _disconnected(self) -> None:
        if not self._closing:
            log.warning("bus_disconnected")

    async def _reconnected(self) -> None:
        log.info("bus_reconnected")
        for puller in self._pullers.values():
            puller.ask_anew()

    async def _closed(self) -> None:
        self._over.set()

    async def _hold(self) -> None:
        """While this loop turns, what is in hand is being worked on. A process that hangs falls silent."""
        while True:
            await asyncio.sleep(self._ack_within / 3)
            for puller in self._pullers.values():
                with contextlib.suppress(*FAULTS):
                    await puller.hold()

    async def _set_apart(self, topic: Topic, ring: Ring) -> None:
        """Each id as a ring of its own; the names keep a second try from doubling them."""
        once, where = f"{stream(topic)}-{ring.sequence}", apart(topic)
        sent = await asyncio.gather(
            *(publish(self._js, where, orjson.dumps([known]), f"{once}-{known}", self._lost) for known in ring.ids)
        )
        if all(sent):
            await ring.message.ack()

    async def _bury(self, topic: Topic, ring: Ring) -> None:
        """Into the dead letters; then whoever looks after the rows hears of it.

        In this order: who dies in between leaves the row as it was, and the sweep rings for it. The other way round its
        next try would set aside the row after it, which has done no harm.
        """
        for known in ring.ids:
            letter = letters.write(topic, known, ring.reason, ring.tries)
            once = f"dead-{stream(topic)}-{ring.sequence}-{known}"
            await deliver(lambda: self._js, letters.subject(topic, known), letter, once, self._lost)
        await ring.message.term()
        for known in ring.ids:
            await given_up(self.on_given_up, topic, known, ring.reason, ring.tries)


async def _fault(error: Exception) -> None:
    """The library would print it, with whatever it says of the server."""
    log.warning("bus_fault", cause=type(error).__name__)
