"""`perlinsos facilitator`: who may accompany citizens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.commands.common import fail, out, with_database
from backend.db import Database
from backend.domain.facilitators import FacilitatorRole, on_duty, written_code
from backend.domain.nik import NikProblem, parse_nik
from backend.parts import now
from backend.repositories import facilitators as stored
from backend.repositories.facilitators import FacilitatorRow
from backend.repositories.listing import Page
from backend.services import facilitators
from backend.services.clock import local_day
from backend.services.facilitators import FacilitatorError, Handed, NewFacilitator

facilitator_app = typer.Typer(no_args_is_help=True, help="Facilitators: who may accompany citizens, and where.")
ACTOR = "cli"
MOST_LISTED = 10_000
T = TypeVar("T")


@facilitator_app.command("add")
def facilitator_add(
    name: Annotated[str, typer.Argument(help="as officers know them")],
    role: Annotated[FacilitatorRole, typer.Option(help="PKH companion, TKSK or village operator")],
    region: Annotated[list[str], typer.Option(help="Kemendagri code such as 35.10.16; may be repeated")],
    days: Annotated[int, typer.Option(min=1, max=366, help="how long they are one")] = 180,
) -> None:
    """Make somebody a facilitator. Their NIK is asked for, never an argument: arguments stay in a shell's history."""
    typed = typer.prompt("NIK", hide_input=True)
    nik = parse_nik(typed, local_day(now()), insisted=True)
    if isinstance(nik, NikProblem):
        fail(f"this is no NIK of an adult: {nik.kind}")
    new = NewFacilitator(nik.value, name, role, region, now() + timedelta(days=days))
    _hand_over(_written(lambda connection: facilitators.add(connection, new, ACTOR, now())))


@facilitator_app.command("list")
def facilitator_list() -> None:
    """Every facilitator."""

    async def read(database: Database) -> list[FacilitatorRow]:
        async with database.read() as connection:
            return await stored.newest(connection, (), Page(MOST_LISTED))

    table = Table("id", "name", "role", "regions", "until", "state")
    for row in with_database(read):
        state = (
            "over" if not on_duty(row.expires_at, row.ended_at, now()) else "bound" if row.conversation_id else "code"
        )
        table.add_row(str(row.id), row.name, row.role, " ".join(row.regions), f"{row.expires_at:%Y-%m-%d}", state)
    out.print(table)


@facilitator_app.command("code")
def facilitator_code(facilitator_id: int) -> None:
    """Another code, for another phone. The phone that is bound now works until the code is used."""
    _hand_over(_written(lambda connection: facilitators.new_code(connection, facilitator_id, ACTOR, now())))


@facilitator_app.command("end")
def facilitator_end(facilitator_id: int) -> None:
    """They are none any more, from the next message on."""
    _written(lambda connection: facilitators.end(connection, facilitator_id, ACTOR, now()))
    out.print(f"facilitator {facilitator_id} is none any more.")


def _written(do: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def write(database: Database) -> T:
        async with database.write() as connection:
            return await do(connection)

    try:
        return with_database(write)
    except (FacilitatorError, LookupError) as error:
        fail(str(error))


def _hand_over(handed: Handed) -> None:
    out.print(
        f"facilitator {handed.facilitator_id}: code {written_code(handed.code)}, shown this once, "
        f"until {handed.until:%Y-%m-%d %H:%M} UTC. They write *kode pendamping* in the chat.",
        markup=False,
    )
