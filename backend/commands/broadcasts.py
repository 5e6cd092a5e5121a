"""`perlinsos broadcast`: write to many, with a list that is frozen and a second person who approves."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

import typer
from rich.table import Table

from backend.commands.common import fail, load_settings, out, with_database
from backend.db import Database
from backend.domain.broadcasts import Act, NotPossibleError, Template, problem_of
from backend.parts import Parts, now
from backend.repositories import broadcasts as stored
from backend.repositories.broadcasts import BroadcastRow
from backend.repositories.listing import Page
from backend.services import broadcasts

broadcast_app = typer.Typer(no_args_is_help=True, help="Write to many at once.")
Number = Annotated[int, typer.Argument(help="its number, as `broadcast list` shows it")]


@broadcast_app.command("write")
def write(
    name: Annotated[str, typer.Argument(help="what officers call it")],
    template: Annotated[Template, typer.Option(help="which words")],
    param: Annotated[
        list[str] | None, typer.Option(help="what the template takes, as place=Balai Desa; repeat it")
    ] = None,
    region: Annotated[str, typer.Option(help="only people registered there, such as 35.10")] = "",
    outcome: Annotated[str, typer.Option(help="only those with this result: eligible, not_eligible, waiting")] = "",
    channel: Annotated[str, typer.Option(help="only chats of this channel")] = "",
) -> None:
    """A draft, and how it reads. Nobody gets anything before it has been frozen and approved."""
    params = dict(one.partition("=")[::2] for one in param or ())
    if problem := problem_of(template, params):
        fail(problem, 2)

    async def written(database: Database) -> BroadcastRow:
        async with database.write() as connection:
            return await broadcasts.write(
                connection, name=name, template=template, params=params, region=region, outcome=outcome,
                channel=channel, not_before=None, actor=_actor(), now=now(),
            )  # fmt: skip

    row = with_database(written)
    out.print(f"Broadcast {row.id} is a draft. It reads:\n", markup=False)
    out.print(broadcasts.words(row.template, row.params, "PRL-7K2M-93"), markup=False, highlight=False)


@broadcast_app.command("list")
def list_() -> None:
    """The newest fifty."""

    async def read(database: Database) -> list[BroadcastRow]:
        async with database.read() as connection:
            return await stored.newest(connection, (), Page(50))

    table = Table("number", "name", "template", "status", "recipients", "written by")
    for row in with_database(read):
        table.add_row(str(row.id), row.name, row.template, row.status, f"{row.total:,}", row.created_by)
    out.print(table)


@broadcast_app.command("show")
def show(number: Number) -> None:
    """How far it has come: how many of its list are in which state."""

    async def read(database: Database) -> tuple[BroadcastRow | None, dict[str, int]]:
        async with database.read() as connection:
            return await stored.by_id(connection, number), await stored.counts(connection, number)

    row, states = with_database(read)
    if row is None:
        fail(f"there is no broadcast {number}")
    told = f"{row.name}: {row.status}, {row.total:,} recipients, {row.without_chat:,} more have no chat"
    out.print(told, markup=False, highlight=False)
    table = Table("state", "recipients")
    for state, count in sorted(states.items()):
        table.add_row(state, f"{count:,}")
    out.print(table)


def _command(act: Act, told: str) -> None:
    def command(number: Number) -> None:
        row = asyncio.run(_step(number, act))
        out.print(f"Broadcast {row.id} is {row.status}, {row.total:,} recipients.", markup=False, highlight=False)

    command.__doc__ = told
    broadcast_app.command(act.value)(command)


for _act, _told in {
    Act.FREEZE: "Write down who gets it; the list never changes afterwards.",
    Act.APPROVE: "Begin to send. Above a hundred recipients that must be somebody else than its author.",
    Act.PAUSE: "Hand no more to the senders for now.",
    Act.RESUME: "Go on where it was paused.",
    Act.CANCEL: "Send nobody anything more of it.",
    Act.RETRY: "Send again what failed for sure; what is unknown may have arrived and is left alone.",
}.items():
    _command(_act, _told)


async def _step(number: int, act: Act) -> BroadcastRow:
    parts = Parts(load_settings())
    try:
        async with parts.database.write() as connection:
            row = await stored.by_id(connection, number, lock=True)
            if row is None:
                fail(f"there is no broadcast {number}")
            try:
                row, queued = await broadcasts.step(connection, row, act, _actor(), now())
            except NotPossibleError as error:
                fail(str(error))
        # A service of one process finds the job by its sweep; one of several is told at once.
        if queued and not parts.settings.one_process:
            await parts.bus.start()
            await parts.bus.ring("jobs", queued)
            await parts.bus.close()
        return row
    finally:
        await parts.close()


def _actor() -> str:
    return f"cli:{getpass.getuser()}"[:80]
