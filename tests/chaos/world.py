"""One whole installation to be broken: PostgreSQL, three NATS servers, every role as processes of its own, both providers."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from backend import crypto
from backend.commands.bench.postgres import Cluster
from backend.db import Database
from backend.gateways.http import HttpClient
from backend.migrate import migrate
from tests.chaos.providers import Courier, Telegram, Twilio
from tests.e2e.fleet import Fleet
from tests.e2e.running import SECRET, Service
from tests.nats import Nats, cluster

PUBLIC = "https://perlinsos.banyuwangikab.example"
ROLES = {
    "web-1": ["web"],
    "web-2": ["web"],
    "worker-1": ["worker"],
    "worker-2": ["worker"],
    "sender-1": ["sender"],
    "sender-2": ["sender"],
    "face": ["face"],
}
REPLICAS = 3
# What is acknowledged outlives the server's process, which is all that is killed here; a power cut is not tried.
POSTGRES = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
}
FAKETIME = "libfaketimeMT.so.1"

T = TypeVar("T")


class FaketimeMissingError(Exception):
    """faketime is not installed: `make services` installs it."""


def faketime() -> Path:
    """The library that moves a process's clock. Raises FaketimeMissingError."""
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"))
    if not found:
        raise FaketimeMissingError(FaketimeMissingError.__doc__)
    return found[0]


class MovedClock:
    """The wall clock of one process, moved while it runs; its monotonic clock goes on."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._file = folder / "clock"
        self.moved(0)
        service.environment |= {
            "LD_PRELOAD": str(faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def moved(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+d}s\n", encoding="ascii")


async def to_its_end(threads: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
    """Run it in a thread. Whoever is interrupted meanwhile waits for it: what it starts must be there to be stopped."""
    running = asyncio.get_running_loop().run_in_executor(threads, work, *arguments)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


@dataclass
class World:
    """All of it, running. `threads` is where waiting for a process blocks."""

    fleet: Fleet
    postgres: Cluster
    nats: list[Nats]
    telegram: Telegram
    twilio: Twilio
    courier: Courier
    http: HttpClient
    database_url: str
    clock: MovedClock
    clocked: str
    threads: ThreadPoolExecutor

    @property
    def servers(self) -> list[str]:
        return [server.url for server in self.nats]


@asynccontextmanager
async def world(folder: Path, dice: random.Random) -> AsyncIterator[World]:
    """Started, ready, and all gone at the end, however it ends."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(24))
        postgres = Cluster(POSTGRES)
        servers, _ = await asyncio.gather(
            to_its_end(threads, stack.enter_context, cluster()),
            to_its_end(threads, stack.enter_context, postgres),
        )
        url = await to_its_end(threads, postgres.create, "perlinsos")
        await _migrate(url)
        async with Telegram() as telegram, Twilio() as twilio, HttpClient() as http:
            fleet = Fleet(folder, url, ",".join(server.url for server in servers), ROLES, **_settings(telegram, twilio))
            crypto.use(crypto.KeyRing(fleet.keys))
            clocked = dice.choice([name for name in ROLES if name != "face"])
            clock = MovedClock(fleet[clocked], folder)
            courier = Courier([fleet["web-1"].url, fleet["web-2"].url], dice)
            telegram.reaches(courier, SECRET)
            twilio.reaches(courier, PUBLIC)
            try:
                await to_its_end(threads, fleet.__enter__)
                yield World(fleet, postgres, servers, telegram, twilio, courier, http, url, clock, clocked, threads)
            finally:
                courier.give_up()
                await courier.settle()
                await to_its_end(threads, fleet.__exit__, None, None, None)


def _settings(telegram: Telegram, twilio: Twilio) -> dict[str, str]:
    return {
        "bus_replicas": str(REPLICAS),
        "public_url": PUBLIC,
        "sandbox_synthetic": "1",
        "telegram_mode": "webhook",
        "telegram_token": telegram.token,
        "telegram_secret": SECRET,
        "telegram_api_url": telegram.url,
        "telegram_per_second": "2000",
        "twilio_account_sid": twilio.account_sid,
        "twilio_auth_token": twilio.auth_token,
        "twilio_from": twilio.sender,
        "twilio_api_url": twilio.url,
        "twilio_per_second": "2000",
    }


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


def restart(postgres: Cluster, how: signal.Signals) -> None:
    """In order (SIGINT), or as a crash (SIGQUIT)."""
    postgres.stop(how)
    postgres.start()
