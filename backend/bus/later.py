"""Rings that are due later, kept by the process that wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from backend.bus import Topic

TICK = 0.02
HORIZON = 90.0
"""What is due later than this many seconds is left to the sweep: a million waiting timers are a column, not memory."""


class Later:
    """Calls `ring` with the ids of one topic that are due within the same fiftieth of a second, all at once."""

    def __init__(self, ring: Callable[[Topic, list[int]], None]) -> None:
        self._ring = ring
        self._due: dict[tuple[Topic, int], list[int]] = {}
        self._handles: dict[tuple[Topic, int], asyncio.TimerHandle] = {}

    def add(self, topic: Topic, ids: Iterable[int], delay: float) -> None:
        if delay > HORIZON:
            return
        loop = asyncio.get_running_loop()
        tick = int((loop.time() + delay) / TICK) + 1
        key = topic, tick
        if key in self._due:
            self._due[key].extend(ids)
            return
        self._due[key] = list(ids)
        self._handles[key] = loop.call_at(tick * TICK, self._now_due, key)

    def _now_due(self, key: tuple[Topic, int]) -> None:
        del self._handles[key]
        self._ring(key[0], self._due.pop(key))

    def close(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        self._due.clear()
