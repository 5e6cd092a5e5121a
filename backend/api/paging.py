"""Lists: a page at a time by cursor, filtered by region and day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Generic, Protocol, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from backend.api.auth import Authorised
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


Row = TypeVar("Row", bound=HasId)


class Listed(BaseModel, Generic[T]):
    """One page, the newest first. `next`: the cursor of the following page, null at the end."""

    items: list[T]
    next: int | None = Field(default=None, examples=[None])


def _wanted(caller: Authorised, region: Region | None = None, since: Since = None, until: Until = None) -> Filters:
    return Filters(
        regions=caller.regions(region or ""),
        since=day_start(since) if since else None,
        before=day_start(until + timedelta(days=1)) if until else None,
    )


def _asked(limit: Limit = 50, cursor: Cursor = None) -> Page:
    return Page(limit + 1, cursor)


Wanted = Annotated[Filters, Depends(_wanted)]
"""The region and the days that were asked for, within what the caller may see."""

Asked = Annotated[Page, Depends(_asked)]
"""A page, and one row more: it tells whether there is a next page."""


def day_start(day: date) -> datetime:
    """The first moment of a day in western Indonesia."""
    return datetime.combine(day, time(), WIB)


def listed(rows: Sequence[Row], asked: Page, show: Callable[[Row], T]) -> Listed[T]:
    """The page that was asked for, with the cursor of the next."""
    most = asked.most - 1
    return Listed(items=[show(row) for row in rows[:most]], next=rows[most - 1].id if len(rows) > most else None)
