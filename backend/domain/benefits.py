"""What follows an eligible decision: a place in the quota, and payments by stage. Each is a state of its own.

Neither is decided here. Both come from files of those who allot and pay, and nothing is said beyond what they hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_PERIOD = re.compile(r"20\d{2}-[1-4]")


class Quota(StrEnum):
    """`listed`: a candidate, no place is set yet. `waiting`: there was none left. `placed`: there is one."""

    LISTED = "listed"
    WAITING = "waiting"
    PLACED = "placed"


class Payment(StrEnum):
    """`ordered`: the bank was told to pay. `returned`: the money came back, so the person does not have it."""

    NONE = "none"
    ORDERED = "ordered"
    PAID = "paid"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Period:
    """One of the four stages in which a year is paid, written "2026-4"."""

    year: int
    stage: int


def parse_period(text: str) -> Period:
    """Raises ValueError when it is no stage of a year."""
    if not _PERIOD.fullmatch(text):
        raise ValueError("is not a stage of a year such as 2026-4")
    year, stage = text.split("-")
    return Period(int(year), int(stage))
