"""The parts of a process, each made when the first role asks for it: a sender loads no classifier, a web process no pages."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from backend import crypto
from backend.bus import Bus
from backend.bus.memory import MemoryBus
from backend.clock import Clock
from backend.db import Database
from backend.domain.numbers import fresh_code
from backend.gateways.http import HttpClient, HttpError
from backend.gateways.ikd import IkdGateway
from backend.gateways.photo_store import PhotoStore
from backend.gateways.sources import SourcesGateway
from backend.gateways.webhooks import WebhookGateway
from backend.repositories import contents
from backend.roles import Role, pool_size
from backend.services.sources import Sources
from backend.settings import Settings
from bot.handlers.intake import Intake
from bot.texts import Catalogue

if TYPE_CHECKING:
    from backend.gateways.faces import FacePool
    from bot.handlers.channel import Channel
    from bot.handlers.commands import Executors
    from bot.handlers.simulator import SimulatorChannel
    from nlu.understanding import Understands

log = structlog.get_logger(__name__)

CHANCE_AT_ONCE = 4096
"""Bytes asked of the system at once: every turn carries a fresh code, and a system call a character would show."""


class Chance:
    """The system's randomness, drawn beforehand."""

    def __init__(self) -> None:
        self._bytes = iter(b"")

    def choice(self, among: Sequence[str]) -> str:
        """One of at most 256, each as likely as the others."""
        fair = 256 - 256 % len(among)
        while True:
            for byte in self._bytes:
                if byte < fair:
                    return among[byte % len(among)]
            self._bytes = iter(os.urandom(CHANCE_AT_ONCE))


CHANCE = Chance()


def now() -> datetime:
    """This machine's own time, for the work of one command; a service goes by `Parts.now`."""
    return datetime.now(UTC)


def code() -> str:
    """A fresh public code, from the system's randomness."""
    return fresh_code(CHANCE)


class Parts:
    """Needs an installed key ring and a migrated database."""

    def __init__(self, settings: Settings, roles: Collection[Role] = tuple(Role)) -> None:
        self.settings = settings
        self._roles = roles
        self._contents: Mapping[str, str] = {}

    @cached_property
    def database(self) -> Database:
        settings = self.settings
        size = settings.database_pool or pool_size(self._roles)
        return Database(settings.database_url, pool_size=size, pooler=settings.database_pooler == "on")

    @cached_property
    def clock(self) -> Clock:
        return Clock(self.database)

    def now(self) -> datetime:
        """The time that all processes of the service share."""
        return self.clock.now()

    @cached_property
    def bus(self) -> Bus:
        if self.settings.one_process:
            return MemoryBus()
        from backend.bus.jetstream import JetStreamBus

        return JetStreamBus(self.settings.bus_servers, replicas=self.settings.bus_replicas)

    @cached_property
    def http(self) -> HttpClient:
        return HttpClient()

    @cached_property
    def photos(self) -> PhotoStore:
        ring = crypto.ring()
        return PhotoStore(_media_url(self.settings.media_url), ring.seal, ring.open)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue()

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.database, self.bus, self.now)

    @cached_property
    def ikd(self) -> IkdGateway:
        return IkdGateway(self.settings.ikd_url, self.http)

    @cached_property
    def faces(self) -> FacePool:
        from backend.gateways.faces import FacePool

        return FacePool(self.settings.face_processes)

    @cached_property
    def nlu(self) -> Understands:
        return load_nlu(self.settings, self.http)

    @cached_property
    def simulator(self) -> SimulatorChannel | None:
        if self.settings.sandbox != "on":
            return None
        from bot.handlers.simulator import SimulatorChannel

        return SimulatorChannel(self.photos, self.bus)

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """Every provider that is switched on, as somebody to send through and to fetch photos from."""
        settings = self.settings
        found: dict[str, Channel] = {}
        if self.simulator is not None:
            found["simulator"] = self.simulator
        if settings.telegram_on:
            from bot.handlers.telegram import TelegramChannel

            found["telegram"] = TelegramChannel(
                settings.telegram_token.get_secret_value(),
                self.http,
                settings.telegram_api_url,
                per_second=settings.telegram_per_second,
            )
        if settings.whatsapp_on:
            from bot.handlers.whatsapp import WhatsAppChannel

            found["whatsapp"] = WhatsAppChannel(
                settings.twilio_account_sid,
                settings.twilio_auth_token.get_secret_value(),
                settings.twilio_from,
                self.http,
                settings.twilio_api_url,
                settings.public_url,
                self._contents,
                per_second=settings.twilio_per_second,
            )
        return found

    @cached_property
    def webhooks(self) -> WebhookGateway:
        return WebhookGateway(loopback=self.settings.sandbox == "on")

    @cached_property
    def executors(self) -> Executors:
        from bot.handlers.commands import Executors

        return Executors(
            database=self.database,
            ikd=self.ikd,
            sources=Sources(
                self.database,
                SourcesGateway(self.settings.sources_url, self.http),
                self.ikd,
                self.settings.imported_sources,
                timedelta(hours=self.settings.sources_kept_hours),
            ),
            faces=self.faces,
            photos=self.photos,
            channels=self.channels,
            webhooks=self.webhooks,
            code=code,
            auto_select=self.settings.auto_select == "on",
            programme=self.settings.programme,
            broadcast_hours=self.settings.broadcast_between,
        )

    async def load(self) -> None:
        """What must be read before the first part is made: what `perlinsos whatsapp sync` has left in the database."""
        if self.settings.whatsapp_on:
            async with self.database.read() as connection:
                self._contents = await contents.known(connection)

    def made(self, name: str) -> bool:
        return name in self.__dict__

    async def close(self) -> None:
        if self.made("faces"):
            self.faces.close()
        if self.made("webhooks"):
            await self.webhooks.close()
        if self.made("http"):
            await self.http.close()
        await self.database.close()


def load_nlu(settings: Settings, http: HttpClient) -> Understands:
    """The engine of the settings. The embedded one is always there, trained first where no model lies that it can use."""
    from nlu.embedded import EmbeddedEngine, train
    from nlu.rasa import RasaEngine
    from nlu.understanding import NluError

    try:
        embedded = EmbeddedEngine.load(settings.nlu_model)
    except NluError as error:  # none yet, or one that an earlier version left
        log.info("nlu_training", cause=str(error))
        settings.nlu_model.parent.mkdir(parents=True, exist_ok=True)
        train(settings.nlu_model)
        embedded = EmbeddedEngine.load(settings.nlu_model)
    if settings.nlu_engine == "embedded":
        return embedded
    rule, seconds = embedded.model.rule, settings.rasa_timeout
    return RasaEngine(settings.rasa_url, http.request, HttpError, embedded, rule, timeout=seconds)


def _media_url(url: str) -> str:
    """A local folder as an absolute file URL, made when it is missing; anything else as it is."""
    if not url.startswith("file:"):
        return url
    folder = Path(url.removeprefix("file:").removeprefix("//")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return f"file://{folder}"
