"""Group commit: what arrives while one transaction is under way goes into the next, all of it together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")
GATHERS_S = 0.008


class Grouped(Generic[T]):
    """`add` returns once `flush` has committed a list that holds the item, or raises what that flush raised.

    It costs no delay when it is quiet and makes larger groups the busier it is; at most `most` items a group. Between two
    flushes lies a moment in which the next group gathers: a transaction for one costs as much as one for many.
    """

    def __init__(self, flush: Callable[[list[T]], Awaitable[None]], most: int) -> None:
        self._flush = flush
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def add(self, item: T) -> None:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._flushing is None or self._flushing.done():
            # A context of its own: what is logged and counted for a group is not the business of who came first.
            self._flushing = asyncio.create_task(self._run(), context=Context())
        await written

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            if (pause := self._not_before - clock()) > 0 and len(self._waiting) < self._most:
                await asyncio.sleep(pause)
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
            try:
                await self._flush([item for item, _ in group])
            except Exception as error:  # whatever it was, everybody who waits for it must hear of it
                for _, written in group:
                    if not written.done():
                        written.set_exception(error)
            else:
                for _, written in group:
                    if not written.done():
                        written.set_result(None)
            self._not_before = clock() + GATHERS_S
