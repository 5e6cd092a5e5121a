from __future__ import annotations

import pytest

from backend.domain.regions import Region, level_of, lies_in, name_of, parent_of, path_of, zone_of

REGIONS = {"35": "Jawa Timur", "35.10": "Kabupaten Banyuwangi", "35.10.16": "Banyuwangi"}


@pytest.mark.parametrize(
    ("code", "zone"),
    [
        ("11.01", "WIB"),
        ("21.71", "WIB"),
        ("35.10.16", "WIB"),
        ("61.71", "WIB"),
        ("62.71", "WIB"),
        ("63.71", "WITA"),
        ("64.71.05", "WITA"),
        ("65.71", "WITA"),
        ("51.71", "WITA"),
        ("53.71", "WITA"),
        ("73.71", "WITA"),
        ("82.71", "WIT"),
        ("96.71", "WIT"),
        ("", "WIB"),
    ],
)
def test_zone_by_province(code: str, zone: str) -> None:
    assert zone_of(code).tzname(None) == zone


def test_levels_and_parents() -> None:
    assert [level_of(code) for code in ("35", "35.10", "35.10.16", "35.10.16.2001")] == [
        "province",
        "regency",
        "district",
        "village",
    ]
    assert [parent_of(code) for code in ("35.10.16", "35.10", "35")] == ["35.10", "35", ""]


def test_lies_in_goes_by_whole_parts() -> None:
    assert lies_in("35.10.16", "35.10")
    assert lies_in("35.10", "35.10")
    assert lies_in("35.10", "")
    assert not lies_in("35.1", "35.10")
    assert not lies_in("35.10", "35.1")


def test_names_fall_back_to_the_region_around() -> None:
    assert name_of("35.10.16", REGIONS) == "Banyuwangi"
    assert name_of("35.10.99", REGIONS) == "Kabupaten Banyuwangi"
    assert name_of("64.71", REGIONS) == ""
    assert path_of("35.10.16", REGIONS) == tuple(Region(code, name) for code, name in REGIONS.items())
    assert [region.level for region in path_of("35.10.16", REGIONS)] == ["province", "regency", "district"]
