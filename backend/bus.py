"""The doorbell: ids of rows that wait, never the rows. A lost ring is found by the sweep, a doubled one is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal, Protocol

Topic = Literal["turns", "sends", "jobs"]
TOPICS: tuple[Topic, ...] = ("turns", "sends", "jobs")


class Bus(Protocol):
    """`ring` says that these rows wait; `take` waits for rings and hands out at most `most` different ids.

    What is taken is finished with `done`, or given back with `again`, to ring once more after `delay` seconds.
    """

    async def ring(self, topic: Topic, ids: Iterable[int], delay: float = 0.0) -> None: ...

    async def take(self, topic: Topic, most: int) -> list[int]: ...

    async def done(self, topic: Topic, ids: Iterable[int]) -> None: ...

    async def again(self, topic: Topic, ids: Iterable[int], delay: float) -> None: ...

    async def close(self) -> None: ...


class MemoryBus:
    """The embedded default, within one process. An id that rings while it is being worked on rings again afterwards."""

    def __init__(self) -> None:
        self._waiting: dict[Topic, dict[int, None]] = {topic: {} for topic in TOPICS}
        self._taken: dict[Topic, set[int]] = {topic: set() for topic in TOPICS}
        self._rung: dict[Topic, asyncio.Event] = {topic: asyncio.Event() for topic in TOPICS}
        self._timers: set[asyncio.TimerHandle] = set()

    async def ring(self, topic: Topic, ids: Iterable[int], delay: float = 0.0) -> None:
        if delay <= 0:
            self._ring(topic, tuple(ids))
            return
        loop = asyncio.get_running_loop()
        later = tuple(ids)

        def due() -> None:
            self._timers.discard(handle)
            self._ring(topic, later)

        handle = loop.call_later(delay, due)
        self._timers.add(handle)

    def _ring(self, topic: Topic, ids: tuple[int, ...]) -> None:
        self._waiting[topic].update(dict.fromkeys(ids))
        if ids:
            self._rung[topic].set()

    async def take(self, topic: Topic, most: int) -> list[int]:
        waiting, taken = self._waiting[topic], self._taken[topic]
        while True:
            ids: list[int] = []
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
        self._taken[topic].difference_update(ids)
        if self._waiting[topic]:
            self._rung[topic].set()

    async def again(self, topic: Topic, ids: Iterable[int], delay: float) -> None:
        returned = tuple(ids)
        await self.done(topic, returned)
        await self.ring(topic, returned, delay)

    async def close(self) -> None:
        for handle in self._timers:
            handle.cancel()
        self._timers.clear()
