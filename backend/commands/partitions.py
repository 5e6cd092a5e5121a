"""`perlinsos partitions`: how much of the messages lies in which month, and the daily upkeep done at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from backend.commands.common import load_settings, open_database, out
from backend.partitions import Partition, listed
from backend.services.retention import Upkeep, keep_up
from backend.settings import Settings


def partitions(
    upkeep: Annotated[bool, typer.Option("--upkeep", help="make the coming months and remove what is too old")] = False,
) -> None:
    """Show the months of messages with their size."""
    settings = load_settings()
    found, done = asyncio.run(_look(settings, upkeep))
    if done is not None:
        out.print(f"made {_names(done.made)}, dropped {_names(done.dropped)}, {done.deleted} rows deleted")
    if not found:
        out.print("no partitions: SQLite keeps plain tables, and the upkeep deletes old rows")
        return
    table = Table("table", "month", "rows", "size")
    for partition in found:
        month = f"{partition.month:%Y-%m}" if partition.month else "the rest"
        table.add_row(partition.table, month, f"{partition.rows:,}", decimal(partition.size))
    out.print(table)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


async def _look(settings: Settings, upkeep: bool) -> tuple[list[Partition], Upkeep | None]:
    database = open_database(settings)
    try:
        done = await keep_up(database, datetime.now(UTC), settings.messages_kept_months) if upkeep else None
        async with database.read() as connection:
            return await listed(connection), done
    finally:
        await database.close()
