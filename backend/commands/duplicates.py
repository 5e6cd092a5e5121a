"""`perlinsos duplicates`: look at all registrations for what looks like one person twice."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from backend.commands.common import err, out, with_database
from backend.db import Database
from backend.parts import now
from backend.repositories import registrations, review_cases
from backend.repositories.listing import Filters
from backend.services.duplicates import examine

PAGE = 1000


def duplicates(progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True) -> None:
    """Examine every registration, also those from before the service did so by itself.

    What is found becomes review cases, nothing else. Running it again finds nothing twice.
    """

    async def run(database: Database) -> int:
        async with database.read() as connection:
            before = await review_cases.count(connection, Filters())
            total = await registrations.count(connection)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, disable=not progress) as bar:
            task = bar.add_task("registrations", total=total)
            last = 0
            while True:
                async with database.write() as connection:
                    ids = await registrations.following(connection, last, PAGE)
                    await examine(connection, database, ids, now())
                if not ids:
                    break
                last = ids[-1]
                bar.advance(task, len(ids))
        async with database.read() as connection:
            return await review_cases.count(connection, Filters()) - before

    out.print(f"{with_database(run):,} new review cases")
