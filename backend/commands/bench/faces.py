"""`perlinsos bench face`: from the bytes of a selfie as a phone takes it to the verdict, and a queue of them."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from backend.commands.bench import machine
from backend.commands.bench.load import percentile
from backend.commands.bench.report import Chart, Report, Series, table
from backend.commands.common import fail, out
from backend.gateways.faces import FacePool
from backend.sandbox import portraits

PIXELS = (3000, 4000)
ONE_CORE = 0


def bench_face(
    photos: Annotated[int, typer.Option(help="selfies, one after the other, on one core")] = 40,
    queued: Annotated[int, typer.Option(help="selfies that wait at the same time")] = 1000,
    results: Annotated[Path, typer.Option(help="folder of the figures and the chart")] = Path("bench/results"),
    save: Annotated[bool, typer.Option(help="write them there")] = True,
) -> None:
    """A selfie of 12 megapixels to its verdict, and a thousand of them through the pool of one child process."""
    machine.end_in_order()
    described = machine.described()
    try:
        reference, front, turned = portraits.portrait("collins"), _taken("front"), _taken("turned")
    except portraits.PortraitsMissing as error:
        fail(str(error))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as child:
        one = child.submit(_checks, reference, front, None, photos).result()
        two = child.submit(_checks, reference, front, turned, photos).result()
    seconds, cpu = asyncio.run(_queue(front, queued))
    rows = [_row("a selfie to its verdict", one), _row("a selfie and the turned photo", two)]
    report = Report(
        "face",
        "# Faces",
        [
            f"`perlinsos bench face --photos {photos} --queued {queued}`. {described}",
            f"JPEG of {PIXELS[0]} × {PIXELS[1]} pixels, {len(front) / 1e6:.1f} MB; one process on one core with its models "
            "loaded, from the bytes to the verdict.",
            table(("what", "median", "p95", "longest", "CPU"), rows),
            f"Memory of that process: {two.peak} MB at its peak, {one.idle} MB before the first photo.",
            f"{queued:,} selfies queued at once for a pool of one child process (taken in, shrunk, inspected, as a photo that "
            f"arrives in a chat is): **{queued / seconds:.1f} a second** on the clock, {cpu / queued * 1000:.0f} ms of CPU a "
            f"selfie, which is {queued / cpu:.1f} a second of one core that nobody else uses.",
        ],
        [
            Chart(
                "of all selfies, %",
                "within ms",
                [_curve("selfie", one.took), _curve("with the turned photo", two.took)],
            )
        ],
    )
    out.print(report.text, markup=False, highlight=False, soft_wrap=True)
    if save:
        report.write(results)


def _taken(kind: portraits.Kind) -> bytes:
    """A sample selfie as a phone's camera would hand it over, its noise included: without it the file is far too small."""
    with Image.open(io.BytesIO(portraits.selfie("collins", kind))) as picture:
        large = picture.convert("RGB").resize(PIXELS, Image.Resampling.BICUBIC)
    levels = np.asarray(large, dtype=np.float32)
    grain = np.random.default_rng(1).normal(scale=6, size=levels.shape).astype(np.float32)
    large = Image.fromarray((levels + grain).clip(0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Checks:
    """Milliseconds of each check in order, of CPU for one, and MB of the process at its peak and before the first photo."""

    took: list[float]
    cpu: float
    peak: int
    idle: int


def _checks(reference: bytes, selfie: bytes, turned: bytes | None, times: int) -> _Checks:
    """In a process of its own. The reference is described anew each time, which `ms` does not count and `cpu` would."""
    os.sched_setaffinity(0, {ONE_CORE})
    from backend.gateways.face_engine import FaceEngine

    engine = FaceEngine()
    engine.inspect(reference)
    idle = machine.memory_mb(os.getpid())
    took, cpu = [], 0.0
    for _ in range(times):
        before = time.process_time()
        engine.inspect(reference)
        known = time.process_time()
        found = engine.check(reference, selfie, turned)
        cpu += time.process_time() - known - (known - before)
        if not found["match"]:
            raise RuntimeError(f"the sample selfie was refused: {found['reason']}")
        took.append(float(str(found["ms"])))
    return _Checks(sorted(took), cpu / times * 1000, machine.peak_mb(), idle)


def _row(label: str, checks: _Checks) -> tuple[str, ...]:
    points = (percentile(checks.took, percent) for percent in (50, 95, 100))
    median, late, longest = (f"{ms:.0f} ms" for ms in points)
    return label, f"**{median}**", late, longest, f"{checks.cpu:.0f} ms"


async def _queue(selfie: bytes, count: int) -> tuple[float, float]:
    """Seconds on the clock and of CPU until the last of these selfies is done."""
    pool = FacePool(1)

    async def one() -> None:
        photo = await pool.take_in(selfie)
        problem = (await pool.inspect(photo.jpeg)).problem
        if problem is not None:
            raise RuntimeError(f"the sample selfie was refused: {problem}")

    try:
        await pool.warm_up()
        own = {"pool": os.getpid()}
        before, started = machine.cpu_seconds(own)["pool"], time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return time.perf_counter() - started, machine.cpu_seconds(own)["pool"] - before
    finally:
        pool.close()


def _curve(name: str, took: list[float]) -> Series:
    share = list(range(0, 101, 2))
    return Series(name, share, [percentile(took, percent) for percent in share])
