"""The files that regions bring: which columns they have, and what each of them must hold.

A complaint names the column and what is wrong with it, never what stands there.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from backend.domain.benefits import Payment, Quota, parse_period
from backend.domain.household import Component
from backend.domain.nik import possible_dates

_CODE = re.compile(r"\d{2}(\.\d{2}){0,2}(\.\d{4})?")
_LIST = re.compile(r"[|;, ]+")
_YES, _NO = frozenset({"true", "1", "ya", "yes", "y"}), frozenset({"false", "0", "tidak", "no", "t", "n"})
_COMPONENTS = frozenset(Component)


class BadRow(ValueError):
    """A row that is not taken. `column` and `reason` for the report."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason


Read = Callable[[str], Any]


def _nik(text: str) -> str:
    if len(text) != 16 or not (text.isascii() and text.isdigit()):
        raise ValueError("is not a number of 16 digits")
    if not possible_dates(text):
        raise ValueError("has no possible date of birth")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("is not a whole number without signs")
    if len(text) > 15:
        raise ValueError("is too large")
    return int(text)


def _decile(text: str) -> int:
    if text not in {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}:
        raise ValueError("is not a decile from 1 to 10")
    return int(text)


def _components(text: str) -> list[str]:
    codes = [code for code in _LIST.split(text.lower()) if code]
    if not _COMPONENTS.issuperset(codes):
        raise ValueError(f"knows only {', '.join(Component)}, separated by |")
    return codes


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError("is neither ya nor tidak")
    return word in _YES


def _words(text: str) -> str:
    if not text or len(text) > 200:
        raise ValueError("is empty or longer than 200 characters")
    return text


def _short_words(text: str) -> str:
    if not text or len(text) > 60:
        raise ValueError("is empty or longer than 60 characters")
    return text


def _one_of(states: Iterable[str]) -> Read:
    allowed = tuple(states)

    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"is none of {', '.join(allowed)}")
        return text.lower()

    return read


def _period(text: str) -> str:
    parse_period(text)
    return text


def _account(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 30):
        raise ValueError("is not an account number in digits")
    return text


def _region(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError("is not a Kemendagri code such as 35.10.16")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day such as 2026-09-30") from None


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file. `key` names the column by which a row is found again; `absent` columns may be missing. `empty`:
    what an empty cell means, for the columns where it may be empty."""

    kind: str
    key: str
    columns: Mapping[str, Read]
    absent: frozenset[str] = field(default_factory=frozenset)
    empty: Mapping[str, Any] = field(default_factory=dict)

    def missing(self, header: list[str]) -> list[str]:
        """The columns that a header lacks."""
        return [name for name in self.columns if name not in header and name not in self.absent]

    def read(self, row: Mapping[str, str], today: date) -> dict[str, Any]:
        """The values of one row. Raises BadRow."""
        values: dict[str, Any] = {}
        for name, reader in self.columns.items():
            text = (row.get(name) or "").strip()
            if not text and (name in self.empty or name in self.absent):
                continue
            try:
                value = values[name] = reader(text)
            except ValueError as error:
                raise BadRow(name, str(error)) from None
            if isinstance(value, date) and value > today:
                raise BadRow(name, "lies in the future")
        return values


def _source(
    owner: str,
    columns: Mapping[str, Read],
    absent: frozenset[str] = frozenset(),
    empty: Mapping[str, Any] | None = None,
) -> Format:
    return Format(owner, "nik", {"nik": _nik, **columns, "as_of": _day}, absent, empty or {})


FORMATS: Mapping[str, Format] = {
    found.kind: found
    for found in (
        Format("regions", "code", {"code": _region, "name": _words}),
        Format(
            "pkh",
            "nik",
            {"nik": _nik, "components": _components, "bank": _words, "account": _account},
            frozenset({"components", "bank", "account"}),
            {"components": [], "bank": "", "account": ""},
        ),
        # An empty cell says that nobody in the household counts; a file without the column would say it of everybody.
        _source("dtsen", {"decile": _decile, "components": _components}, empty={"components": []}),
        _source("pln", {"power_va": _count}),
        _source("bank", {"account_turnover": _count}),
        _source("income", {"income": _count, "employer": _words}, frozenset({"employer"})),
        _source("civil_service", {"civil_servant": _flag, "army": _flag, "police": _flag}),
        _source("dukcapil", {"nik_active": _flag}),
        _source("quota", {"state": _one_of(Quota), "source": _short_words}),
        _source(
            "payments",
            {"period": _period, "state": _one_of(Payment), "amount": _count, "source": _short_words},
            empty={"amount": None},
        ),
    )
}
OWNERS = frozenset(FORMATS) - {"regions", "pkh", "quota", "payments"}
"""The kinds that are what a data owner knows, as the selection asks for it."""
