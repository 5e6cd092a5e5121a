"""The NIK: 16 digits, region of first registration (6) + DDMMYY (day + 40 for women) + serial (4), no check digit.

The region code never changes, and 594 district codes have vanished since 2018, so an unknown one is a hint, never a
reason to refuse. The year has two digits; the century follows from who can stand here: somebody who holds a KTP is at
least 17 and younger than 110. A "NIK" whose owner would be younger is most likely the number of a family card (KK),
which has the same shape with its recording date in the middle.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from backend.domain.digits import NumberProblem, find_number, shape_problem

LENGTH = 16
KTP_AGE = 17
OLDEST = 110
_WOMEN = 40

Sex = Literal["male", "female"]
NikProblemKind = NumberProblem | Literal["impossible_date", "looks_like_kk", "under_age"]


@dataclass(frozen=True, slots=True)
class Nik:
    """A plausible NIK. `region_code` is "35.10.16". The number stays out of `repr`, hence out of logs and traces."""

    value: str = field(repr=False)
    region_code: str
    birth_date: date = field(repr=False)
    sex: Sex

    @property
    def masked(self) -> str:
        """Only the last four digits, for a person who knows the number: "************0001"."""
        return mask_digits(self.value)


@dataclass(frozen=True, slots=True)
class NikProblem:
    """Why a text is not taken as a NIK. `digits` counts the digits that were found.

    `under_age`: the owner would be younger than 17 and the day is a woman's, so it is no KK number but a child's NIK.
    """

    kind: NikProblemKind
    digits: int


def parse_nik(text: str, today: date, *, insisted: bool = False) -> Nik | NikProblem:
    """The NIK in a text as people type it, or the problem to tell them; never raises.

    `insisted`: the same number was sent again after we asked. Then a reading as a person of 100 to 109 years is taken
    where the first time a KK number or a child was far more likely.
    """
    found = find_number(text, ("nik", "ktp", "kk", "nomor", "no"), LENGTH)
    for number in found.whole[1:] and found.whole:
        reading = _read(number, today, insisted)
        if isinstance(reading, Nik):
            return reading
    problem = shape_problem(found, text, LENGTH)
    return NikProblem(problem, len(found.digits)) if problem else _read(found.digits, today, insisted)


def region_known(code: str, regions: Container[str]) -> bool:
    """Whether the district of `code` ("35.10.16"), or at least its regency, is in today's list; a hint only."""
    return code in regions or code.rpartition(".")[0] in regions


def mask_digits(value: str) -> str:
    """All but the last four characters as stars."""
    return "*" * max(len(value) - 4, 0) + value[-4:]


def age_on(birth: date, day: date) -> int:
    """Completed years of life."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def split_date(digits: str) -> tuple[int, int, int, bool]:
    """(day, month, two-digit year, whether the day carries the women's 40) of the 16 digits of a NIK or KK."""
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    return (day - _WOMEN, month, year, True) if day > _WOMEN else (day, month, year, False)


def possible_dates(digits: str) -> tuple[date, ...]:
    """The readings of the date part in the 20th and 21st century, latest first; empty when there is no such day."""
    day, month, year, _ = split_date(digits)
    found = (_date_or_none(century + year, month, day) for century in (2000, 1900))
    return tuple(reading for reading in found if reading is not None)


def _read(digits: str, today: date, insisted: bool) -> Nik | NikProblem:
    woman = split_date(digits)[3]
    readings = possible_dates(digits)
    past = [reading for reading in readings if reading <= today]
    if not past:
        return NikProblem("impossible_date", LENGTH)
    adults = [reading for reading in past if KTP_AGE <= age_on(reading, today) < OLDEST]
    children = [reading for reading in past if age_on(reading, today) < KTP_AGE]
    if not adults or (children and not insisted):
        return NikProblem("under_age" if woman else "looks_like_kk", LENGTH)
    region = f"{digits[:2]}.{digits[2:4]}.{digits[4:6]}"
    return Nik(digits, region, adults[0], "female" if woman else "male")


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
