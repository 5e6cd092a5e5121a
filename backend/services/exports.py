"""Everything at once for those who compute with it: registrations, decisions and appeals, streamed page by page.

What is held in memory is one page, however many rows there are: each page is a read of its own by key, so that no
transaction stays open while somebody's line is slow. Rows that come in meanwhile are newer than the first page and not in
it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal, get_type_hints

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.repositories import audit, listing, people
from backend.repositories.listing import Filters, ListedAppeal, ListedDecision, ListedRegistration, Page

Kind = Literal["registrations", "decisions", "appeals"]
Format = Literal["csv", "parquet"]
Read = Callable[[AsyncConnection, Filters, Page], Awaitable[Sequence[Any]]]
Write = Callable[..., AsyncIterator[bytes]]
ROWS = 1000
PERSONAL = ("name", "nik", "kk")
"""Who a row is about. Without the right to see them these columns are not there at all, not even masked."""

_KINDS: Mapping[Kind, tuple[type[Any], Read]] = {
    "registrations": (ListedRegistration, listing.registrations),
    "decisions": (ListedDecision, listing.decisions),
    "appeals": (ListedAppeal, listing.appeals),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def columns(kind: Kind, *, personal: bool) -> dict[str, type[Any]]:
    """The columns with what is in them: int, str, bool, date or datetime; each may be empty."""
    hints = get_type_hints(_KINDS[kind][0])
    found = {name: _bare(hint) for name, hint in hints.items() if name not in PERSONAL}
    return found | dict.fromkeys(PERSONAL, str) if personal else found


def _bare(hint: Any) -> type[Any]:
    known = (bool, int, datetime, date, str)
    return next(one for one in known if hint is one or hint == one | None)


async def rows(database: Database, kind: Kind, filters: Filters, *, personal: bool) -> AsyncIterator[list[list[Any]]]:
    """The rows, the newest first, a page at a time; values in the order of `columns`."""
    names = list(columns(kind, personal=personal))
    read = _KINDS[kind][1]
    last: int | None = None
    while True:
        async with database.read() as connection:
            page = [asdict(row) for row in await read(connection, filters, Page(ROWS, last))]
            if personal:
                known = await people.by_ids(connection, {row["person_id"] for row in page})
                for row in page:
                    row |= {name: getattr(known[row["person_id"]], name) for name in PERSONAL}
        if page:
            yield [[row[name] for name in names] for row in page]
        if len(page) < ROWS:
            return
        last = page[-1]["id"]


async def as_csv(database: Database, kind: Kind, filters: Filters, *, personal: bool) -> AsyncIterator[bytes]:
    """The same as CSV (RFC 4180, UTF-8), the names of the columns first. Moments are ISO 8601 in UTC."""
    yield _lines([list(columns(kind, personal=personal))])
    async for page in rows(database, kind, filters, personal=personal):
        yield _lines([[_cell(value) for value in row] for row in page])


def _lines(table: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(table)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as a text."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else value


async def as_parquet(database: Database, kind: Kind, filters: Filters, *, personal: bool) -> AsyncIterator[bytes]:
    """The same as Parquet, with the kinds of the columns."""
    from backend.services import parquet  # 50 MB that only this needs

    async for piece in parquet.as_parquet(
        columns(kind, personal=personal), rows(database, kind, filters, personal=personal)
    ):
        yield piece


FORMATS: Mapping[Format, Write] = {"csv": as_csv, "parquet": as_parquet}


async def note(
    connection: AsyncConnection,
    kind: Kind,
    form: Format,
    filters: Filters,
    actor: str,
    now: datetime,
    *,
    personal: bool,
) -> None:
    """Who took what out, before the first row leaves."""
    data = {
        "format": form,
        "personal": personal,
        "regions": list(filters.regions),
        "status": filters.status,
        "outcome": filters.outcome,
        "since": filters.since.isoformat() if filters.since else None,
        "before": filters.before.isoformat() if filters.before else None,
    }
    await audit.note(connection, [audit.Act(now, actor, "export.taken", f"export:{kind}", data)])
