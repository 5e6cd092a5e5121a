"""What stands in a page's address: filters and the page's number. A word that is not known counts as not there."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from backend.console.sessions import Officer
from backend.domain.numbers import NumberKind, parse_number
from backend.repositories.listing import Filters, Page

REGISTRATION_STATUSES = ("waiting_identity", "submitted", "decided", "withdrawn", "erased")
APPEAL_STATUSES = ("received", "in_review", "need_more", "field_check", "decided", "withdrawn")
CASE_STATES = ("open", "cleared", "confirmed")
CASE_KINDS = ("nik", "kk", "account")
OUTCOMES = ("eligible", "not_eligible", "waiting")
ROWS = 25
MOST_PAGES = 100_000


def registration_filters(query: Mapping[str, str], officer: Officer) -> Filters:
    number = parse_number(query.get("number", ""), NumberKind.REGISTRATION)
    return Filters(
        regions=officer.regions(region(query)),
        status=one_of(query, "status", REGISTRATION_STATUSES),
        outcome=one_of(query, "outcome", OUTCOMES),
        number=str(number) if number is not None else query.get("number", "")[:20].replace("\0", ""),
    )


def appeal_filters(query: Mapping[str, str], officer: Officer) -> Filters:
    return Filters(regions=officer.regions(region(query)), status=one_of(query, "status", APPEAL_STATUSES))


def case_filters(query: Mapping[str, str], officer: Officer) -> Filters:
    return Filters(regions=officer.regions(region(query)), status=one_of(query, "status", CASE_STATES))


def region(query: Mapping[str, str]) -> str:
    asked = query.get("region", "")
    return asked if len(asked) <= 13 and asked.replace(".", "").isdecimal() else ""


def one_of(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    return query[name] if query.get(name) in known else ""


def page_number(query: Mapping[str, str]) -> int:
    """From 1."""
    asked = query.get("page", "1")
    return min(max(int(asked), 1), MOST_PAGES) if asked.isdecimal() and len(asked) < 9 else 1


def page_of(query: Mapping[str, str]) -> Page:
    return Page(ROWS, skip=(page_number(query) - 1) * ROWS)


def address(path: str, query: Mapping[str, str], **changes: str | int) -> str:
    """The same page with something changed; what is empty is left out."""
    wanted = {**query, **{name: str(value) for name, value in changes.items()}}
    kept = {name: value for name, value in wanted.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
