"""`perlinsos select`: decide the registrations that wait for it."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from backend import collector
from backend.commands.common import err, fail, load_settings, out, with_database
from backend.db import Database
from backend.parts import Parts, now
from backend.policy.loading import load_baseline
from backend.repositories import decisions, jobs
from backend.repositories.selection_runs import RunRow
from backend.services import selection_runs
from backend.services.replay import Replayed, replay
from backend.services.rulebook import Rulebook
from backend.services.selection_runs import RunMoved


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
    """Decide every registration that waits; their chats hear of it through the running service.

    What an interruption has left is gone on with.
    """
    if replay_number:
        _replay(replay_number)
        return
    try:
        run = asyncio.run(_select(region, progress))
    except RunMoved:
        fail("another process carries this selection on")
    table = Table("outcome", "registrations")
    for outcome in ("eligible", "not_eligible", "waiting", "skipped"):
        if count := getattr(run, outcome):
            table.add_row(outcome, f"{count:,}")
    out.print(table)


async def _select(region: str, shown: bool) -> RunRow:
    parts = Parts(load_settings())
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        async with parts.database.write() as connection:
            run, new = await selection_runs.begin(connection, region, f"cli:{getpass.getuser()}"[:80], now())
            if new:
                # The service hands the news on, at the pace of the channels.
                await jobs.add(connection, [jobs.JobDraft(None, selection_runs.TELL_JOB, {"run_id": run.id})], now())
        if not new:
            err.print(f"Going on with the selection of {run.started_at:%Y-%m-%d %H:%M} UTC.", markup=False)
        with collector.seldom_within(), Progress(*columns, console=err, disable=not shown) as bar:
            task = bar.add_task("selection", total=run.total, completed=run.looked_at)
            async for so_far in selection_runs.carry_out(parts.executors.work, run, now):
                run = so_far
                bar.update(task, completed=run.looked_at)
    finally:
        await parts.close()
    return run


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
