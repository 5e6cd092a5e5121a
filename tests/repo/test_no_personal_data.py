"""Nobody's number and nobody's photo is in the repository, but those of the made-up residents."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from backend.domain.nik import Nik, parse_nik
from backend.sandbox.residents import load_residents
from tests.repo import source
from tests.repo.made_up_numbers import NUMBERS

_SIXTEEN = re.compile(r"(?<![0-9A-Za-z])[0-9]{16}(?![0-9A-Za-z])")
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff"}
_DAY = date(2026, 11, 22)


def _numbers() -> dict[str, set[Path]]:
    """What could be a NIK, and the files where it stands."""
    found: dict[str, set[Path]] = {}
    for path, text in source.texts():
        for number in _SIXTEEN.findall(text):
            if isinstance(parse_nik(number, _DAY), Nik):
                found.setdefault(number, set()).add(path.relative_to(source.ROOT))
    return found


def _residents() -> set[str]:
    return {number for resident in load_residents() for number in (resident.nik, resident.kk) if number}


def test_only_made_up_people_have_a_number_here() -> None:
    strangers = {number: places for number, places in _numbers().items() if number not in _residents() | NUMBERS}
    assert not strangers, f"use a sandbox resident, or list the made-up number in made_up_numbers.py: {strangers}"


def test_the_list_of_made_up_numbers_holds_nothing_else() -> None:
    here = Path(__file__).with_name("made_up_numbers.py").relative_to(source.ROOT)
    unused = {number for number in NUMBERS if not _numbers().get(number, set()) - {here}}
    assert not unused, f"no longer used: {unused}"
    assert not NUMBERS & _residents()


def test_the_only_pictures_are_screenshots_in_the_documentation() -> None:
    pictures = [path.relative_to(source.ROOT) for path in source.files() if path.suffix.lower() in _PICTURES]
    assert [path for path in pictures if path.parts[:2] != ("docs", "images")] == []
