"""This machine and its processes: what they are, what they cost, how they start and stop."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 20.0


class NotStartedError(Exception):
    """A part did not come up; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class _Stat:
    """What /proc/PID/stat says: the parent, and CPU seconds of the process and of its ended, waited-for children."""

    parent: int
    seconds: float


class Part(AbstractContextManager["Part"]):
    """A process that is measured: started by `start`, stopped by its pid when the block ends."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    def start(self, ready: Callable[[], bool] = lambda: True) -> None:
        """Start it and wait until `ready`. Raises NotStartedError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                self._command, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if ready():
                return
            time.sleep(0.05)
        raise NotStartedError(f"{self.name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def kill(self) -> None:
        """kill -9: nothing is finished, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def program(name: str) -> str:
    """Where a program is; daemons are often not on a user's PATH. Raises NotStartedError."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotStartedError(f"{name} is not installed: `make services` installs it")
    return found


def end_in_order() -> None:
    """From now on SIGTERM ends this process as Ctrl+C does, so that what it has started is stopped too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds so far of each process and everything below it, ended children included."""
    stats = dict(_stats())
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)

    def of(pid: int) -> float:
        own = stats[pid].seconds if pid in stats else 0.0
        return own + sum(of(child) for child in children.get(pid, ()))

    return {name: of(pid) for name, pid in roots.items()}


def memory_mb(pid: int) -> int:
    """Memory of a process and everything below it in MB; of a page that several share, each has its share."""
    parents = {known: stat.parent for known, stat in _stats()}
    family = {pid}
    while more := {known for known, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(_share_kb(member) for member in family) // 1024


def peak_mb() -> int:
    """The most that this process has held so far, in MB. Not getrusage's: that begins with what the parent held."""
    return next((int(line.split()[1]) // 1024 for line in _lines("/proc/self/status") if line.startswith("VmHWM")), 0)


def _stats() -> Iterable[tuple[int, _Stat]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        fields = line.rpartition(")")[2].split()  # the name before it may hold spaces
        yield int(folder.name), _Stat(int(fields[1]), sum(map(int, fields[11:15])) / TICKS)


def _share_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def described() -> str:
    """One paragraph: when, on what, with which versions, and how busy the machine was."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    versions = [f"Python {platform.python_version()}", *filter(None, map(_version, _TOOLS))]
    return (
        f"{datetime.now(UTC):%d %B %Y, %H.%M} UTC, revision {_revision()}. "
        f"{cpu or platform.machine()}, {os.cpu_count()} cores, {memory} GB, Linux {platform.release()}; "
        f"{', '.join(versions)}. Load average at the start: {os.getloadavg()[0]:.1f}."
    )


_TOOLS = (("postgres", "--version"), ("nats-server", "--version"), ("nginx", "-v"), ("wrk", "-v"))


def _version(command: tuple[str, str]) -> str:
    from backend.commands.bench.postgres import PostgresMissingError, programs

    name, flag = command
    try:
        path = str(programs() / name) if name == "postgres" else program(name)
        done = subprocess.run([path, flag], capture_output=True, text=True, check=False)  # noqa: S603
    except (NotStartedError, PostgresMissingError):
        return ""
    words = next(iter((done.stdout or done.stderr).splitlines()), "").replace("(Debian", " ").split()
    numbers = [word.split("/")[-1].strip(":") for word in words if any(c.isdigit() for c in word)]
    return f"{name} {numbers[0]}" if numbers else ""


def _revision() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603, S607

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
