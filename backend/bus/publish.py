"""The ringing side: ids gather while a message is under way and leave together in the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import nats.errors
import orjson
import structlog
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NoStreamResponseError
from nats.nuid import NUID

from backend.bus import Topic
from backend.bus.layout import subject

log = structlog.get_logger(__name__)

MOST_IN_A_MESSAGE: dict[Topic, int] = {"turns": 64, "sends": 64, "jobs": 8, "faces": 1}
"""A message goes to one process as a whole: the dearer the work, the fewer ids."""
MOST_KEPT = 50_000
"""Ids that wait while no server answers; what is more is left to the sweep."""
ANSWERED_WITHIN = 5.0
AGAIN_AFTER = 0.5
ONCE = "Nats-Msg-Id"


class Publisher:
    """One topic's. `connection` gives the context of the moment, or None; `lost` hears that the stream is not there."""

    def __init__(
        self, topic: Topic, connection: Callable[[], JetStreamContext | None], lost: Callable[[], None], names: NUID
    ) -> None:
        self._topic = topic
        self._connection = connection
        self._lost = lost
        self._names = names
        self._waiting: dict[int, None] = {}
        self._some = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, ids: Iterable[int]) -> None:
        self._waiting.update(dict.fromkeys(ids))
        if not self._waiting:
            return
        if len(self._waiting) > MOST_KEPT:
            log.warning("rings_dropped", topic=self._topic, ids=len(self._waiting))
            self._waiting.clear()
            return
        self._empty.clear()
        self._some.set()

    async def run(self) -> None:
        most = MOST_IN_A_MESSAGE[self._topic]
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                ids = list(self._waiting)
                self._waiting.clear()
                parts = [ids[start : start + most] for start in range(0, len(ids), most)]
                await asyncio.gather(*(self._deliver(part) for part in parts))
            self._empty.set()

    async def flushed(self) -> None:
        """Wait until everything that was put has been acknowledged."""
        await self._empty.wait()

    async def _deliver(self, ids: list[int]) -> None:
        await deliver(
            self._connection, subject(self._topic), orjson.dumps(ids), self._names.next().decode(), self._lost
        )


async def deliver(
    connection: Callable[[], JetStreamContext | None],
    where: str,
    payload: bytes,
    once: str,
    lost: Callable[[], None],
) -> None:
    """Until the server has it. The name stays the same over the tries, so that a late first one does not ring twice."""
    while True:
        if await publish(connection(), where, payload, once, lost):
            return
        await asyncio.sleep(AGAIN_AFTER)


async def publish(js: JetStreamContext | None, where: str, payload: bytes, once: str, lost: Callable[[], None]) -> bool:
    """Whether the stream has stored it, or had already."""
    if js is None:
        return False
    try:
        await js.publish(where, payload, timeout=ANSWERED_WITHIN, headers={ONCE: once})
    except NoStreamResponseError:
        lost()
    except (nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
        log.warning("ring_not_published", subject=where, cause=type(error).__name__)
    else:
        return True
    return False
