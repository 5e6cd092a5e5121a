"""Deadlines and opening times. `now` comes in from outside and always carries its time zone."""

from __future__ import annotations

import calendar
from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

OFFICE_OPENS, OFFICE_CLOSES = time(8), time(15)
_FRIDAY = 4
# WhatsApp lets a business write freely for this long after the person's last message; later only by template.
WHATSAPP_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class AppealWindow:
    """The days on which a result can be contested, both included, in the person's own time zone."""

    opens: date
    closes: date
    zone: timezone

    def is_open(self, now: datetime) -> bool:
        return self.opens <= now.astimezone(self.zone).date() <= self.closes

    def days_left(self, now: datetime) -> int:
        """0 on the last day, negative afterwards."""
        return (self.closes - now.astimezone(self.zone).date()).days

    @property
    def ends(self) -> datetime:
        """The first moment at which it is too late."""
        return datetime.combine(self.closes + timedelta(days=1), time(), self.zone)


def appeal_window(announced: datetime, zone: timezone, months: int = 1) -> AppealWindow:
    """One calendar month after the announcement: 22 November -> 22 December, 31 January -> 28 or 29 February."""
    opens = announced.astimezone(zone).date()
    return AppealWindow(opens, add_months(opens, months), zone)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day when it is shorter."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))


def office_open(now: datetime, zone: timezone, holidays: Container[date] = frozenset()) -> bool:
    """Whether officers answer: Monday to Friday 08.00 to 15.00 of the region's time, not on `holidays`."""
    local = now.astimezone(zone)
    return _working_day(local.date(), holidays) and OFFICE_OPENS <= local.time() < OFFICE_CLOSES


def office_opens_next(now: datetime, zone: timezone, holidays: Container[date] = frozenset()) -> datetime:
    """`now` in the region's time while officers answer, else the next opening."""
    local = now.astimezone(zone)
    if office_open(now, zone, holidays):
        return local
    day = local.date() if local.time() < OFFICE_OPENS else local.date() + timedelta(days=1)
    while not _working_day(day, holidays):
        day += timedelta(days=1)
    return datetime.combine(day, OFFICE_OPENS, zone)


def whatsapp_window_open(last_inbound: datetime | None, now: datetime, reserve: timedelta = timedelta()) -> bool:
    """Whether a free message may be sent. `reserve`: how long it may still wait in a queue before it goes out."""
    return last_inbound is not None and now - last_inbound < WHATSAPP_WINDOW - reserve


def _working_day(day: date, holidays: Container[date]) -> bool:
    return day.weekday() <= _FRIDAY and day not in holidays
