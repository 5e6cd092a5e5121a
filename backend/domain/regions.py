"""Regions by Kemendagri code: "35" province, "35.10" regency or city, "35.10.16" district. The list itself is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Literal

RegionLevel = Literal["province", "regency", "district", "village"]
_LEVELS: tuple[RegionLevel, ...] = ("province", "regency", "district", "village")

# Indonesia keeps no summer time, so three fixed offsets are exact and need no zone data on the machine.
WIB = timezone(timedelta(hours=7), "WIB")
WITA = timezone(timedelta(hours=8), "WITA")
WIT = timezone(timedelta(hours=9), "WIT")
# By the first digit of the province, but for Kalimantan, whose west and middle keep western time (Keppres 41/1987).
_ZONE_BY_ISLAND = {"1": WIB, "2": WIB, "3": WIB, "5": WITA, "6": WITA, "7": WITA, "8": WIT, "9": WIT}
_WESTERN_KALIMANTAN = frozenset({"61", "62"})


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the imported list."""

    code: str
    name: str

    @property
    def level(self) -> RegionLevel:
        return level_of(self.code)

    @property
    def zone(self) -> timezone:
        return zone_of(self.code)


def level_of(code: str) -> RegionLevel:
    """By the number of parts of the code."""
    return _LEVELS[min(code.count("."), len(_LEVELS) - 1)]


def parent_of(code: str) -> str:
    """The region around it: "35.10.16" -> "35.10"; "" for a province."""
    return code.rpartition(".")[0]


def lies_in(code: str, outer: str) -> bool:
    """Whether `code` is `outer` or lies in it; everything lies in ""."""
    return not outer or code == outer or code.startswith(outer + ".")


def zone_of(code: str) -> timezone:
    """The time zone of a region; western time, that of the capital, for a code that no island has."""
    if code[:2] in _WESTERN_KALIMANTAN:
        return WIB
    return _ZONE_BY_ISLAND.get(code[:1], WIB)


def name_of(code: str, regions: Mapping[str, str]) -> str:
    """The name of the region, else of the nearest one around it that is known, else "". `regions`: code to name."""
    while code:
        if code in regions:
            return regions[code]
        code = parent_of(code)
    return ""


def path_of(code: str, regions: Mapping[str, str]) -> tuple[Region, ...]:
    """The known regions from the province down to `code`."""
    parts = code.split(".")
    codes = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return tuple(Region(part, regions[part]) for part in codes if part in regions)
