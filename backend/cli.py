"""The command line: `perlinsos serve`, `migrate`, `doctor`, `select`, `user`, `key`, `nlu`, `face`, `whatsapp`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import orjson
import structlog
import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from backend import crypto
from backend.db import Database
from backend.migrate import drift
from backend.migrate import migrate as bring_up
from backend.settings import Settings
from backend.worker import build

app = typer.Typer(no_args_is_help=True, help="Perlinsos in chat.", pretty_exceptions_show_locals=False)
key_app = typer.Typer(no_args_is_help=True, help="Keys: the ring that seals personal data, and bearer keys of the API.")
nlu_app = typer.Typer(no_args_is_help=True, help="Understanding of free text.")
face_app = typer.Typer(no_args_is_help=True, help="Face comparison.")
user_app = typer.Typer(no_args_is_help=True, help="Console logins.")
whatsapp_app = typer.Typer(no_args_is_help=True, help="WhatsApp through Twilio.")
for name, group in {
    "key": key_app,
    "nlu": nlu_app,
    "face": face_app,
    "user": user_app,
    "whatsapp": whatsapp_app,
}.items():
    app.add_typer(group, name=name)

Model = Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained file")]
DEFAULT_MODEL = Path("var/nlu/model.bin")

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
        err.print(f"PERLINSOS_SECRET_KEYS: {error}", style="red", markup=False)
        raise typer.Exit(2) from None
    _log_lines(settings.log_level)
    return settings


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` with the configured database."""
    settings = load_settings()

    async def run() -> T:
        database = Database(settings.database_url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


@app.command()
def serve() -> None:
    """Run the service."""
    from backend.main import create_app  # the web stack loads only for the command that needs it

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        runtime = await build(settings)
        config = uvicorn.Config(
            create_app(settings, runtime), host=settings.host, port=settings.port, log_level="warning", access_log=False,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        await uvicorn.Server(config).serve()

    asyncio.run(run())


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with_database(bring_up)
    out.print("schema is up to date")


@app.command()
def doctor() -> None:
    """Look at every part and say what is wrong."""
    settings = load_settings()

    async def look() -> dict[str, str]:
        runtime = await build(settings)
        try:
            checks = await runtime.ready()
            differences = await drift(runtime.database) if checks["database"] == "ok" else []
        finally:
            await runtime.stop()
        return {**checks, "schema": "ok" if not differences else "run `perlinsos migrate`"}

    checks = asyncio.run(look())
    table = Table("part", "state")
    for part, state in checks.items():
        table.add_row(part, f"[green]{state}[/]" if state == "ok" else f"[red]{state}[/]")
    out.print(table)
    if any(state != "ok" for state in checks.values()):
        raise typer.Exit(1)


@key_app.command("ring")
def key_ring() -> None:
    """Print one new entry for PERLINSOS_SECRET_KEYS."""
    typer.echo(crypto.new_key())


@nlu_app.command("train")
def nlu_train(model: Model = DEFAULT_MODEL) -> None:
    """Train the embedded engine from nlu/data."""
    from nlu.embedded import train

    model.parent.mkdir(parents=True, exist_ok=True)
    report = train(model)
    out.print(f"{report.examples} examples, {report.intents} intents, {report.seconds:.1f} s")


@face_app.command("check")
def face_check(
    reference: Path,
    selfie: Path,
    turned: Annotated[Path | None, typer.Option(help="the second photo, head turned")] = None,
) -> None:
    """Compare two photos and print one JSON object."""
    from backend.gateways.faces import face_check as check

    found = check(reference.read_bytes(), selfie.read_bytes(), turned.read_bytes() if turned else None)
    typer.echo(orjson.dumps(found).decode())


def main() -> None:
    app()


if __name__ == "__main__":
    main()
