"""The running service: its parts built from the settings, its loops started and stopped in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from backend import crypto, metrics
from backend.bus import Bus, MemoryBus, Topic
from backend.db import Database
from backend.domain.numbers import fresh_code
from backend.gateways.faces import FacePool
from backend.gateways.http import HttpClient, HttpError
from backend.gateways.ikd import IkdGateway
from backend.gateways.photo_store import PhotoStore
from backend.gateways.sources import SourcesGateway
from backend.repositories import contents, conversations, inbox, jobs, outbox
from backend.services.facts import FactsLoader
from backend.services.retention import every_day
from backend.services.watch import Watch
from backend.services.work import Work
from backend.settings import Settings
from bot.handlers.channel import Channel
from bot.handlers.commands import Executors
from bot.handlers.intake import Intake
from bot.handlers.jobs import JobWorker
from bot.handlers.outbox import Sender
from bot.handlers.simulator import SimulatorChannel
from bot.handlers.telegram import TelegramChannel, poll_forever
from bot.handlers.turns import TurnWorker
from bot.handlers.whatsapp import WhatsAppChannel
from bot.texts import Catalogue
from nlu.embedded import EmbeddedEngine, train
from nlu.rasa import INSTEAD, RasaEngine
from nlu.understanding import Understands

log = structlog.get_logger(__name__)

SWEEP_EVERY = 30.0
MOST_TURNS = 256
MOST_SENDS = 32
MOST_JOBS = 32
MOST_SWEPT = 50_000
JOBS_MAY_TAKE = 3.0
SYSTEM_RANDOM = random.SystemRandom()
HEALTHY = frozenset({"ok", INSTEAD})
"""What `Runtime.ready` says of a part that keeps nobody from being served."""


def now() -> datetime:
    """The clock of the whole service."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Runtime:
    """Every part of a running service. Built by `build`, started with `start`, ended with `stop`."""

    settings: Settings
    database: Database
    bus: Bus
    http: HttpClient
    photos: PhotoStore
    faces: FacePool
    catalogue: Catalogue
    nlu: Understands
    ikd: IkdGateway
    channels: dict[str, Channel]
    intake: Intake
    turns: TurnWorker
    sender: Sender
    jobs: JobWorker
    work: Work
    watch: Watch
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Recover what a crash left, then start the loops. With the in-memory bus this process is the only one."""
        async with self.database.write() as connection:
            sends, works = await outbox.recover(connection, now()), await jobs.recover(connection)
        if sends or works:
            log.info("recovered", sends=sends, jobs=works)
        self._spawn("turns", MOST_TURNS, self.turns.run, times=1 if self.database.is_sqlite else 2)
        self._spawn("sends", MOST_SENDS, self.sender.run, times=4)
        self._spawn("jobs", MOST_JOBS, self.jobs.run, times=1)
        self._tasks.append(asyncio.create_task(self._sweep()))
        self._tasks.append(asyncio.create_task(every_day(self.database, self.settings.messages_kept_months, now)))
        telegram = self.channels.get("telegram")
        if isinstance(telegram, TelegramChannel):
            self._tasks.append(asyncio.create_task(self._telegram(telegram)))

    async def stop(self) -> None:
        """Finish the batch in hand, hand back the rest (it is in the database), close everything."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await asyncio.wait_for(asyncio.gather(self.jobs.drain(), self.sender.drain()), JOBS_MAY_TAKE)
        except TimeoutError:
            self.jobs.cancel()
        await self.bus.close()
        self.faces.close()
        await self.http.close()
        await self.database.close()

    async def ready(self) -> dict[str, str]:
        """Whether each part that a conversation needs answers: "ok", or what is wrong in a word."""

        async def database() -> bool:
            await self.database.ping()
            return True

        checks = {"database": database, "ikd": self.ikd.reachable}
        found = {
            "bus": "ok",
            "store": await self.photos.health(),
            "nlu": await self.nlu.health() if isinstance(self.nlu, RasaEngine) else "ok",
        }
        for name, check in checks.items():
            try:
                found[name] = "ok" if await check() else "no answer"
            except Exception as error:  # any fault of a part is its state, not ours
                found[name] = type(error).__name__
        return found

    def _spawn(self, topic: Topic, most: int, run: Callable[[Sequence[int]], Awaitable[None]], *, times: int) -> None:
        self._tasks.extend(asyncio.create_task(self._loop(topic, most, run)) for _ in range(times))

    async def _loop(self, topic: Topic, most: int, run: Callable[[Sequence[int]], Awaitable[None]]) -> None:
        while not self._stop.is_set():
            ids = await self.bus.take(topic, most)
            work = asyncio.ensure_future(run(ids))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])
                raise
            except Exception as error:  # the loop outlives whatever one batch met
                log.error("batch_failed", topic=topic, size=len(ids), cause=type(error).__name__)
                await self.bus.again(topic, ids, 1.0)
            else:
                await self.bus.done(topic, ids)

    async def _sweep(self) -> None:
        """Ring for rows that nobody rang for: at start, and now and then."""
        while True:
            try:
                await self.sweep()
            except Exception as error:  # the database may be away for a while; the next sweep will see
                log.error("sweep_failed", cause=type(error).__name__)
            await asyncio.sleep(SWEEP_EVERY)

    @metrics.counted_as("sweep")
    async def sweep(self) -> None:
        async with self.database.read() as connection:
            pending = await inbox.waiting_conversations(connection, MOST_SWEPT)
            timers = await conversations.due_timers(connection, now(), MOST_SWEPT)
            sends = await outbox.waiting_conversations(connection, MOST_SWEPT)
            works = await jobs.waiting(connection, now(), MOST_SWEPT)
        await self.bus.ring("turns", [*pending, *timers])
        await self.bus.ring("sends", sends)
        await self.bus.ring("jobs", works)

    async def _telegram(self, channel: TelegramChannel) -> None:
        settings = self.settings
        if settings.telegram_mode == "polling":
            await poll_forever(channel, self.intake.accept, self._stop)
        elif settings.public_url:
            url = f"{settings.public_url.rstrip('/')}/webhooks/telegram"
            try:
                await channel.set_webhook(url, settings.telegram_secret.get_secret_value())
            except Exception as error:  # the service is of use without it; the operator must know
                log.error("telegram_webhook_not_set", cause=type(error).__name__)


async def build(settings: Settings) -> Runtime:
    """The parts, wired. Needs an installed key ring and a migrated database."""
    ring = crypto.ring()
    database = Database(settings.database_url)
    bus = MemoryBus()
    http = HttpClient()
    photos = PhotoStore(_media_url(settings.media_url), ring.seal, ring.open)
    faces = FacePool(settings.face_processes)
    catalogue = Catalogue()
    channels = await _channels(settings, database, http, photos)
    ikd = IkdGateway(settings.ikd_url, http)
    executors = Executors(
        database=database,
        ikd=ikd,
        sources=SourcesGateway(settings.sources_url, http),
        faces=faces,
        photos=photos,
        channels=channels,
        code=code,
        auto_select=settings.auto_select == "on",
        programme=settings.programme,
    )
    nlu = load_nlu(settings, http)
    sender = Sender(database, bus, channels, now)
    return Runtime(
        settings=settings,
        database=database,
        bus=bus,
        http=http,
        photos=photos,
        faces=faces,
        catalogue=catalogue,
        nlu=nlu,
        ikd=ikd,
        channels=channels,
        intake=Intake(database, bus, now),
        turns=TurnWorker(database, bus, catalogue, nlu, FactsLoader(), executors.records, now, code, sender),
        sender=sender,
        jobs=JobWorker(database, bus, executors.jobs, now),
        work=executors.work,
        watch=Watch(database, now),
    )


def code() -> str:
    """A fresh public code, from the system's randomness."""
    return fresh_code(SYSTEM_RANDOM)


def load_nlu(settings: Settings, http: HttpClient) -> Understands:
    """The engine of the settings. The embedded one is always there, trained first where no model lies yet."""
    if not settings.nlu_model.exists():
        log.info("nlu_training")
        settings.nlu_model.parent.mkdir(parents=True, exist_ok=True)
        train(settings.nlu_model)
    embedded = EmbeddedEngine.load(settings.nlu_model)
    if settings.nlu_engine == "embedded":
        return embedded
    rule, seconds = embedded.model.rule, settings.rasa_timeout
    return RasaEngine(settings.rasa_url, http.request, HttpError, embedded, rule, timeout=seconds)


async def _channels(settings: Settings, database: Database, http: HttpClient, photos: PhotoStore) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    if settings.sandbox == "on":
        channels["simulator"] = SimulatorChannel(photos)
    if settings.telegram_on:
        channels["telegram"] = TelegramChannel(
            settings.telegram_token.get_secret_value(),
            http,
            settings.telegram_api_url,
            per_second=settings.telegram_per_second,
        )
    if settings.whatsapp_on:
        channels["whatsapp"] = WhatsAppChannel(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            settings.twilio_from,
            http,
            settings.twilio_api_url,
            settings.public_url,
            await _contents(database),
            per_second=settings.twilio_per_second,
        )
    return channels


async def _contents(database: Database) -> dict[str, str]:
    """What `perlinsos whatsapp sync` has made; without it choices go out as numbered text."""
    async with database.read() as connection:
        return await contents.known(connection)


def _media_url(url: str) -> str:
    """A local folder as an absolute file URL, made when it is missing; anything else as it is."""
    if not url.startswith("file:"):
        return url
    folder = Path(url.removeprefix("file:").removeprefix("//")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return f"file://{folder}"
