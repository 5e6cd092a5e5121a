"""The service under load: its database, its processes and their settings, in a temporary folder of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sqlalchemy import func, select

from backend import crypto
from backend.commands.bench.load import LoadError, Target
from backend.commands.bench.machine import Part, program
from backend.commands.bench.postgres import Cluster, free_port
from backend.commands.bench.stub import STUB, ProviderStub
from backend.commands.bench.subject import PATIENCE_S, SECRET, TOKEN, listens, perlinsos, quiet
from backend.db import Database
from backend.models import Inbox, Job, Outbox, table

DatabaseKind = Literal["sqlite", "postgres"]

UNHINDERED = "100000"
# As a small real server would have it: what is acknowledged is on the disk.
SMALL_SERVER = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


def own_environment() -> dict[str, str]:
    """The environment without the settings of whoever runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PERLINSOS_")}


class Service:
    """Runs while the block runs: database, provider stub, service. Each part is a process that is measured.

    `processes` are lists of roles, one process each, with NATS between them; with none, one process does everything.
    `fill` puts into the migrated database what shall be there before; it is given the service's environment.
    """

    def __init__(
        self,
        folder: Path,
        kind: DatabaseKind,
        model: Path,
        processes: Sequence[Sequence[str]] = (),
        fill: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self._folder = folder
        self._kind = kind
        self._processes = processes
        self._fill = fill
        self._exit = ExitStack()
        self._port = free_port()
        self.parts: dict[str, Part] = {}
        self.roots: dict[str, int] = {}
        self._ready: dict[str, Callable[[], bool]] = {}
        self.environment = {
            **own_environment(),
            "NICEGUI_STORAGE_PATH": str(folder / "pages"),
            "PERLINSOS_BROADCAST_HOURS": "00-24",
            "PERLINSOS_DATA_DIR": str(folder),
            "PERLINSOS_LOG_LEVEL": "WARNING",
            "PERLINSOS_MEDIA_URL": f"file:{folder}/photos",
            "PERLINSOS_NLU_MODEL": str(model.absolute()),
            "PERLINSOS_PORT": str(self._port),
            "PERLINSOS_SANDBOX": "on",
            "PERLINSOS_SANDBOX_SYNTHETIC": "1",
            "PERLINSOS_SECRET_KEYS": crypto.new_key(),
            "PERLINSOS_TELEGRAM_MODE": "webhook",
            "PERLINSOS_TELEGRAM_PER_SECOND": UNHINDERED,
            "PERLINSOS_TELEGRAM_SECRET": SECRET,
            "PERLINSOS_TELEGRAM_TOKEN": TOKEN,
        }
        self.stub = ProviderStub(folder / "stub", own_environment())
        self.environment["PERLINSOS_TELEGRAM_API_URL"] = self.stub.url
        self.target = Target(f"http://127.0.0.1:{self._port}/webhooks/telegram", SECRET)

    def __enter__(self) -> Self:
        with self._exit:
            self._start()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _start(self) -> None:
        self._exit.enter_context(self.stub.part)
        self.stub.start()
        self.roots[STUB] = self.stub.part.pid
        if self._kind == "postgres":
            cluster = self._exit.enter_context(Cluster(SMALL_SERVER))
            self.roots["PostgreSQL"] = cluster.pid
            self.environment["PERLINSOS_DATABASE_URL"] = cluster.create("perlinsos")
        else:
            self.environment["PERLINSOS_DATABASE_URL"] = f"sqlite+aiosqlite:///{self._folder}/perlinsos.db"
        subprocess.run(perlinsos("migrate"), env=self.environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        if self._fill is not None:
            self._fill(self.environment)
        if self._processes:
            self._start_processes()
        else:
            self._serve("service", (), self._port)

    def _start_processes(self) -> None:
        port, sandbox = free_port(), free_port()
        command = [
            program("nats-server"),
            "--jetstream",
            "--store_dir",
            f"{self._folder}/nats",
            "-a",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        self._run(Part("NATS", command, own_environment(), self._folder / "nats.log"), lambda: listens(port))
        self.environment["PERLINSOS_BUS_URL"] = f"nats://127.0.0.1:{port}"
        self.environment["PERLINSOS_SANDBOX_URL"] = f"http://127.0.0.1:{sandbox}/sandbox"
        self._serve("sandbox (IKD)", ("sandbox",), sandbox)
        gate = next((number for number, roles in enumerate(self._processes, start=1) if "web" in roles), 0)
        for number, roles in enumerate(self._processes, start=1):
            name = "+".join(roles)
            same = sum(other == roles for other in self._processes) > 1
            port = free_port() if number != gate else self._port
            self._serve(f"{name} {number}" if same else name, roles, port)

    def _serve(self, name: str, roles: Sequence[str], port: int) -> None:
        command = perlinsos("serve", *(part for role in roles for part in ("--role", role)))
        env = {**self.environment, "PERLINSOS_PORT": str(port)}
        self._run(
            Part(name, command, env, self._folder / f"{name}.log"), lambda: _answers(f"http://127.0.0.1:{port}/readyz")
        )

    def _run(self, part: Part, ready: Callable[[], bool]) -> None:
        self._exit.enter_context(part)
        part.start(ready)
        self.parts[part.name] = part
        self.roots[part.name] = part.pid
        self._ready[part.name] = ready

    def killed(self, name: str) -> None:
        """Kill a part with -9 and start it again."""
        part = self.parts[name]
        part.kill()
        part.start(self._ready[name])
        self.roots[name] = part.pid

    def drained(self, calls: int) -> None:
        """Wait until the provider had that many calls and no row waits any more. Raises LoadError."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            quiet(self.stub, calls)
            open_rows = asyncio.run(_open_rows(self.environment["PERLINSOS_DATABASE_URL"]))
            if not any(open_rows.values()):
                return
        raise LoadError(f"not everything was worked off within {PATIENCE_S:.0f} s: {open_rows}")


async def _open_rows(url: str) -> dict[str, int]:
    """How many rows still wait, by table."""
    inbox, outbox, jobs = table(Inbox), table(Outbox), table(Job)
    conditions = {
        "inbox": inbox.c.handled_at.is_(None),
        "outbox": outbox.c.status.in_(("queued", "sending")),
        "jobs": jobs.c.status.in_(("queued", "running")),
    }
    database = Database(url)
    try:
        async with database.read() as connection:
            return {
                name: int((await connection.execute(select(func.count()).where(condition))).scalar_one())
                for name, condition in conditions.items()
            }
    finally:
        await database.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
