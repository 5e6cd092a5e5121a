"""`perlinsos import`: files of regions and data owners into the local tables."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn
from rich.table import Table

from backend import collector
from backend.commands.common import err, fail, out, with_database
from backend.db import Database
from backend.parts import now
from backend.services.import_formats import FORMATS
from backend.services.import_reading import BadFile
from backend.services.imports import Counts, ImportRefused, import_file, try_out

Kind = StrEnum("Kind", {kind: kind for kind in FORMATS})  # type: ignore[misc]  # the formats are the list


def import_command(
    kind: Annotated[Kind, typer.Argument(help="what the file holds")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, UTF-8, with a header")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="store nothing, say what would become of it")] = False,
    report: Annotated[
        Path | None, typer.Option(help="where the rows that are not taken are told; without it FILE.rejected.csv")
    ] = None,
    restart: Annotated[bool, typer.Option(help="do not go on with an interrupted import of this file")] = False,
    progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True,
) -> None:
    """Import a file, or go on with it after an interruption. The same file again changes nothing."""
    told = report or file.with_name(file.name + ".rejected.csv")
    actor = f"cli:{getpass.getuser()}"[:80]
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())

    async def run(database: Database) -> Counts:
        with collector.seldom_within(), Progress(*columns, console=err, disable=not progress) as bar:
            task = bar.add_task(kind.value, total=file.stat().st_size)

            def show(done: int, of: int) -> None:
                bar.update(task, completed=done, total=of)

            if dry_run:
                return await try_out(database, kind.value, file, told, now(), show)
            return await import_file(database, kind.value, file, told, actor, now, restart=restart, progress=show)

    try:
        counts = with_database(run)
    except (BadFile, ImportRefused) as error:
        fail(f"{file}: {error}")
    _tell(counts, told, dry_run)


def _tell(counts: Counts, report: Path, dry_run: bool) -> None:
    table = Table("rows", "new", "changed", "unchanged", "not taken")
    figures = (counts.rows, counts.added, counts.changed, counts.unchanged, counts.rejected)
    table.add_row(*(f"{figure:,}" for figure in figures))
    out.print(table)
    if counts.rejected:
        out.print(f"The rows that are not taken, each with its line and reason: {report}", markup=False, soft_wrap=True)
    if dry_run:
        out.print("Nothing was stored.")
