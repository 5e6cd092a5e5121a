"""The pace of sending: a place on the clock of a provider's account for every message, replies before everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from backend.db import Database
from backend.grouping import Grouped
from backend.repositories import pace as clocks

MOST_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Place:
    """When a message may go, in seconds from now. Not `taken`: there is none near enough; ask again after `wait`."""

    wait: float
    taken: bool


class Pace(Protocol):
    """Who sends asks for a place for each message; `hold` after a provider has asked the whole account to slow down."""

    async def place(self, account: str, per_second: float, *, bulk: bool) -> Place: ...

    async def hold(self, account: str, seconds: float) -> None: ...

    def held(self, account: str) -> float:
        """Seconds for which this process knows the account to be held: a place that was taken before counts no more."""
        ...


class _Holds:
    """What this process was told by the providers itself."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._until: dict[str, float] = {}

    def note(self, account: str, seconds: float) -> None:
        self._until[account] = max(self._until.get(account, 0.0), self._now().timestamp() + seconds)

    def left(self, account: str) -> float:
        until = self._until.get(account)
        return max(until - self._now().timestamp(), 0.0) if until is not None else 0.0


class MemoryPace:
    """The clock of the only process that sends: nothing is asked of the database."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._next: dict[str, float] = {}
        self._holds = _Holds(now)

    async def place(self, account: str, per_second: float, *, bulk: bool) -> Place:
        now, step = self._now().timestamp(), 1.0 / per_second
        start = max(self._next.get(account, 0.0), now)
        after, count = clocks.advanced(start, now, step, 0 if bulk else 1, 1 if bulk else 0)
        self._next[account] = after
        return Place(start - now, taken=True) if count else Place(_again(start - now, bulk), taken=False)

    async def hold(self, account: str, seconds: float) -> None:
        self._holds.note(account, seconds)
        until = self._now().timestamp() + seconds
        self._next[account] = max(self._next.get(account, 0.0), until)

    def held(self, account: str) -> float:
        return self._holds.left(account)


@dataclass(slots=True)
class _Asked:
    account: str
    per_second: float
    bulk: bool
    place: Place = Place(0.0, taken=False)


class SharedPace:
    """One clock an account for all senders, in the database. Whoever asks at the same time is served by one statement."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._holds = _Holds(now)
        self._asking: Grouped[_Asked] = Grouped(self._reserve, MOST_AT_ONCE)

    async def place(self, account: str, per_second: float, *, bulk: bool) -> Place:
        asked = _Asked(account, per_second, bulk)
        await self._asking.add(asked)
        return asked.place

    async def hold(self, account: str, seconds: float) -> None:
        self._holds.note(account, seconds)
        async with self._database.write() as connection:
            await clocks.hold(connection, self._database, account, seconds, self._now())

    def held(self, account: str) -> float:
        return self._holds.left(account)

    async def _reserve(self, group: list[_Asked]) -> None:
        by_account: dict[tuple[str, float], list[_Asked]] = defaultdict(list)
        for asked in group:
            by_account[asked.account, asked.per_second].append(asked)
        for (account, per_second), wanted in sorted(by_account.items(), key=lambda item: item[0]):
            wanted.sort(key=lambda asked: asked.bulk)
            bulk = sum(asked.bulk for asked in wanted)
            # A transaction each: the row of one account is not kept while another is waited for.
            async with self._database.write() as connection:
                reserved = await clocks.reserve(
                    connection, self._database, account, 1.0 / per_second, len(wanted) - bulk, bulk, self._now()
                )
            for number, asked in enumerate(wanted):
                wait = reserved.start + number * reserved.step
                taken = number < reserved.count
                asked.place = Place(wait if taken else _again(wait, asked.bulk), taken)


def _again(wait: float, bulk: bool) -> float:
    """When to ask again for a place that would have come in `wait` seconds."""
    return max(wait - clocks.BULK_AHEAD, clocks.BULK_AHEAD) if bulk else wait
