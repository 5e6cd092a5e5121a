"""`perlinsos select`: decide the registrations that wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from backend.commands.common import err, fail, load_settings, out, with_database
from backend.db import Database
from backend.parts import Parts, now
from backend.policy.loading import load_baseline
from backend.repositories import decisions, listing
from backend.services.replay import Replayed, replay
from backend.services.rulebook import Rulebook
from backend.services.selection import select_many


def select(
    region: Annotated[str, typer.Option(help="Kemendagri code such as 35.10; without it every region")] = "",
    progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True,
    replay_number: Annotated[
        str,
        typer.Option(
            "--replay",
            metavar="NUMBER",
            help="decide nothing: make the decisions of this registration again (PRL-…, the id of one decision, or "
            "`all`) from what they stored, and say whether the same comes out",
        ),
    ] = "",
) -> None:
    """Decide every registration that waits, and queue the news for its chat."""
    if replay_number:
        _replay(replay_number)
        return
    counts = asyncio.run(_select(region, progress))
    table = Table("outcome", "registrations")
    for outcome, count in sorted(counts.items()):
        table.add_row(outcome, str(count))
    out.print(table)


async def _select(region: str, shown: bool) -> Counter[str]:
    parts = Parts(load_settings())
    waiting = listing.Filters(regions=(region,) if region else (), status="submitted")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        async with parts.database.read() as connection:
            total = await listing.count_registrations(connection, waiting)
        with Progress(*columns, console=err, disable=not shown) as bar:
            task = bar.add_task("selection", total=total)
            counts, _ = await select_many(parts.executors.work, region, now(), lambda done: bar.advance(task, done))
    finally:
        await parts.close()
    return counts


def _replay(number: str) -> None:
    """Exit 1 when a decision is not reproduced, or there is none. Of `all`, only those are listed that are not."""
    total, shown = with_database(lambda database: _replayed(database, number))
    if not total:
        fail(f"there is no decision of {number}")
    for one in shown:
        told = "; ".join(one.differences) or "reproduced bit for bit"
        out.print(
            f"decision {one.decision_id} of {one.decided_at:%Y-%m-%d %H:%M} UTC, {one.rule_set} {one.version}, "
            f"{one.outcome}: {told}",
            markup=False,
            soft_wrap=True,
        )
    differing = sum(1 for one in shown if one.differences)
    out.print(f"{total - differing:,} of {total:,} decisions are reproduced bit for bit.", soft_wrap=True)
    if differing:
        raise typer.Exit(1)


async def _replayed(database: Database, number: str) -> tuple[int, list[Replayed]]:
    """How many there are, and those to show."""
    book = Rulebook(load_baseline())
    everybody = number == "all"
    row_id = int(number) if number.isdecimal() else None
    total, after = 0, 0
    shown: list[Replayed] = []
    while True:
        async with database.read() as connection:
            page = await decisions.full(
                connection, number="" if everybody or row_id is not None else number, row_id=row_id, after=after
            )
            made = await replay(connection, book, page)
        if not page:
            return total, shown
        total += len(made)
        shown += [one for one in made if one.differences or not everybody]
        after = page[-1].id
