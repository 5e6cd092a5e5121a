"""Deadlines of the service. The domain's clock rules with the numbers that this service promises."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from backend.domain.regions import WIB, zone_of

TICKET_WITHIN = timedelta(hours=72)
"""Until when a ticket must be answered: correction, restriction and withdrawal have 3×24 hours by UU 27/2022."""
FACE_FRESH = timedelta(minutes=30)
"""How old the face check of an NIK's owner may be when they appeal against its misuse. The dialog asks again sooner; here
is room for a job and a turn that waited, so that nobody loses an appeal that they were told is filed."""


def local_day(now: datetime, region_code: str = "") -> date:
    """The date where the person lives; western time when that is not known."""
    return now.astimezone(zone_of(region_code) if region_code else WIB).date()
