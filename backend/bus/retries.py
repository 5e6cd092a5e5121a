"""How often a ring that is not finished comes back, and when."""

from __future__ import annotations

MOST_DELIVERIES = 6
"""Then it is given up on: whoever works on it dies, hangs or fails each time."""
LONGEST_BACK_OFF = 60.0


def back_off(delay: float, tries: int) -> float:
    """Seconds until the next try, after this many."""
    return float(min(delay * 2 ** (tries - 1), LONGEST_BACK_OFF))
