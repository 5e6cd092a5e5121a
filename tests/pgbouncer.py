"""A real PgBouncer of the tests' own in front of the tests' PostgreSQL, pooling by transaction; gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from tests.postgres import free_port

START_TIMEOUT_S = 20.0


class PgBouncerMissingError(Exception):
    """pgbouncer is not installed: `make services` installs it."""


class PgBouncer(AbstractContextManager["PgBouncer"]):
    """Runs while the block runs. `server`: the address of PostgreSQL; `url(database)`: one of its databases through here."""

    def __init__(self, server: str, *, connections: int) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            raise PgBouncerMissingError(PgBouncerMissingError.__doc__)
        self._port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="perlinsos-pgbouncer-"))
        to = urlsplit(server)
        self._settings = self._folder / "pgbouncer.ini"
        (self._folder / "users").write_text(f'"{to.username}" ""\n')
        self._settings.write_text(
            f"[databases]\n* = host={to.hostname} port={to.port} user={to.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self._port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self._folder / 'users'}\n"
            f"pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 200\n"
        )
        self._user = to.username
        self._command = [program, str(self._settings)]

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{self._user}@127.0.0.1:{self._port}/{database}"

    def __enter__(self) -> PgBouncer:
        # It refuses to work as root.
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if user is not None:
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        log = self._folder / "server.log"
        with log.open("wb") as out:
            self._server = subprocess.Popen(
                self._command, stdout=out, stderr=out, cwd=self._folder, start_new_session=True,
                user=user and user.pw_uid, group=user and user.pw_gid, extra_groups=None if user is None else [],
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=1):
                    return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"PgBouncer did not start: {log.read_text(errors='replace')[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        shutil.rmtree(self._folder)
