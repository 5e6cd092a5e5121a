"""Until when an appeal is answered."""

from __future__ import annotations

from datetime import date, timedelta

# The officers' promise, told to the appellant with the number. Shorter than the 60 days that UU 25/2009 allows for a
# complaint about a public service.
ANSWERED_WITHIN = timedelta(days=30)


def answer_due(filed: date) -> date:
    """The last day on which an appeal filed on this day is decided."""
    return filed + ANSWERED_WITHIN
