"""The whole service as its users meet it: `perlinsos serve` in a process of its own, killed and started at will."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from backend import crypto
from tests import postgres
from tests.e2e.private import leaks

ROOT = Path(__file__).resolve().parent.parent.parent
STARTS_WITHIN = 120.0
SECRET = "s3cret-of-the-webhook"


class Service:
    """One installation in `folder`, or one process of it (`roles`). `start`, `kill` (as a power cut would), `hang` and
    `stop` as often as wanted."""

    def __init__(self, folder: Path, database_url: str = "", roles: Sequence[str] = (), **settings: str) -> None:
        self.folder = folder
        self._arguments = [part for role in roles for part in ("--role", role)]
        self.port = postgres.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "service.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PERLINSOS_")},
            "PERLINSOS_DATABASE_URL": database_url or f"sqlite+aiosqlite:///{folder}/perlinsos.db",
            "PERLINSOS_MEDIA_URL": f"file:{folder}/photos",
            "PERLINSOS_DATA_DIR": str(folder),
            "PERLINSOS_NLU_MODEL": str(ROOT / "var" / "nlu" / "model.bin"),
            "PERLINSOS_PORT": str(self.port),
            "PERLINSOS_SANDBOX": "on",
            "PERLINSOS_SECRET_KEYS": crypto.new_key(),
            "NICEGUI_STORAGE_PATH": str(folder / "pages"),
            **{f"PERLINSOS_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is up. Raises RuntimeError with the log when it does not come up."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "serve", *self._arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=1):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise RuntimeError(f"the service did not start:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """kill -9: nothing is finished, nothing is said."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)

    def hang(self) -> None:
        """SIGSTOP: it does nothing any more, and its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def parts(self) -> dict[str, str]:
        """What /readyz says of each part."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                found: dict[str, str] = json.load(answer)
        except urllib.error.HTTPError as refused:
            found = json.load(refused)
        return found

    def stop(self) -> None:
        """End it in order. Raises AssertionError with the lines, masked, when its log or its metrics tell of somebody."""
        seen = ""
        if self._process is not None and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as metrics:
                    seen = metrics.read().decode()
            finally:
                self._end()
        told = leaks(f"{self.log.read_text()}\n{seen}", self.environment)
        assert not told, "private in the log or the metrics:\n" + "\n".join(told[:20])

    def _end(self) -> None:
        """Raises AssertionError when it does not end with 0."""
        assert self._process is not None
        self._process.terminate()
        try:
            assert self._process.wait(timeout=30) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)

    def command(self, *arguments: str) -> str:
        """What `perlinsos …` prints with this installation's settings."""
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
