"""How often a ring that is not finished comes back, and when."""

from __future__ import annotations

MOST_DELIVERIES = 5
"""Then it is given up on: whoever works on it dies, hangs or fails each time."""
TRIED_TOGETHER = 2
"""Of these, how many together with other ids and in a process that has more in hand; then each goes its own way, alone."""
LONGEST_BACK_OFF = 60.0


def back_off(delay: float, tries: int) -> float:
    """Seconds until the next try, after this many."""
    return float(min(delay * 2 ** (tries - 1), LONGEST_BACK_OFF))
