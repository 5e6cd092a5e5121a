"""A real NATS server of the tests' own: JetStream in a temporary folder, on a free port of 127.0.0.1, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from tests.postgres import free_port

START_TIMEOUT_S = 20.0


class NatsMissingError(Exception):
    """nats-server is not installed: `make services` installs it."""


class Nats(AbstractContextManager["Nats"]):
    """Runs while the block runs; `stop`, `kill` and `start` as often as wanted, always the same port and store."""

    def __init__(self, *options: str) -> None:
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
        if program is None:
            raise NatsMissingError(NatsMissingError.__doc__)
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = Path(tempfile.mkdtemp(prefix="perlinsos-nats-"))
        self._log = self._folder / "server.log"
        self._command = [
            program, "--jetstream", "--store_dir", str(self._folder / "store"), "--addr", "127.0.0.1",
            "--port", str(self.port), "--pid", str(self._folder / "pid"), *options,
        ]  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it takes connections. Raises RuntimeError with its log."""
        with self._log.open("ab") as log:
            # A session of its own: Ctrl+C in the terminal must reach the tests only, which then stop the server.
            self._server = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder, env={**os.environ}, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    if probe.recv(4) == b"INFO":
                        return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"NATS did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """In order, as an operator would."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        self._server.send_signal(number)
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def __enter__(self) -> Nats:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)


@contextmanager
def cluster(size: int = 3) -> Iterator[list[Nats]]:
    """So many servers that keep their streams together, each to be killed and started on its own."""
    ports = [free_port() for _ in range(size)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
    numbered = [
        Nats(
            *("--name", f"nats-{number}", "--cluster_name", "perlinsos"),
            *("--cluster", f"nats://127.0.0.1:{port}", "--routes", routes),
        )
        for number, port in enumerate(ports, start=1)
    ]
    with ExitStack() as running:
        yield [running.enter_context(server) for server in numbered]
