"""What is measured: something with a webhook that answers through a provider's API."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from backend.commands.bench.load import LoadError, Target
from backend.commands.bench.machine import Part, cpu_seconds, memory_mb
from backend.commands.bench.postgres import free_port
from backend.commands.bench.stub import STUB, ProviderStub

SECRET = "s3cret-of-the-webhook"  # noqa: S105 - of a service that lives for a minute
TOKEN = "7000000001:AAMadeUpTokenMadeUpTokenMadeUpTokenMad"  # noqa: S105
PATIENCE_S = 300.0
PEERS = {"python-telegram-bot": "telegram_bot.py", "aiogram": "aiogram_bot.py"}


class Subject(Protocol):
    """A running contender. `roots` are its processes and those around it, by name."""

    stub: ProviderStub
    target: Target
    roots: dict[str, int]

    def drained(self, calls: int) -> None:
        """Wait until the provider had that many calls and everything is worked off. Raises LoadError."""


def cpu_of(subject: Subject) -> dict[str, float]:
    return cpu_seconds(subject.roots)


def memory_of(subject: Subject) -> dict[str, int]:
    return {name: memory_mb(pid) for name, pid in subject.roots.items()}


def quiet(stub: ProviderStub, calls: int, silence: float = 0.5) -> None:
    """Wait until the provider had that many calls and then none for `silence` seconds. Raises LoadError."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        before = stub.calls() or 0
        time.sleep(silence)
        if before >= calls and before == stub.calls():
            return
    raise LoadError(f"not everything was answered within {PATIENCE_S:.0f} s")


class Peer:
    """Another bot that holds the same dialog, run by the Python of its own environment."""

    def __init__(self, name: str, python: Path, folder: Path, env: Mapping[str, str]) -> None:
        port = free_port()
        self._port = port
        self._exit = ExitStack()
        self.stub = ProviderStub(folder / "stub", dict(env))
        self.target = Target(f"http://127.0.0.1:{port}/webhook", SECRET)
        self.roots: dict[str, int] = {}
        settings = {
            "BENCH_API": self.stub.url,
            "BENCH_PORT": str(port),
            "BENCH_SECRET": SECRET,
            "BENCH_TOKEN": TOKEN,
        }
        self._part = Part(name, [str(python), f"bench/peers/{PEERS[name]}"], {**env, **settings}, folder / "peer.log")

    def __enter__(self) -> Self:
        with self._exit:
            self._exit.enter_context(self.stub.part)
            self.stub.start()
            self._exit.enter_context(self._part)
            self._part.start(lambda: listens(self._port))
            self.roots = {STUB: self.stub.part.pid, self._part.name: self._part.pid}
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def drained(self, calls: int) -> None:
        """Whoever does not keep the order of a chat leaves some turns without a reply, so the calls are not counted on."""
        quiet(self.stub, 0, silence=3.0)


def perlinsos(*words: str) -> list[str]:
    """The command line of this very installation."""
    return [sys.executable, "-m", "backend.cli", *words]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
