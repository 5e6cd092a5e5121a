"""The family card (Kartu Keluarga, KK): 16 digits, region + recording date + serial.

It changes with a move, a new head of the family or a divorce, so nobody is ever keyed on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from backend.domain.digits import NumberProblem, find_number, shape_problem
from backend.domain.nik import LENGTH, mask_digits, possible_dates, split_date

KkProblemKind = NumberProblem | Literal["impossible_date", "looks_like_nik"]


@dataclass(frozen=True, slots=True)
class Kk:
    """A plausible KK number, kept out of `repr`. `region_code` is "35.10.16", where the card was recorded."""

    value: str = field(repr=False)
    region_code: str

    @property
    def masked(self) -> str:
        return mask_digits(self.value)


@dataclass(frozen=True, slots=True)
class KkProblem:
    """Why a text is not taken as a KK number. `digits` counts the digits that were found."""

    kind: KkProblemKind
    digits: int


def parse_kk(text: str, *, nik: str = "") -> Kk | KkProblem:
    """The KK number in a text, or the problem to tell; never raises.

    `nik` is the NIK given before. The same number again, or a day above 40 (which only a woman's NIK has), is a NIK.
    """
    found = find_number(text, ("kk", "nik", "nomor", "no"), LENGTH)
    for number in found.whole[1:] and found.whole:
        reading = _read(number, nik)
        if isinstance(reading, Kk):
            return reading
    problem = shape_problem(found, text, LENGTH)
    return KkProblem(problem, len(found.digits)) if problem else _read(found.digits, nik)


def _read(digits: str, nik: str) -> Kk | KkProblem:
    if not possible_dates(digits):
        return KkProblem("impossible_date", LENGTH)
    if digits == nik or split_date(digits)[3]:
        return KkProblem("looks_like_nik", LENGTH)
    return Kk(digits, f"{digits[:2]}.{digits[2:4]}.{digits[4:6]}")
