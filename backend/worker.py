"""The running service: what its roles need, started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

import structlog

from backend.loops import Duty, Loops
from backend.parts import Parts, code
from backend.repositories import jobs as job_rows
from backend.repositories import outbox
from backend.roles import Role, chosen
from backend.services.retention import every_day
from backend.services.watch import Watch
from backend.settings import Settings
from backend.sweep import Sweep
from bot.handlers.jobs import JobWorker
from bot.handlers.outbox import Sender
from bot.handlers.pace import MemoryPace, Pace, SharedPace

log = structlog.get_logger(__name__)

MOST_TURNS = 256
MOST_SENDS = 256
MOST_JOBS = 64
FACES_AT_ONCE = 4
"""Jobs of each child process that are under way: most of their time they wait for a photo to be fetched."""
STOP_WITHIN = 10.0
SENDS_MAY_TAKE = 3.0
JOB_MAY_TAKE = 3600.0
"""Seconds: a selection of a whole region is one job."""
SERVING = frozenset({"ok", "embedded fallback"})
"""What `Runtime.ready` says of a part that keeps nobody from being served."""


@dataclass(slots=True)
class Runtime:
    """Every part of a running process. Built by `build`, started with `start`, ended with `stop`."""

    settings: Settings
    roles: frozenset[Role]
    parts: Parts
    loops: Loops
    job_workers: list[JobWorker]
    sender: Sender | None
    sweeps: bool
    stopping: asyncio.Event
    watch: Watch
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Connect, recover what a crash left where this process is the only one, then start the loops."""
        parts = self.parts
        await parts.bus.start()
        await parts.clock.try_to_follow()
        if self.settings.one_process:
            async with parts.database.write() as connection:
                sends, works = await outbox.recover(connection, parts.now()), await job_rows.recover(connection)
            if sends or works:
                log.info("recovered", sends=sends, jobs=works)
        self.loops.start()
        self._spawn(parts.clock.keep_following(), *(worker.hold() for worker in self.job_workers))
        if self.sweeps:
            self._spawn(Sweep(parts.database, parts.bus, parts.now, alone=self.settings.one_process).run())
            self._spawn(every_day(parts.database, self.settings.messages_kept_months, parts.now))
        if Role.WEB in self.roles and self.settings.telegram_on:
            self._spawn(self._telegram())

    def _spawn(self, *works: Awaitable[None]) -> None:
        self._tasks.extend(asyncio.ensure_future(work) for work in works)

    async def stop(self) -> None:
        """Take nothing more, finish the batches in hand, hand back the rest, close everything."""
        self.stopping.set()
        await self.parts.bus.stop_taking()
        await self.loops.stop(STOP_WITHIN)
        for worker in self.job_workers:
            with contextlib.suppress(Exception):  # without a database their lease runs out
                await worker.give_back()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.sender is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.sender.drain(), SENDS_MAY_TAKE)
        await self.parts.bus.close()
        await self.parts.close()

    async def ready(self) -> dict[str, str]:
        """Whether each part that this process needs answers: "ok", or what is wrong in a word."""
        checks: dict[str, Callable[[], Awaitable[str]]] = {
            "database": self._database, "bus": self.parts.bus.health, "store": self.parts.photos.health,
        }  # fmt: skip
        if Role.WORKER in self.roles:
            checks |= {"nlu": self._nlu, "ikd": self._ikd}
        found = {"process": "stopping"} if self.stopping.is_set() else {}
        for name, check in checks.items():
            try:
                found[name] = await check()
            except Exception as error:  # any fault of a part is its state, not ours
                found[name] = type(error).__name__
        return found

    async def _database(self) -> str:
        await self.parts.database.ping()
        return "ok"

    async def _ikd(self) -> str:
        return "ok" if await self.parts.ikd.reachable() else "no answer"

    async def _nlu(self) -> str:
        from nlu.rasa import RasaEngine

        engine = self.parts.nlu
        return await engine.health() if isinstance(engine, RasaEngine) else "ok"

    async def _telegram(self) -> None:
        from bot.handlers.telegram import TelegramChannel, poll_forever

        settings, channel = self.settings, self.parts.channels["telegram"]
        assert isinstance(channel, TelegramChannel)  # noqa: S101 - made under this name
        if settings.telegram_mode == "polling":
            await poll_forever(channel, self.parts.intake.accept, self.stopping)
        elif settings.public_url:
            url = f"{settings.public_url.rstrip('/')}/webhooks/telegram"
            try:
                await channel.set_webhook(url, settings.telegram_secret.get_secret_value())
            except Exception as error:  # the service is of use without it; the operator must know
                log.error("telegram_webhook_not_set", cause=type(error).__name__)


async def build(settings: Settings, roles: Collection[Role] = ()) -> Runtime:
    """The parts that these roles need, wired; without any, all of them."""
    mine = chosen(roles, sandbox=settings.sandbox == "on")
    parts = Parts(settings, mine)
    await parts.load()
    duties: list[Duty] = []
    workers: list[JobWorker] = []
    sender: Sender | None = None
    if Role.SENDER in mine:
        pace: Pace = MemoryPace(parts.now) if settings.one_process else SharedPace(parts.database, parts.now)
        sender = Sender(parts.database, parts.bus, parts.channels, parts.now, pace)
        duties.append(Duty("sends", MOST_SENDS, sender.start, times=2))
    if Role.WORKER in mine:
        duties.append(Duty("turns", MOST_TURNS, _turns(parts, sender), times=1 if parts.database.is_sqlite else 2))
        workers.append(JobWorker(parts.database, parts.bus, parts.executors.plain_jobs, parts.now, elsewhere="faces"))
        duties.append(Duty("jobs", MOST_JOBS, workers[-1].run, apart=True, may_take=JOB_MAY_TAKE))
    if Role.FACE in mine:
        workers.append(JobWorker(parts.database, parts.bus, parts.executors.face_jobs, parts.now))
        most = FACES_AT_ONCE * settings.face_processes
        duties.append(Duty("faces", most, workers[-1].run, apart=True, may_take=JOB_MAY_TAKE))
    if duties:
        from bot.handlers.set_aside import SetAside

        parts.bus.on_given_up = SetAside(parts.database, parts.bus, parts.catalogue, parts.now)
    stopping = asyncio.Event()
    loops = Loops(parts.bus, duties, stopping)
    return Runtime(
        settings,
        mine,
        parts,
        loops,
        workers,
        sender,
        Role.WORKER in mine,
        stopping,
        Watch(parts.database, parts.bus, parts.now),
    )


def _turns(parts: Parts, sender: Sender | None) -> Callable[..., Awaitable[None]]:
    from backend.services.facts import FactsLoader
    from bot.handlers.turns import TurnWorker

    return TurnWorker(
        parts.database,
        parts.bus,
        parts.catalogue,
        parts.nlu,
        FactsLoader(),
        parts.executors.records,
        parts.now,
        code,
        sender,
    ).run
