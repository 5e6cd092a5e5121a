"""The command line: `perlinsos --help` names its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvloop

from backend.commands.accounts import key_app, user_app
from backend.commands.bench import bench_app
from backend.commands.bench_selection import bench_selection
from backend.commands.broadcasts import broadcast_app
from backend.commands.common import fail, load_settings, open_database, out, with_database
from backend.commands.dead import dead_app
from backend.commands.dialogs import dialogs
from backend.commands.doctor import doctor
from backend.commands.duplicates import duplicates
from backend.commands.facilitators import facilitator_app
from backend.commands.imports import import_command
from backend.commands.nlu import nlu_app
from backend.commands.partitions import partitions
from backend.commands.policy import policy_app
from backend.commands.selection import select
from backend.commands.tables import export
from backend.commands.whatsapp import whatsapp_app
from backend.migrate import migrate as bring_up
from backend.roles import Role
from backend.settings import Settings
from backend.worker import build

app = typer.Typer(no_args_is_help=True, help="Perlinsos in chat.", pretty_exceptions_show_locals=False)
face_app = typer.Typer(no_args_is_help=True, help="Face comparison.")
for name, group in {
    "key": key_app,
    "nlu": nlu_app,
    "face": face_app,
    "user": user_app,
    "whatsapp": whatsapp_app,
    "bench": bench_app,
    "dead": dead_app,
    "policy": policy_app,
    "facilitator": facilitator_app,
    "broadcast": broadcast_app,
}.items():
    app.add_typer(group, name=name)
bench_app.command("selection")(bench_selection)
app.command()(select)
app.command("import")(import_command)
app.command()(export)
app.command()(dialogs)
app.command()(doctor)
app.command()(duplicates)
app.command()(partitions)


@app.command()
def serve(
    role: Annotated[
        list[Role] | None, typer.Option(help="what this process does; may be repeated; without it everything")
    ] = None,
) -> None:
    """Run the service, or one of its processes."""
    settings = load_settings()
    fault = settings.misfit(role or ())
    if fault:
        fail(fault, 2)
    settings.data_dir.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        from backend.serving import serve  # the web stack loads only for the command that needs it

        if settings.sandbox == "on" and not role:
            await migrate_first(settings)
        await serve(await build(settings, role or ()))

    uvloop.run(run())  # half the CPU of asyncio's own loop for a message


async def migrate_first(settings: Settings) -> None:
    """A sandbox brings its own schema up; in production that is an operator's deliberate act."""
    database = open_database(settings)
    try:
        await bring_up(database)
    finally:
        await database.close()


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with_database(bring_up)
    out.print("schema is up to date")


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
