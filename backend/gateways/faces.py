"""Face work off the event loop: a pool of child processes that hold the models, replaced when one dies.

The dlib models are never loaded in the calling process; everything that crosses over is bytes and plain values.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from backend import metrics
from backend.gateways.face_report import (
    DISTANCE_THRESHOLD,
    SCORE_THRESHOLD,
    FaceProblem,
    FaceReport,
    SelfieProblem,
    SelfieVerdict,
    compare,
    score,
)
from backend.gateways.photos import SELFIE_SIDE, Photo, take_in

__all__ = [
    "DISTANCE_THRESHOLD",
    "SCORE_THRESHOLD",
    "FaceEngineDied",
    "FacePool",
    "FaceProblem",
    "FaceReport",
    "SelfieProblem",
    "SelfieVerdict",
    "compare",
    "face_check",
    "score",
]

R = TypeVar("R")


class FaceEngineDied(Exception):
    """The child process died, or was ended at its deadline, twice on the same work: repeat later, then with another photo."""

    retryable = True


class FacePool:
    """Child processes with loaded models. `workers` at a time; further calls wait in line.

    `deadline_s` bounds each piece of work, the waiting not included: a picture that sends a decoder round in circles costs
    one child, not the service.
    """

    def __init__(self, workers: int = 1, deadline_s: float = 30.0) -> None:
        self._workers = workers
        self._deadline_s = deadline_s
        self._executor: ProcessPoolExecutor | None = None

    async def inspect(self, jpeg: bytes) -> FaceReport:
        """Describe one photo; see FaceReport."""
        return await self.run(_inspect, jpeg)

    async def verify_selfie(self, front: bytes, turned: bytes) -> SelfieVerdict:
        """Judge a front photo and one with the head turned; see FaceEngine.verify_selfie."""
        return await self.run(_verify_selfie, front, turned)

    async def take_in(self, data: bytes, side: int = SELFIE_SIDE) -> Photo:
        """`photos.take_in` in a child: decoders of strangers' bytes stay out of the server. Raises NotAPhoto."""
        return await self.run(take_in, data, side)

    async def warm_up(self) -> None:
        """Load the models now, so that the first citizen does not wait for them."""
        await asyncio.gather(*(self.run(_inspect, b"") for _ in range(self._workers)))

    async def run(self, work: Callable[..., R], *args: Any) -> R:
        """Run a module-level function in a child. Repeated once if the child dies or is too slow; then FaceEngineDied."""
        with metrics.FACES_IN_LINE.track_inprogress(), metrics.FACE_SECONDS.labels(work.__name__.strip("_")).time():
            for _ in range(2):
                executor = self._ready()
                try:
                    return await asyncio.wrap_future(executor.submit(_within, self._deadline_s, work, args))
                except BrokenProcessPool:
                    self._discard(executor)
            raise FaceEngineDied("the face process died twice on the same work")

    def close(self) -> None:
        """End the children; work that has not begun is dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _ready(self) -> ProcessPoolExecutor:
        if self._executor is None:
            # spawn: a fork would copy the loop, the sockets and the key ring of the server into the child
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_prepare_child)
        return self._executor

    def _discard(self, executor: ProcessPoolExecutor) -> None:
        executor.shutdown(wait=False, cancel_futures=True)
        if self._executor is executor:
            self._executor = None


def face_check(reference: bytes, selfie: bytes, turned: bytes | None = None) -> dict[str, object]:
    """What `perlinsos face check` prints; see FaceEngine.check. Loads the models into the calling process: for a command
    line, not for the server.
    """
    from backend.gateways.face_engine import FaceEngine

    return FaceEngine().check(reference, selfie, turned)


_engine: Any = None


def _prepare_child() -> None:
    global _engine
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    from backend.gateways.face_engine import FaceEngine

    _engine = FaceEngine()
    os.nice(5)  # a photo may wait a moment, a webhook may not; the loading before it holds everybody up


def _within(deadline_s: float, work: Callable[..., R], args: tuple[Any, ...]) -> R:
    # Python sees a signal only between two steps of its own; the default action of SIGALRM ends the process whatever a
    # decoder is doing, and the pool replaces it.
    signal.setitimer(signal.ITIMER_REAL, deadline_s)
    try:
        return work(*args)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _leave_with_parent() -> None:
    """A killed server cannot end its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _inspect(jpeg: bytes) -> FaceReport:
    report: FaceReport = _engine.inspect(jpeg)
    return report


def _verify_selfie(front: bytes, turned: bytes) -> SelfieVerdict:
    verdict: SelfieVerdict = _engine.verify_selfie(front, turned)
    return verdict
