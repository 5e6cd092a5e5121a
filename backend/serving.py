"""The process that `perlinsos serve` runs: an HTTP server that ends in order and says so with its exit status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from backend.main import create_app
from backend.worker import Runtime


class Server(uvicorn.Server):
    """Uvicorn raises the signal that ended it once more, and the process would count as killed. This one ends with 0."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        yield

    def _end(self, number: signal.Signals) -> None:
        # From now on not ready, and nothing more is taken; a second signal waits for nothing.
        self._runtime.stopping.set()
        self.handle_exit(number, None)


async def serve(runtime: Runtime) -> None:
    """Until SIGTERM or SIGINT."""
    settings = runtime.settings
    config = uvicorn.Config(
        create_app(runtime), host=settings.host, port=settings.port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    await Server(config, runtime).serve()
