"""What is done to an installation while people write to it: everything by chance, and by the same seed the same."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import nats.errors
from nats.aio.client import Client
from nats.js.errors import Error as JetStreamError

from backend.bus.layout import faults
from tests.chaos.rough import KINDS, Weather
from tests.chaos.world import REPLICAS, ROLES, World, restart, to_its_end
from tests.e2e.running import Service

STORM_EVERY_S = 3.0
TURNS_A_STORM = 4000
"""Of so many turns one more call is hit by each storm."""
NATS_AWAY_S = 2.0
CAUGHT_UP_WITHIN_S = 60.0
HANGS_S = 6.0
STARTS = 10
REST_S = 40.0
MOST_DOWN = 3
"""Of seven: so that there is always somebody to hang or to kill, and both of a role may be gone at once."""
CLOCKS = (-7200, -95, 130, 3600, 90_000)
"""Seconds by which a clock is wrong: two hours slow up to more than a day fast."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was done to whom, from and until when by the monotonic clock."""

    kind: str
    who: str
    since: float
    until: float


@dataclass
class Havoc:
    """`works` does all of it within about `seconds` and ends with everything up again. `troubles` is what was done."""

    world: World
    weather: Weather
    dice: random.Random
    turns: int
    kills: int
    seconds: float
    troubles: list[Trouble] = field(default_factory=list)
    _starting: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def killed(self) -> int:
        return sum(trouble.kind == "kill" for trouble in self.troubles)

    async def works(self) -> None:
        rounds = max(1, self.kills // 25)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._kills())
                group.create_task(self._storms())
                group.create_task(self._servers(rounds))
                group.create_task(self._spread(self._clock, rounds, 0.15))
                group.create_task(self._spread(self._hang, rounds, 0.7))
        finally:
            self.world.clock.moved(0)
            if self._starting:
                await asyncio.wait(self._starting.values())
        await self._thread(self.world.fleet.ready)

    async def _kills(self) -> None:
        """One at a time, each time another moment; what was killed is started at once, others may die meanwhile."""
        for number in range(self.kills):
            await asyncio.sleep(self.seconds / self.kills * self.dice.uniform(0.5, 1.5))
            up = await self._rested()
            # Every kind once, whatever the dice say.
            kind = ("worker", "sender", "web", "face")[number % 4]
            wanted = [name for name in up if name.startswith(kind)]
            await self._kill(self.dice.choice(wanted if number < 4 and wanted else up))

    async def _up(self, most_down: int) -> list[str]:
        """Who is up, once there are fewer than so many that are not: a busy machine takes its time to start them."""
        while len(self._starting) >= most_down:
            await asyncio.wait(self._starting.values(), return_when=asyncio.FIRST_COMPLETED)
        return [name for name in ROLES if name not in self._starting]

    async def _rested(self) -> list[str]:
        """Who is up and was left alone for a while: what was lost with three workers in a row is given up on, rightly."""
        while True:
            up = await self._up(MOST_DOWN)
            lately = {t.who for t in self.troubles if t.kind == "kill" and time.monotonic() - t.since < REST_S}
            if rested := [name for name in up if name not in lately]:
                return rested
            await asyncio.sleep(0.5)

    async def _kill(self, name: str) -> None:
        since = time.monotonic()
        await self._thread(self.world.fleet[name].kill)
        self.troubles.append(Trouble("kill", name, since, time.monotonic()))
        task = asyncio.create_task(self._thread(_started, self.world.fleet[name]))
        self._starting[name] = task
        task.add_done_callback(lambda _: self._starting.pop(name, None))

    async def _storms(self) -> None:
        """The kinds in turn, each at least once."""
        kinds = list(KINDS)
        self.dice.shuffle(kinds)
        times = max(len(kinds), int(self.seconds / STORM_EVERY_S))
        for number in range(times):
            self.weather.strikes(kinds[number % len(kinds)], self.dice.randint(1, 1 + self.turns // TURNS_A_STORM))
            await asyncio.sleep(self.seconds / times)

    async def _spread(self, act: Callable[[], Awaitable[None]], times: int, first: float) -> None:
        """So many times over the whole length, the first after this part of a round."""
        for number in range(times):
            await asyncio.sleep(self.seconds / times * (first if number == 0 else 0.8))
            await act()

    async def _servers(self, rounds: int) -> None:
        """PostgreSQL in order and as a crash, in turn; one NATS server, and once it is back another."""
        order = [0, 1, 2]
        for number in range(rounds):
            self.dice.shuffle(order)
            await asyncio.sleep(self.seconds / rounds * 0.15)
            await self._nats(order[0])
            await self._postgres(signal.SIGQUIT if number % 2 == 0 else signal.SIGINT)
            await self._nats(order[1])

    async def _postgres(self, how: signal.Signals) -> None:
        since = time.monotonic()
        await self._thread(restart, self.world.postgres, how)
        self.troubles.append(Trouble("postgres", how.name, since, time.monotonic()))

    async def _nats(self, place: int) -> None:
        server = self.world.nats[place]
        since = time.monotonic()
        await self._thread(server.kill)
        await asyncio.sleep(NATS_AWAY_S)
        await self._thread(server.start)
        await self._caught_up()
        self.troubles.append(Trouble("nats", f"nats-{place + 1}", since, time.monotonic()))

    async def _caught_up(self) -> None:
        """Until every stream is whole on all servers again. Raises TimeoutError."""
        async with asyncio.timeout(CAUGHT_UP_WITHIN_S):
            connection = await nats.connect(self.world.servers, error_cb=_quiet)
            try:
                while not await self._whole(connection):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.25)
            finally:
                await connection.close()

    async def _whole(self, connection: Client) -> bool:
        try:
            return not await faults(connection.jetstream(timeout=2), REPLICAS)
        except (nats.errors.Error, JetStreamError, OSError, TimeoutError):
            return False

    async def _clock(self) -> None:
        """The wall clock of one process is wrong for a while, then another way, then right."""
        since = time.monotonic()
        for seconds in self.dice.sample(CLOCKS, 2):
            self.world.clock.moved(seconds)
            await asyncio.sleep(self.seconds * 0.1)
        self.world.clock.moved(0)
        self.troubles.append(Trouble("clock", self.world.clocked, since, time.monotonic()))

    async def _hang(self) -> None:
        """A worker or sender stops in the middle of whatever it does, and goes on later."""
        up = await self._up(MOST_DOWN)
        name = self.dice.choice([name for name in up if name.startswith(("worker", "sender"))])
        service, since = self.world.fleet[name], time.monotonic()
        service.hang()
        try:
            await asyncio.sleep(HANGS_S)
        finally:
            service.go_on()
        self.troubles.append(Trouble("hang", name, since, time.monotonic()))

    async def _thread(self, work: Callable[..., None], *arguments: object) -> None:
        await to_its_end(self.world.threads, work, *arguments)


def _started(service: Service) -> None:
    """As a supervisor does it: a process that ends at its start, since the database is away, is started again."""
    for _ in range(STARTS):
        try:
            service.start()
        except RuntimeError:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"{service.folder.name} does not start any more")


async def _quiet(error: Exception) -> None:
    """The library would print it."""
