"""A real PostgreSQL of the tests' own: a fresh cluster in a temporary folder, on a free port of 127.0.0.1, gone at the end.

`python -m tests.postgres COMMAND…` runs a command beside it, with its address in PERLINSOS_TEST_POSTGRES, and exits with
the command's status; the server stops whichever way the command ends.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType, TracebackType

import asyncpg

VARIABLE = "PERLINSOS_TEST_POSTGRES"
START_TIMEOUT_S = 60.0
_CLUSTER = ("--username=perlinsos", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
# What makes a database safe against a power cut is of no use here, and it is what takes the time.
_CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "60s",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class PostgresMissingError(Exception):
    """PostgreSQL's server programs are not installed: `make services` installs them."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def programs() -> Path:
    """The folder of `initdb` and `postgres`: on the PATH, or where Debian puts them. Raises PostgresMissingError."""
    on_path = shutil.which("initdb")
    if on_path is not None and (Path(on_path).resolve().parent / "postgres").is_file():
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: _version(path.parts[-3]))
    if not found:
        raise PostgresMissingError(PostgresMissingError.__doc__)
    return found[-1].parent


def _version(folder: str) -> float:
    try:
        return float(folder)
    except ValueError:
        return 0.0


class Postgres(AbstractContextManager["Postgres"]):
    """Runs while the block runs; `url` is the address of its maintenance database, without a driver's name."""

    def __init__(self) -> None:
        self._programs = programs()
        self._port = free_port()
        self._account = _account()
        self.url = f"postgresql://perlinsos@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Postgres:
        self._folder = Path(tempfile.mkdtemp(prefix="perlinsos-pg-"))
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        data = self._folder / "data"
        self._log = (self._folder / "server.log").open("wb")
        prepared = self._start("initdb", f"--pgdata={data}", *_CLUSTER)
        if prepared.wait() != 0:
            raise RuntimeError(f"initdb failed: {self._said()}")
        settings = {**_CONFIGURATION, "port": str(self._port), "unix_socket_directories": str(self._folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._server = self._start("postgres", "-D", str(data), *options)
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown: does not wait for clients
            try:
                self._server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._log.close()
        shutil.rmtree(self._folder)

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(
            [str(self._programs / program), *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=None if account is None else [],
            # A session of its own: Ctrl+C in the terminal must reach the tests only, which then stop the server.
            start_new_session=True,
        )

    def _said(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")[-2000:]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                asyncio.run(_ping(self.url))
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start: {self._said()}")


async def _ping(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    await connection.close()


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as when this process is root, which `initdb` refuses to work for."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def main(command: Sequence[str]) -> int:
    """Run `command` beside a server of its own; its exit status, or 128 + the number of the signal that stopped it."""
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if child is not None and child.returncode is None:
            os.killpg(child.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    with Postgres() as server:
        if received:
            return 128 + received[0]
        # A session of its own: the terminal's Ctrl+C reaches us alone, and is passed on to all of its processes.
        child = subprocess.Popen(command, env={**os.environ, VARIABLE: server.url}, start_new_session=True)
        for early in received:  # came while the command was starting
            os.killpg(child.pid, early)
        status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
