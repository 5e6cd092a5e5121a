"""The services of docker-compose.yml as local processes: their very commands and environment, with addresses of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.compose import project
from tests.compose.project import ComposeService
from tests.postgres import free_port
from tests.repo import source

HEALTHY_WITHIN_S = 90.0


def program(name: str) -> str:
    """A program that Debian may keep off the PATH of users."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"{name} is not installed: `make services` installs it"
    return found


class Processes:
    """`places` maps what the file calls an address (`database:5432`) to one of this machine. All end with the block."""

    def __init__(self, folder: Path, places: Mapping[str, str], extra: Mapping[str, str]) -> None:
        self.folder = folder
        self.places = dict(places)
        self._extra = extra
        self._running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}

    def place(self, service: str, port: int) -> str:
        """Where this service listens here; a free port, the first time."""
        return self.places.setdefault(f"{service}:{port}", f"127.0.0.1:{free_port()}")

    def here(self, text: str) -> str:
        """The text with every address of the project replaced."""
        for there, address in self.places.items():
            text = text.replace(there, address)
        return text

    def environment(self, service: ComposeService) -> dict[str, str]:
        """What the container would have, with the addresses and folders of this machine."""
        port = self.place(service.name, 8000).rpartition(":")[2]
        folder = self.folder / service.name
        folder.mkdir(exist_ok=True)
        image = {name: value for name, value in project.image_environment().items() if name != "PATH"}
        wanted = {**image, **self._extra, **service.environment}
        here = {name: self.here(value) for name, value in wanted.items()}
        moved = {
            name: value.replace("/app/model/nlu.bin", str(source.ROOT / "var" / "nlu" / "model.bin"))
            .replace("/data", str(folder))
            .replace("/tmp", str(folder))
            for name, value in here.items()
        }
        moved |= {"PERLINSOS_HOST": "127.0.0.1", "PERLINSOS_PORT": port}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERLINSOS_", "AWS_"))}
        return {**kept, **moved}

    def run(self, service: ComposeService) -> None:
        """A service that ends: its command, to the end. Raises AssertionError with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli", *service.command],
            cwd=source.ROOT,
            env=self.environment(service),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, service: ComposeService) -> None:
        command = [sys.executable, "-m", "backend.cli", *service.command]
        self.launch(service.name, command, self.environment(service), service.grace)

    def launch(self, name: str, command: Sequence[str], environment: Mapping[str, str], grace: float) -> None:
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command, cwd=source.ROOT, env=dict(environment), stdout=log, stderr=log, start_new_session=True
            )
        self._running[name] = process, grace

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def healthy(self, service: ComposeService) -> None:
        """Wait until the command of its health check succeeds. Raises AssertionError with its log."""
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while not self._asked(service):
            process = self._running.get(service.name)
            alive = process is None or process[0].poll() is None
            assert alive, f"{service.name} ended: {self._said(service.name)}"
            assert time.monotonic() < deadline, f"{service.name} is not healthy: {self._said(service.name)}"
            time.sleep(0.1)

    def _asked(self, service: ComposeService) -> bool:
        """The health check as it stands in the file, with the port that the service has here."""
        command = service.health
        for there, address in self.places.items():
            name, _, port = there.partition(":")
            if name == service.name:
                command = [part.replace(f"127.0.0.1:{port}", address) for part in command]
        if command[0] == "python":
            command = [sys.executable, *command[1:]]
        elif command[0] == "wget":
            return _answers(command[-1])
        done = subprocess.run(
            [program(command[0]), *command[1:]],
            env={**os.environ, **self._postgres()},
            capture_output=True,
            timeout=20,
            check=False,
        )
        return done.returncode == 0

    def _postgres(self) -> dict[str, str]:
        host, _, port = self.places["database:5432"].partition(":")
        return {"PGHOST": host, "PGPORT": port}

    def _said(self, name: str) -> str:
        log = self.log(name)
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def stop(self) -> dict[str, int]:
        """SIGTERM for all, as `docker compose down` does it; the exit status of each, -9 for one that took too long."""
        for process, _ in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        found: dict[str, int] = {}
        for name, (process, grace) in self._running.items():
            try:
                found[name] = process.wait(timeout=max(started + grace - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                found[name] = process.wait()
        self._running.clear()
        return found

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
