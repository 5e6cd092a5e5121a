"""`perlinsos bench nlu`: what understanding one message takes, by engine."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.commands.common import out

if TYPE_CHECKING:
    from nlu.understanding import Understands

DEFAULT_MODEL = Path("var/nlu/model.bin")
WARM_UP = 50


def bench_nlu(
    model: Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained file")] = DEFAULT_MODEL,
    rasa_url: Annotated[str, typer.Option(help="a running Rasa server; without it only the embedded engine")] = "",
    rasa_pid: Annotated[int, typer.Option(help="its process, for its memory")] = 0,
) -> None:
    """Latency, load time and memory of the engines over the development messages, one message at a time."""
    from nlu.corpus import DEV, read

    texts = [example.text for example in read(DEV)]
    out.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {len(texts)} messages\n"
    )
    out.print("| engine | load | p50 | p95 | memory |\n|---|---|---|---|---|")
    load, memory = _apart(model)
    out.print(_row("embedded", f"{load * 1000:.0f} ms", _embedded(model, texts), f"{memory} MB"))
    if rasa_url:
        took = asyncio.run(_rasa(rasa_url, model, texts))
        out.print(_row("rasa over HTTP", "–", took, f"{_memory_of(rasa_pid)} MB" if rasa_pid else "–"))


def _row(engine: str, load: str, took: Sequence[float], memory: str) -> str:
    ordered = sorted(took)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"| {engine} | {load} | {middle * 1000:.2f} ms | {late * 1000:.2f} ms | {memory} |"


def _embedded(model: Path, texts: Sequence[str]) -> list[float]:
    from nlu.embedded import EmbeddedEngine

    return asyncio.run(_timed(EmbeddedEngine.load(model), texts))


async def _timed(engine: Understands, texts: Sequence[str]) -> list[float]:
    """Seconds of each message, after a warm-up."""
    took = []
    for text in [*texts[:WARM_UP], *texts]:
        started = time.perf_counter()
        await engine.understand([text])
        took.append(time.perf_counter() - started)
    return took[WARM_UP:]


async def _rasa(url: str, model: Path, texts: Sequence[str]) -> list[float]:
    from backend.gateways.http import HttpClient, HttpError
    from nlu.embedded import EmbeddedEngine
    from nlu.rasa import RasaEngine

    fallback = EmbeddedEngine.load(model)
    async with HttpClient() as http:
        engine = RasaEngine(url, http.request, HttpError, fallback, fallback.model.rule, timeout=5.0)
        return await _timed(engine, texts)


def _apart(model: Path) -> tuple[float, int]:
    """Seconds to load the model in a process of its own, imports included, and that process's peak memory in MB."""
    code = (
        "import sys, time; started = time.perf_counter(); from pathlib import Path;"
        "from nlu.embedded import EmbeddedEngine; EmbeddedEngine.load(Path(sys.argv[1]));"
        "print(time.perf_counter() - started)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return float(done.stdout), peak


def _memory_of(pid: int) -> int:
    """Resident memory of a process in MB, where the system tells it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0
