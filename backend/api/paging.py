"""Lists: a page at a time by cursor, filtered by region and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from backend.api.auth import Caller
from backend.domain.regions import WIB
from backend.repositories.listing import Filters, Page

MOST = 200
LARGEST_ID = 2**63 - 1
REGION = r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$"

Region = Annotated[str, Query(description="Kemendagri code with dots", pattern=REGION, examples=["35.10"])]
_SPAN = {"ge": date(2020, 1, 1), "le": date(2100, 1, 1)}
Since = Annotated[
    date | None, Query(description="first day, western Indonesian time", examples=["2026-11-01"], **_SPAN)
]
Until = Annotated[date | None, Query(description="last day", examples=["2026-11-30"], **_SPAN)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[
    int | None, Query(ge=1, le=LARGEST_ID, description="`next` of the page before; without it the newest")
]
T = TypeVar("T")


class HasId(Protocol):
    """What a cursor can stand on."""

    @property
    def id(self) -> int: ...


class Listed(BaseModel, Generic[T]):
    """One page, the newest first. `next`: the cursor of the following page, null at the end."""

    items: list[T]
    next: int | None = Field(default=None, examples=[None])


def filters(
    caller: Caller, region: str | None, since: date | None, until: date | None, *, status: str = "", outcome: str = "",
    number: str = "", person_id: int | None = None,
) -> Filters:  # fmt: skip
    """What the caller asked for, within what they may see."""
    return Filters(
        regions=caller.regions(region or ""),
        status=status,
        outcome=outcome,
        since=day_start(since) if since else None,
        before=day_start(until + timedelta(days=1)) if until else None,
        number=number,
        person_id=person_id,
    )


def day_start(day: date) -> datetime:
    """The first moment of a day in western Indonesia."""
    return datetime.combine(day, time(), WIB)


def page(limit: int, cursor: int | None) -> Page:
    """One row more than asked for tells whether there is a next page."""
    return Page(limit + 1, cursor)


def cut(rows: Sequence[HasId], limit: int) -> int | None:
    """The cursor of the next page."""
    return rows[limit - 1].id if len(rows) > limit else None
