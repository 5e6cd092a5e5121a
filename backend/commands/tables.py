"""`perlinsos export`: registrations, decisions or appeals as a file."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from backend.commands.common import err, with_database
from backend.db import Database
from backend.domain.regions import WIB
from backend.parts import now
from backend.repositories.listing import Filters
from backend.services import exports
from backend.services.exports import Format, Kind


def export(
    kind: Annotated[Kind, typer.Argument(help="what to write down")],
    to: Annotated[Path | None, typer.Option("--out", help="the file; without it stdout")] = None,
    region: Annotated[str, typer.Option(help="Kemendagri code such as 35.10; without it every region")] = "",
    since: Annotated[str, typer.Option(help="first day, such as 2026-11-01, western Indonesian time")] = "",
    until: Annotated[str, typer.Option(help="last day")] = "",
    status: Annotated[
        str, typer.Option(help="of registrations and appeals; `current` or `replaced` of decisions")
    ] = "",
    outcome: Annotated[str, typer.Option(help="such as eligible, or upheld")] = "",
    form: Annotated[Format, typer.Option("--format", help="Parquet holds the kinds of the columns too")] = "csv",
    personal: Annotated[bool, typer.Option(help="with name, NIK and KK")] = False,
) -> None:
    """Write all of them, the newest first, with constant memory. The audit log notes it."""
    filters = Filters(
        regions=(region,) if region else (),
        status=status,
        outcome=outcome,
        since=_day(since),
        before=_day(until, 1),
    )

    async def write(database: Database) -> int:
        async with database.write() as connection:
            actor = f"cli:{getpass.getuser()}"[:80]
            await exports.note(connection, kind, form, filters, actor, now(), personal=personal)
        with _opened(to) as file:
            written = 0
            async for piece in exports.FORMATS[form](database, kind, filters, personal=personal):
                written += file.write(piece)
        return written

    size = with_database(write)
    err.print(f"{kind}: {size:,} bytes", markup=False)


@contextmanager
def _opened(to: Path | None) -> Iterator[BinaryIO]:
    if to is None:
        yield typer.get_binary_stream("stdout")
        return
    to.touch(mode=0o600)  # nobody else on this machine reads it
    with to.open("wb") as file:
        yield file


def _day(said: str, more: int = 0) -> datetime | None:
    if not said:
        return None
    try:
        day = date.fromisoformat(said)
    except ValueError:
        raise typer.BadParameter(f"{said} is no day such as 2026-11-01") from None
    return datetime.combine(day + timedelta(days=more), time(), WIB)
