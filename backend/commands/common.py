"""What the commands share: settings, the log, and a database for one piece of work."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import orjson
import structlog
import typer
from pydantic import ValidationError
from rich.console import Console

from backend import crypto
from backend.db import Database
from backend.settings import Settings

out = Console()
err = Console(stderr=True)
T = TypeVar("T")


def load_settings() -> Settings:
    """The settings, or one clear sentence a fault and exit 2. Installs the key ring."""
    try:
        settings = Settings()
        crypto.use(crypto.KeyRing(settings.secret_keys.get_secret_value()))
    except ValidationError as error:
        for fault in error.errors():
            place = "_".join(str(part) for part in fault["loc"]).upper()
            err.print(f"PERLINSOS_{place}: {fault['msg']}" if place else fault["msg"], style="red", markup=False)
        raise typer.Exit(2) from None
    except crypto.KeyRingError as error:
        fail(f"PERLINSOS_SECRET_KEYS: {error}", 2)
    _log_lines(settings.log_level)
    return settings


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say what is wrong and end."""
    err.print(sentence, style="red", markup=False)
    raise typer.Exit(code) from None


def _log_lines(level: str) -> None:
    """One JSON object a line on stderr; never a local variable of a traceback, which may be somebody's NIK."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: _Stderr(),
    )


class _Stderr:
    """Writes to whatever stderr is at that moment: a stream that was replaced and closed meanwhile must not stop a turn."""

    def msg(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = exception = log = msg


def open_database(settings: Settings) -> Database:
    """The configured database, for the work of one command."""
    return Database(settings.database_url, pool_size=4, pooler=settings.database_pooler == "on")


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` with the configured database."""
    settings = load_settings()

    async def run() -> T:
        database = open_database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
