"""Files as regions bring them, of any length, about people who do not exist."""

from __future__ import annotations

import random
from pathlib import Path

COMPONENTS = ("pregnancy", "balita", "sd", "smp", "sma", "lansia", "disabilitas")


def nik(number: int) -> str:
    """The NIK of the made-up person with this number, the same every time: of Banyuwangi, born from 1950 to 1999."""
    day, rest = number % 28 + 1, number // 28
    month, rest = rest % 12 + 1, rest // 12
    year, serial = rest % 50 + 50, rest // 50 + 1
    return f"351016{day:02}{month:02}{year:02}{serial:04}"


def dtsen(path: Path, rows: int, *, first: int = 0, seed: int = 1, as_of: str = "2026-10-01") -> Path:
    """A DTSEN file with this many rows; the people from `first` on."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("nik,decile,components,as_of\n")
        for number in range(first, first + rows):
            components = "|".join(chance.sample(COMPONENTS, chance.randrange(4)))
            file.write(f"{nik(number)},{chance.randrange(1, 11)},{components},{as_of}\n")
    return path
