"""Files as regions bring them, of any length, about people who do not exist."""

from __future__ import annotations

import random
from pathlib import Path

from backend.commands.bench_selection import nik

COMPONENTS = ("pregnancy", "balita", "sd", "smp", "sma", "lansia", "disabilitas")


def dtsen(path: Path, rows: int, *, first: int = 0, seed: int = 1, as_of: str = "2026-10-01") -> Path:
    """A DTSEN file with this many rows; the people from `first` on."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("nik,decile,components,as_of\n")
        for number in range(first, first + rows):
            components = "|".join(chance.sample(COMPONENTS, chance.randrange(4)))
            file.write(f"{nik(number)},{chance.randrange(1, 11)},{components},{as_of}\n")
    return path
