"""Numbers that people write with digits, words or both: amounts of rupiah and the power of an electricity meter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from nlu.normalise import clean

WORDS = Path(__file__).parent / "slots.yml"
PLN_POWERS = frozenset({450, 900, 1300, 2200, 3500, 4400, 5500, 6600, 7700, 10_600, 11_000, 13_200, 16_500, 23_000})
"""Household and small business tariffs in VA; what people call watt."""

_DIGITS = re.compile(r"\d{1,3}(?:[. ]\d{3})+(?:,\d+)?(?!\d)|\d+(?:[.,]\d+)?")
_PIECE = re.compile(rf"{_DIGITS.pattern}|[a-z]+(?:-[a-z]+)?|[-–/]")
_POWER_UNIT = re.compile(r"\b(?:va|watt|wat|what|w|volt ampere|volt)\b|(?<=\d)(?:va|watt|wat|w)\b")
_RANGE = re.compile(r"\d\s*(?:-|–|sampai|sampe|s/d|hingga)\s*\d")
_LEAST_RUPIAH = 1_000


@lru_cache(maxsize=1)
def lexicon() -> dict[str, Any]:
    """The words of `slots.yml`: answers, months and numbers."""
    data: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return data


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, int], dict[str, int]]:
    data = lexicon()
    numbers = {word: value for value, words in data["numbers"].items() for word in words.split()}
    scales = {word: value for value, words in data["scales"].items() for word in words.split()}
    return numbers, scales


def amount(text: str) -> int | None:
    """Whole rupiah: `1,5 juta`, `sejuta setengah`, `900rb`, `Rp1.500.000`, `dua juta lima ratus`.

    None when there is no amount, more than one (a range, two incomes), or a bare number below a thousand, which may
    mean rupiah, thousands or something else altogether.
    """
    if _RANGE.search(clean(text)):
        return None
    values = [value for value, exact in _spoken(text) if exact or value >= _LEAST_RUPIAH]
    return int(values[0]) if len(values) == 1 else None


def electric_power(text: str) -> int | None:
    """VA of a meter: `900 watt`, `1.300 VA`, `daya 2200`. Without a unit only a power that PLN sells counts."""
    values = [int(value) for value, _ in _spoken(_POWER_UNIT.sub(" ", clean(text)).replace("kva", " ribu"))]
    if _POWER_UNIT.search(clean(text)):
        values = [value for value in values if 200 <= value <= 200_000]
    else:
        values = [value for value in values if value in PLN_POWERS]
    return values[0] if len(set(values)) == 1 else None


def _spoken(text: str) -> Iterator[tuple[Decimal, bool]]:
    """Each number in the text, and whether a scale word or `Rp` says that it is complete."""
    cleaned = re.sub(r"\brp\.?\s*", " rupiah ", clean(text))
    run: list[Decimal | int | str] = []
    marked = False
    for piece in [*_PIECE.findall(cleaned), ""]:
        if piece == "rupiah":
            if run:
                yield _value(run), True
                run = []
            else:
                marked = True
                continue
        elif (part := _part(piece)) is not None:
            run.append(part)
            continue
        elif run and run != ["half"] and not isinstance(run[0], int):
            yield _value(run), marked or any(isinstance(part, int) and part >= 1000 for part in run)
        run, marked = [], False


def _part(piece: str) -> Decimal | int | str | None:
    """A number as Decimal, a scale as int, or what multiplies in its own way as a word; None ends the number."""
    numbers, scales = _tables()
    data = lexicon()
    if piece[:1].isdigit():
        return _decimal(piece)
    if piece in scales:
        return scales[piece]
    if piece in numbers:
        return Decimal(numbers[piece])
    for name in ("tens", "teens", "half"):
        if piece in data[name]:
            return name
    return None


def _decimal(digits: str) -> Decimal:
    if re.fullmatch(r"\d{1,3}(?:[. ]\d{3})+(?:,\d+)?", digits):
        digits = re.sub(r"[. ]", "", digits)
    return Decimal(digits.replace(",", "."))


def _value(run: list[Decimal | int | str]) -> Decimal:
    """`[2, 10**6, 5, 100]` is 2,000,000 and five hundred; after millions people leave the thousands unsaid."""
    total, current, last_scale = Decimal(0), Decimal(0), 0
    for part in run:
        if part == "tens":
            current = (
                (current // 10) * 10 + (current % 10 or Decimal(1)) * 10
                if current >= 10
                else (current or Decimal(1)) * 10
            )
        elif part == "teens":
            current += 10
        elif part == "half":
            current += Decimal(last_scale) / 2 if last_scale else Decimal("0.5")
        elif isinstance(part, Decimal):
            if part >= 1000 and part % 1000 == 0:
                total, last_scale = total + current + part, int(part)
                current = Decimal(0)
            else:
                current += part
        elif part == 100:
            current = (
                current // 10 * 10 + (current % 10 or Decimal(1)) * 100
                if current >= 20
                else (current or Decimal(1)) * 100
            )
        elif isinstance(part, int):
            total, current, last_scale = total + (current or Decimal(1)) * part, Decimal(0), part
    if last_scale == 1_000_000 and 100 <= current < 1000:
        current *= 1000
    return total + current
