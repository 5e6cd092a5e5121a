"""A real Rasa of the tests' own: installed, trained and served by `scripts/rasa`, on a free port of 127.0.0.1."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from nlu.embedded import train
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "var" / "rasa" / "tests"
STARTS_WITHIN_S = 120.0
"""Rasa imports TensorFlow: 5 s when nothing else runs, much longer the first time on a busy machine."""

_NOT_TRAINED = {"amounts.py", "parse.py", "rasa.py", "slots.py"}


@dataclass(frozen=True, slots=True)
class Models:
    """Both engines, trained from the same files."""

    rasa: Path
    embedded: Path


def trained_models() -> Models:
    """Trained once and kept until data, code or Rasa change. Installs Rasa when it is missing."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / _fingerprint()
    models = Models(folder / "rasa.tar.gz", folder / "embedded.bin")
    with _alone():
        if not models.rasa.exists():
            fresh = folder / "fresh" / models.rasa.name
            order = ["nice", "-n", "10", "scripts/rasa", "train", str(fresh)]
            done = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
            fresh.replace(models.rasa)
        if not models.embedded.exists():
            train(models.embedded)
    return models


def _fingerprint() -> str:
    """Of everything that a model depends on."""
    modules = {file for file in (ROOT / "nlu").glob("*.py") if file.name not in _NOT_TRAINED}
    files = [*modules, *(ROOT / "nlu").glob("*.yml"), *(ROOT / "nlu" / "data").glob("*.yml")]
    files += [ROOT / "requirements" / "rasa.lock", ROOT / "scripts" / "rasa"]
    files += [ROOT / "bot" / "events.py", ROOT / "backend" / "domain" / "values.py"]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@contextmanager
def _alone() -> Iterator[None]:
    """Two runs of the tests must not install into one folder at the same time."""
    with (KEPT / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class RasaServer:
    """`rasa run` on one port; `start`, `kill` (as a crash would) and `stop` as often as wanted."""

    def __init__(self, model: Path, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._model = model
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when a model answers. Raises RuntimeError with the log when it does not come to that."""
        environment = {**os.environ, "RASA_PORT": str(self.port), "RASA_HOST": "127.0.0.1"}
        order = ["scripts/rasa", "serve", str(self._model)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(order, cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/status", timeout=1):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"Rasa did not start:\n{self.said()[-4000:]}")

    def said(self) -> str:
        """Its whole log."""
        return self._log.read_text()

    def hang(self) -> None:
        """It accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(timeout=10)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=10)

    def __enter__(self) -> RasaServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
