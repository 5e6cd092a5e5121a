"""The doorbell: ids of rows that wait, never the rows. A lost ring is found by the sweep, a doubled one is harmless."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Topic = Literal["turns", "sends", "jobs", "faces"]
TOPICS: tuple[Topic, ...] = ("turns", "sends", "jobs", "faces")

SetAside = Callable[[Topic, int, str], Awaitable[None]]
"""What is done with an id that was given up on, and the reason: the row is taken out of everybody's way."""


@dataclass(frozen=True, slots=True)
class Buried:
    """A ring that was given up on."""

    topic: Topic
    known: int
    reason: str
    deliveries: int
    at: datetime


class Bus(Protocol):
    """`ring` says that these rows wait; `take` waits for rings and hands out at most `most` different ids.

    What is taken is finished with `done`, or given back with `again`, to ring once more after `delay` seconds, each time
    later. An id that keeps coming back is given up on: `on_given_up` hears of it once. No two takers of one process hold
    the same id at a time; between processes the row's lock decides.
    """

    on_given_up: SetAside | None

    async def start(self) -> None:
        """Begin to connect, and keep at it for as long as it takes."""
        ...

    async def ring(self, topic: Topic, ids: Iterable[int], delay: float = 0.0) -> None:
        """Never waits for a server, and never fails: what a dead process or a full buffer loses, the sweep finds."""
        ...

    async def take(self, topic: Topic, most: int) -> list[int]: ...

    async def done(self, topic: Topic, ids: Iterable[int]) -> None: ...

    async def again(self, topic: Topic, ids: Iterable[int], delay: float, reason: str = "") -> None: ...

    async def backlog(self, topic: Topic) -> int:
        """About how many rings wait that nobody has taken."""
        ...

    async def first(self, what: str) -> bool:
        """Whether this process is the first to ask for `what` within the last `FIRST_FOR` seconds."""
        ...

    async def buried(self) -> list[Buried]:
        """What has been given up on, as far as it is remembered beside the rows."""
        ...

    async def unbury(self, topic: Topic, known: int) -> None:
        """Forget that this was given up on."""
        ...

    async def tell(self, name: str, known: int) -> None:
        """Pass an id to whoever hears `name` at this moment, in any process; nobody is no fault."""
        ...

    def hear(self, name: str) -> AbstractAsyncContextManager[Hears]:
        """The ids that are told under `name` while the block runs."""
        ...

    async def connected(self, within: float) -> bool:
        """Whether it can be used, now or within so many seconds."""
        ...

    async def health(self) -> str:
        """ "ok", or what is wrong in a word."""
        ...

    async def faults(self) -> list[str]:
        """What an operator should know although it works: too few copies of a stream, servers that are gone."""
        ...

    async def stop_taking(self) -> None:
        """Hand back what has come and nobody has taken; `take` returns nothing any more."""
        ...

    async def close(self) -> None:
        """Let out the rings that wait to leave, hand back what was not finished, and disconnect."""
        ...


class Hears(Protocol):
    async def get(self) -> int: ...


FIRST_FOR = 25.0
