"""A PostgreSQL of one's own: a fresh cluster in a temporary folder, on a free port of 127.0.0.1, gone at the end."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

START_TIMEOUT_S = 60.0
_CLUSTER = ("--username=perlinsos", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")


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


class Cluster(AbstractContextManager["Cluster"]):
    """Runs while the block runs; `url` is the address of its maintenance database, without a driver's name.

    `configuration` is what postgresql.conf would hold.
    """

    def __init__(self, configuration: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._programs = programs()
        self._port = free_port()
        self._account = _account()
        self.url = f"postgresql://perlinsos@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        return self._server.pid

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="perlinsos-pg-"))
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._log = (self._folder / "server.log").open("wb")
        prepared = self._run("initdb", f"--pgdata={self._folder / 'data'}", *_CLUSTER)
        if prepared.wait() != 0:
            raise RuntimeError(f"initdb failed: {self._said()}")
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGINT)  # PostgreSQL's "fast" shutdown: does not wait for clients
        self._log.close()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the server (again) on what its folder holds, and wait until it answers."""
        own = {"listen_addresses": "127.0.0.1", "port": str(self._port), "unix_socket_directories": str(self._folder)}
        options = [part for name, value in {**self._configuration, **own}.items() for part in ("-c", f"{name}={value}")]
        self._server = self._run("postgres", "-D", str(self._folder / "data"), *options)
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                asyncio.run(_execute(self.url, "SELECT 1"))
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not start: {self._said()}")

    def stop(self, how: signal.Signals) -> None:
        """SIGINT ends it in order; SIGQUIT at once ("immediate"), so that the next start recovers from the log."""
        if self._server.poll() is None:
            self._server.send_signal(how)
            try:
                self._server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()

    def create(self, name: str) -> str:
        """Create an empty database; its address as PERLINSOS_DATABASE_URL wants it."""
        asyncio.run(_execute(self.url, f"CREATE DATABASE {name}"))
        return f"postgresql+asyncpg://perlinsos@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
            [str(self._programs / program), *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=None if account is None else [],
            # A session of its own: Ctrl+C in the terminal must reach us only, who then stop the server.
            start_new_session=True,
        )

    def _said(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")[-2000:]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as when this process is root, which `initdb` refuses to work for."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
