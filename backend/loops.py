"""The loops that take from the bus and work: a batch at a time, to its end, whatever happens around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from backend.bus import Bus, Topic
from backend.db import is_outage

log = structlog.get_logger(__name__)

GATHERS_S = 0.02

BATCH_MAY_TAKE = 60.0
"""Seconds after which a batch counts as hanging: it is cancelled and comes again."""
FIRST_BACK_OFF = 1.0
OUTAGE_PAUSE = 1.0

Run = Callable[[Sequence[int]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Duty:
    """What is done with a topic's ids. In batches: `times` loops take at most `most` ids each and `run` them together.
    With `apart`, each id on its own as soon as it comes, at most `most` at a time. `may_take`: seconds until one hangs."""

    topic: Topic
    most: int
    run: Run
    times: int = 1
    apart: bool = False
    may_take: float = BATCH_MAY_TAKE


class Loops:
    """`start`, and at the end `stop`. Once `stopping` is set nothing more is taken; what is in hand is finished."""

    def __init__(self, bus: Bus, duties: Sequence[Duty], stopping: asyncio.Event) -> None:
        self._bus = bus
        self._duties = duties
        self._stopping = stopping
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._apart(duty) if duty.apart else self._in_batches(duty))
            for duty in self._duties
            for _ in range(duty.times)
        ]

    async def stop(self, within: float) -> None:
        """What does not come to its end within these seconds is cancelled; the bus then gives it to others."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_batches(self, duty: Duty) -> None:
        while ids := await self._take(duty.topic, duty.most):
            await self._work(duty, ids)
            if len(ids) < duty.most:
                # A moment in which the next batch gathers: one for a single id costs as much as one for ten.
                await asyncio.sleep(GATHERS_S)

    async def _apart(self, duty: Duty) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while ids := await self._take(duty.topic, duty.most - len(running)):
                running.update(asyncio.create_task(self._work(duty, [known])) for known in ids)
                if len(running) >= duty.most:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                running = {task for task in running if not task.done()}
            if running:
                await asyncio.wait(running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _take(self, topic: Topic, most: int) -> list[int]:
        """The next ids, or none once everything is to stop."""
        if self._stopping.is_set():
            return []
        stop, take = asyncio.create_task(self._stopping.wait()), asyncio.create_task(self._bus.take(topic, most))
        try:
            await asyncio.wait({take, stop}, return_when=asyncio.FIRST_COMPLETED)
            return take.result() if take.done() else []
        finally:
            stop.cancel()
            take.cancel()

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
                async with asyncio.timeout(duty.may_take):
                    await duty.run(ids)
            except Exception as error:  # the loop outlives whatever one batch met
                if is_outage(error) and not self._stopping.is_set():
                    log.warning("database_away", topic=duty.topic, size=len(ids), cause=type(error).__name__)
                    await asyncio.sleep(OUTAGE_PAUSE)
                    continue
                log.error("batch_failed", topic=duty.topic, size=len(ids), cause=type(error).__name__)
                return error
            return None
