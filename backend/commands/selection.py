"""`perlinsos select`: decide the registrations that wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from backend.commands.common import err, load_settings, out
from backend.repositories import listing
from backend.services.selection import select_many
from backend.worker import build, now


def select(
    region: Annotated[str, typer.Option(help="Kemendagri code such as 35.10; without it every region")] = "",
    progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True,
) -> None:
    """Decide every registration that waits, and queue the news for its chat."""
    counts = asyncio.run(_select(region, progress))
    table = Table("outcome", "registrations")
    for outcome, count in sorted(counts.items()):
        table.add_row(outcome, str(count))
    out.print(table)


async def _select(region: str, shown: bool) -> Counter[str]:
    runtime = await build(load_settings())
    waiting = listing.Filters(regions=(region,) if region else (), status="submitted")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        async with runtime.database.read() as connection:
            total = await listing.count_registrations(connection, waiting)
        with Progress(*columns, console=err, disable=not shown) as bar:
            task = bar.add_task("selection", total=total)
            counts, _ = await select_many(runtime.work, region, now(), lambda done: bar.advance(task, done))
    finally:
        await runtime.stop()
    return counts
