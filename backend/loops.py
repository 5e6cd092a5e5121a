"""The loops that take from the bus and work: a batch at a time, to its end, whatever happens around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from backend.bus import Bus, Topic
from backend.db import is_outage

log = structlog.get_logger(__name__)

BATCH_MAY_TAKE = 60.0
"""Seconds after which a batch counts as hanging: it is cancelled and comes again."""
FIRST_BACK_OFF = 1.0
OUTAGE_PAUSE = 1.0

Run = Callable[[Sequence[int]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Duty:
    """`times` loops that take at most `most` ids of a topic and `run` them."""

    topic: Topic
    most: int
    run: Run
    times: int = 1


class Loops:
    """`start`, and at the end `stop`. Once `stopping` is set nothing more is taken; the batches in hand are finished."""

    def __init__(self, bus: Bus, duties: Sequence[Duty], stopping: asyncio.Event) -> None:
        self._bus = bus
        self._duties = duties
        self._stopping = stopping
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._loop(duty)) for duty in self._duties for _ in range(duty.times)]

    async def stop(self, within: float) -> None:
        """What does not come to its end within these seconds is given back to the bus, and comes again."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _loop(self, duty: Duty) -> None:
        stop = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                take = asyncio.create_task(self._bus.take(duty.topic, duty.most))
                try:
                    await asyncio.wait({take, stop}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not take.done():
                        take.cancel()
                if take.done() and not take.cancelled():
                    await self._work(duty, take.result())
        finally:
            stop.cancel()

    async def _work(self, duty: Duty, ids: Sequence[int]) -> None:
        """Run a batch; one that fails is run one by one, so that one id's fault is nobody else's."""
        error = await self._run(duty, ids)
        if error is None:
            await self._bus.done(duty.topic, ids)
        elif len(ids) == 1 or self._stopping.is_set():
            await self._bus.again(duty.topic, ids, FIRST_BACK_OFF, type(error).__name__)
        else:
            for known in ids:
                await self._work(duty, [known])

    async def _run(self, duty: Duty, ids: Sequence[int]) -> Exception | None:
        """What the batch failed with. While the database is away it is nobody's fault: the batch waits for it."""
        while True:
            try:
                async with asyncio.timeout(BATCH_MAY_TAKE):
                    await duty.run(ids)
            except Exception as error:  # the loop outlives whatever one batch met
                if is_outage(error) and not self._stopping.is_set():
                    log.warning("database_away", topic=duty.topic, size=len(ids), cause=type(error).__name__)
                    await asyncio.sleep(OUTAGE_PAUSE)
                    continue
                log.error("batch_failed", topic=duty.topic, size=len(ids), cause=type(error).__name__)
                return error
            return None
