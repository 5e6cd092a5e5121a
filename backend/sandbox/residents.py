"""The people whom the sandbox knows: twelve made-up residents, and on request anybody whose NIK is well formed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

IkdState = Literal["active", "inactive", "none", "blocked", "timeout"]

_HERE = Path(__file__).parent
_OLDEST_AGE = 105
_WOMEN = ("Sri", "Siti", "Dewi", "Ningsih", "Wati", "Lestari", "Yuliana", "Kartini")
_MEN = ("Budi", "Eko", "Joko", "Hendra", "Rudi", "Yusuf", "Wayan", "Darmawan")
_FAMILY = ("Santoso", "Wibowo", "Hidayat", "Saputra", "Utami", "Rahayu", "Kusuma", "Siregar")


@dataclass(frozen=True, slots=True)
class Resident:
    """One person. Power in VA, money in rupiah a month; None is a datum that no owner holds."""

    nik: str = field(repr=False)
    kk: str | None = field(repr=False)  # None: any family card is theirs (synthetic residents)
    name: str = field(repr=False)
    ikd: IkdState
    story: str  # in English, for developers
    cerita: str = ""  # the same in Indonesian, for trainers
    photo: Literal["collins", "hopper"] | None = None
    decile: int | None = None
    power_va: int | None = None
    income: int | None = None
    employer: str | None = None
    account_turnover: int | None = None
    components: tuple[str, ...] = ()
    civil_servant: bool = False
    army: bool = False
    police: bool = False
    pkh: str | None = None

    @property
    def sex(self) -> Literal["female", "male"]:
        """As the NIK says: a woman's day of birth is raised by 40."""
        return "female" if int(self.nik[6:8]) > 40 else "male"

    @property
    def region_code(self) -> str:
        """The district of first registration, as in `35.10.16`."""
        return f"{self.nik[:2]}.{self.nik[2:4]}.{self.nik[4:6]}"

    def birth_date(self, today: date) -> date:
        """The date in the NIK, in the later century in which the person is born and not yet a child of under 12."""
        born = birth_date_in(self.nik, today)
        if born is None:
            raise ValueError("a resident's NIK holds a real date")
        return born


class Directory:
    """Finds residents by NIK. With `synthetic`, every well-formed NIK that is not in the list is somebody too."""

    def __init__(self, residents: Sequence[Resident], *, synthetic: bool) -> None:
        self.residents = tuple(residents)
        self._by_nik = {resident.nik: resident for resident in residents}
        self._synthetic = synthetic

    def find(self, nik: str, today: date) -> Resident | None:
        """The resident with this NIK, if there is one."""
        known = self._by_nik.get(nik)
        if known is None and self._synthetic and birth_date_in(nik, today) is not None:
            return _made_up(nik)
        return known

    def numbered(self, number: int) -> Resident | None:
        """The resident with this place in the list, from 1 on."""
        return self.residents[number - 1] if 1 <= number <= len(self.residents) else None

    def belongs(self, resident: Resident, kk: str) -> bool:
        """Whether this family card is the resident's. A synthetic resident has any, but not their own NIK."""
        return kk == resident.kk if resident.kk is not None else kk != resident.nik


def load_residents() -> list[Resident]:
    """The project's own residents, in the order of their stories."""
    rows: list[Mapping[str, Any]] = yaml.safe_load((_HERE / "residents.yaml").read_text(encoding="utf-8"))
    return [Resident(**{**row, "components": tuple(row["components"])}) for row in rows]


@cache
def region_names() -> Mapping[str, str]:
    """Code → name of the provinces, regencies and districts at hand, as in `35.10.16` → Banyuwangi."""
    with (_HERE / "regions.csv").open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row["name"] for row in csv.DictReader(lines)}


def birth_date_in(nik: str, today: date) -> date | None:
    """The birth date of a well-formed NIK (16 digits, a known province, a real date, a serial), None otherwise."""
    if len(nik) != 16 or not (nik.isascii() and nik.isdigit()) or nik[:2] not in region_names() or nik[12:] == "0000":
        return None
    day, month, short_year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    for century in (2000, 1900):
        try:
            born = date(century + short_year, month, day - 40 if day > 40 else day)
        except ValueError:
            continue
        if born <= today and (today.year - born.year >= 12 or today.year - born.year + 100 > _OLDEST_AGE):
            return born
    return None


def _made_up(nik: str) -> Resident:
    """Always the same person for the same NIK. About one in three breaks some rule of selection."""
    dice = hashlib.sha256(f"resident:{nik}".encode()).digest()
    female = int(nik[6:8]) > 40
    first = (_WOMEN if female else _MEN)[dice[0] % 8]
    return Resident(
        nik=nik,
        kk=None,
        name=f"{first} {_FAMILY[dice[1] % 8]}",
        ikd="active",
        story="synthetic",
        photo="collins" if female else "hopper",
        decile=(1, 1, 1, 2, 2, 2, 2, 5)[dice[2] % 8],
        power_va=(450, 450, 450, 900, 900, 900, 1300, 2200)[dice[3] % 8],
        income=(0, 700_000, 900_000, 1_100_000, 1_300_000, 1_500_000, 1_500_000, 6_500_000)[dice[4] % 8],
        components=(("sd",), ("smp",), ("sma",), ("balita",), ("lansia",), ("sd", "smp"), ("balita", "sd"), ("sd",))[
            dice[5] % 8
        ],
    )
