"""How values look inside a text: figures, dates, lists, and words that a person typed.

`Wording.format("Daya {power:va}", {"power": 1300})` gives "Daya 1.300 VA". Figures and dates follow the locale through
Babel; only the units are ours.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal

LONGEST_PARAMETER = 600
# An officer's answer, with room left for our own words in the 1,600 characters that WhatsApp takes.
LONGEST_LETTER = 1_200
_MARKUP = str.maketrans("", "", "*_~`")
# Marks that are invisible or turn the reading direction around; a new line would let typed words pose as our own.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}


class Wording(string.Formatter):
    """`str.format` with our own specifications.

    `va` "1.300 VA", `rp` "Rp1.500.000", `number` "1.500", `date` "22 November 2026" (date, datetime or ISO text), `time`
    "08.00" in the service's zone, `mask` keeps the stars of a masked name, `letter` the lines of what an officer wrote;
    for lists of texts `bullets`, `lines` (numbered), `paragraphs`, `and` ("a, b, dan c") and `or`. Without a
    specification text is cleaned (`clean`), since people may have typed it.
    """

    def __init__(self, locale: Locale, zone: ZoneInfo) -> None:
        self._locale = locale
        self._zone = zone
        self._specs: Mapping[str, Callable[[Any], str]] = {
            "": self._plain,
            "va": lambda value: f"{self._decimal(value)} VA",
            "rp": lambda value: f"Rp{self._decimal(value)}",
            "number": self._decimal,
            "date": lambda value: format_date(self._day(value), "d MMMM y", locale=locale),
            "time": lambda value: format_time(self._moment(value), "HH.mm", locale=locale),
            "letter": letter,
            "mask": lambda value: clean(value, keep="*"),
            "bullets": lambda items: "\n".join(f"• {self._plain(item)}" for item in items),
            "lines": lambda items: "\n".join(f"{n}. {self._plain(item)}" for n, item in enumerate(items, 1)),
            "paragraphs": lambda items: "\n\n".join(self._plain(item) for item in items),
            "or": lambda items: format_list([self._plain(item) for item in items], style="or", locale=locale),
            "and": lambda items: format_list([self._plain(item) for item in items], locale=locale),
        }

    def words(self, template: str, values: Mapping[str, Any]) -> str:
        """The template with its values. A missing value raises KeyError, an unknown specification ValueError."""
        return self.vformat(template, (), values)

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec not in self._specs:
            raise ValueError(f"a text uses the unknown specification {format_spec!r}")
        return self._specs[format_spec](value)

    def _plain(self, value: Any) -> str:
        if isinstance(value, Rendered):
            return value
        if isinstance(value, bool) or value is None:
            raise TypeError("a text takes words, figures and dates, not true, false or nothing")
        if isinstance(value, date):
            return format_date(self._day(value), "d MMMM y", locale=self._locale)
        if isinstance(value, int | float):
            return self._decimal(value)
        return clean(value)

    def _decimal(self, value: Any) -> str:
        return format_decimal(value, format="#,##0.##", locale=self._locale)

    def _moment(self, value: Any) -> datetime:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(self._zone) if moment.tzinfo else moment

    def _day(self, value: Any) -> date:
        if isinstance(value, str) and len(value) == len("2026-11-22"):
            return date.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return self._moment(value).date()


class Rendered(str):
    """Words that came out of the catalogue: already clean, and free to hold bold marks and new lines."""

    __slots__ = ()


def letter(text: str) -> str:
    """An officer's words: cleaned like all words of people, but longer, and their lines stay lines."""
    cleaned = (clean(line, most=LONGEST_LETTER) for line in text.splitlines())
    lines = "\n".join(line for line in cleaned if line)
    return lines if len(lines) <= LONGEST_LETTER else lines[: LONGEST_LETTER - 1].rstrip() + "…"


def clean(text: str, keep: str = "", most: int = LONGEST_PARAMETER) -> str:
    """Words of a person as they may stand in our message: one line, no markup, no hidden marks, cut at `most`."""
    one_line = " ".join(unicodedata.normalize("NFC", text).split())
    shown = "".join(c for c in one_line if c in keep or unicodedata.category(c) not in _HIDDEN)
    if not keep:
        shown = shown.translate(_MARKUP)
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"
