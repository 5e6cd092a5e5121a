"""Every 16-digit number of the repository that could be somebody's NIK, beside those of the sandbox's residents.

All are made up. Tests need them for what no resident shows: other dates, regions that do not exist, strangers.
"""

from __future__ import annotations

NUMBERS = frozenset(
    {
        "3204164503870001",
        "3510160101800099",
        "3510160101900000",
        "3510161203850001",
        "3510162211090001",
        "3510162902880001",
        "3510994503870001",
        "3510164503870077",
        "3599164503870001",
        "6471011203910001",
        "6471015203910000",
        "6471015203910044",
        "9810160101900001",
        "9971015203910044",
        "9999994503870001",
    }
)
