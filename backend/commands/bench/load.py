"""Load: `wrk` as fast as answers come, or updates at an even pace whether answers come or not (pacer.py)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from backend.commands.bench.machine import TICKS, program

LONGEST_S = 1800
ALL_DONE = "all done"
# One line of the file is one request. The first call is wrk trying the script out, and nothing of it is sent. When the
# lines are at an end, a connection gets nothing more to do; when none has, the run is over, which wrk must be told.
_LUA = """
local updates, connections = io.open(os.getenv("BENCH_UPDATES")), tonumber(os.getenv("BENCH_CONNECTIONS"))
local headers = {["Content-Type"] = "application/json", ["X-Telegram-Bot-Api-Secret-Token"] = os.getenv("BENCH_SECRET")}
local tried, idle = false, 0
request = function()
  if not tried then
    tried = true
    return wrk.format("POST", nil, headers, "{}")
  end
  local update = updates:read("*l")
  if update then return wrk.format("POST", nil, headers, update) end
  idle = idle + 1
  if idle == connections then io.stderr:write("ALL_DONE\\n") end
  return ""
end
done = function(summary, latency)
  io.stderr:write(string.format('{"requests": %d, "refused": %d, "broken": %d, "p50": %f, "p99": %f}\\n',
    summary.requests, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
""".replace("ALL_DONE", ALL_DONE)


class LoadError(Exception):
    """The load could not be put on as wanted: the figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the webhook is, and its secret."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator saw. Latencies in ms from request to acknowledgement; CPU in seconds, start included."""

    started: float
    ended: float
    requests: int
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Paced:
    """One update of the paced load: moments in seconds of the epoch; `acknowledged` 0 when no 2xx came."""

    sent: float
    acknowledged: float
    late: float


def wrk(target: Target, updates: Path, connections: int, env: Mapping[str, str]) -> Load:
    """Post every line of the file, in order. Raises LoadError when anything was refused."""
    script = updates.with_name("load.lua")
    script.write_text(_LUA, encoding="utf-8")
    command = [
        program("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{LONGEST_S}s",
        "--timeout",
        "60s",
        "-s",
        str(script),
        target.url,
    ]
    more = {"BENCH_UPDATES": str(updates), "BENCH_CONNECTIONS": str(connections), "BENCH_SECRET": target.secret}
    started, cpu = time.time(), _children_seconds()
    with subprocess.Popen(  # noqa: S603 - wrk
        command, env={**env, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - asked for
        first = process.stderr.readline()
        ended = time.time()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    if first.strip() != ALL_DONE:
        raise LoadError(f"wrk ended with {process.returncode}: {first}{rest}")
    said = orjson.loads(rest.splitlines()[-1])
    if said["refused"] or said["broken"]:
        raise LoadError(f"{said['refused']} requests were refused and {said['broken']} broke")
    return Load(started, ended, int(said["requests"]), said["p50"], said["p99"], _children_seconds() - cpu)


def paced(target: Target, updates: Path, rate: float, env: Mapping[str, str]) -> tuple[Load, list[Paced]]:
    """Post the lines at `rate` a second from a process of its own. Raises LoadError when anything was refused."""
    seen = updates.with_suffix(".seen")
    more = {"BENCH_SECRET": target.secret}
    command = [
        sys.executable,
        str(Path(__file__).with_name("pacer.py")),
        target.url,
        str(updates),
        str(rate),
        str(seen),
    ]
    started, cpu = time.time(), _children_seconds()
    done = subprocess.run(command, env={**env, **more}, check=False)  # noqa: S603 - our own module
    if done.returncode != 0:
        raise LoadError(f"the load generator ended with {done.returncode}")
    found = [Paced(*map(float, line.split())) for line in seen.read_text(encoding="ascii").splitlines()]
    refused = sum(not update.acknowledged for update in found)
    if refused:
        raise LoadError(f"{refused} of {len(found)} updates were not acknowledged")
    took = sorted((update.acknowledged - update.sent) * 1000 for update in found)
    load = Load(started, time.time(), len(found), percentile(took, 50), percentile(took, 99), _children_seconds() - cpu)
    return load, found


def percentile(ordered: list[float], percent: float) -> float:
    """The value below which `percent` of the values lie; 0 for none."""
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0


def _children_seconds() -> float:
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[13:15])) / TICKS
