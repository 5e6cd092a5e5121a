"""The bus within one process: the embedded default."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from backend import metrics
from backend.bus import TOPICS, Buried, Hears, SetAside, Topic
from backend.bus.given_up import given_up
from backend.bus.later import Later
from backend.bus.retries import MOST_DELIVERIES, back_off

log = structlog.get_logger(__name__)


class MemoryBus:
    """An id that rings while it is being worked on rings again afterwards."""

    def __init__(self) -> None:
        self.on_given_up: SetAside | None = None
        self._waiting: dict[Topic, dict[int, None]] = {topic: {} for topic in TOPICS}
        self._taken: dict[Topic, set[int]] = {topic: set() for topic in TOPICS}
        self._rung: dict[Topic, asyncio.Event] = {topic: asyncio.Event() for topic in TOPICS}
        self._tries: dict[tuple[Topic, int], int] = {}
        self._heard: dict[str, set[asyncio.Queue[int]]] = {}
        self._later = Later(self._ring)
        self._stopping = False

    async def start(self) -> None:
        """Nobody to connect to."""

    async def ring(self, topic: Topic, ids: Iterable[int], delay: float = 0.0) -> None:
        known = tuple(ids)
        metrics.RINGS.labels(topic).inc(len(known))
        if delay <= 0:
            self._ring(topic, known)
        else:
            self._later.add(topic, known, delay)

    def _ring(self, topic: Topic, ids: Iterable[int]) -> None:
        self._waiting[topic].update(dict.fromkeys(ids))
        if self._waiting[topic]:
            self._rung[topic].set()

    async def take(self, topic: Topic, most: int) -> list[int]:
        waiting, taken = self._waiting[topic], self._taken[topic]
        while True:
            ids: list[int] = []
            if not self._stopping:
                for known in waiting:
                    if known not in taken:
                        ids.append(known)
                        if len(ids) == most:
                            break
            if ids:
                for known in ids:
                    del waiting[known]
                taken.update(ids)
                return ids
            self._rung[topic].clear()
            await self._rung[topic].wait()

    async def done(self, topic: Topic, ids: Iterable[int]) -> None:
        for known in ids:
            self._taken[topic].discard(known)
            if self._tries:
                self._tries.pop((topic, known), None)
        if self._waiting[topic]:
            self._rung[topic].set()

    async def again(self, topic: Topic, ids: Iterable[int], delay: float, reason: str = "") -> None:
        for known in ids:
            tries = self._tries.get((topic, known), 0) + 1
            self._taken[topic].discard(known)
            if tries < MOST_DELIVERIES:
                self._tries[topic, known] = tries
                await self.ring(topic, [known], back_off(delay, tries))
                continue
            self._tries.pop((topic, known), None)
            await given_up(self.on_given_up, topic, known, reason, tries)

    async def backlog(self, topic: Topic) -> int:
        return len(self._waiting[topic])

    async def first(self, what: str) -> bool:
        return True

    async def buried(self) -> list[Buried]:
        return []

    async def unbury(self, topic: Topic, known: int) -> None:
        """Nothing is remembered: the rows say it all."""

    async def tell(self, name: str, known: int) -> None:
        for queue in self._heard.get(name, ()):
            queue.put_nowait(known)

    @asynccontextmanager
    async def hear(self, name: str) -> AsyncIterator[Hears]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        self._heard.setdefault(name, set()).add(queue)
        try:
            yield queue
        finally:
            self._heard[name].discard(queue)
            if not self._heard[name]:
                del self._heard[name]

    async def connected(self, within: float) -> bool:
        return True

    async def health(self) -> str:
        return "ok"

    async def faults(self) -> list[str]:
        return []

    async def stop_taking(self) -> None:
        self._stopping = True

    async def close(self) -> None:
        self._later.close()
