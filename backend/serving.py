"""The process that `perlinsos serve` runs: an HTTP server that ends in order and says so with its exit status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from backend import collector
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


def keep_for_good() -> None:
    """What the process has loaded by now stays as long as it does: loggers are kept, the collector looks elsewhere."""
    # Here and not where lines are set up: a logger that is kept never learns of another set-up in the same process.
    structlog.configure(cache_logger_on_first_use=True)
    collector.seldom()


async def serve(runtime: Runtime) -> None:
    """Until SIGTERM or SIGINT."""
    settings = runtime.settings
    config = uvicorn.Config(
        create_app(runtime), host=settings.host, port=settings.port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    keep_for_good()
    await Server(config, runtime).serve()
