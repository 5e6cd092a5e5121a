from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.regions import WIB, WIT, WITA
from backend.domain.windows import (
    add_months,
    appeal_window,
    office_open,
    office_opens_next,
    whatsapp_window_open,
)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 11, 22), date(2026, 12, 22)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 10, 31), date(2026, 11, 30)),
    ],
)
def test_one_calendar_month(day: date, end: date) -> None:
    assert add_months(day, 1) == end


def test_the_window_follows_the_persons_own_midnight() -> None:
    # 23.30 in Banyuwangi is already the next day in Balikpapan.
    announced = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    assert appeal_window(announced, WIB).closes == date(2026, 12, 22)
    assert appeal_window(announced, WITA).closes == date(2026, 12, 23)


def test_the_last_day_counts_to_its_end() -> None:
    window = appeal_window(datetime(2026, 11, 22, 10, tzinfo=WIB), WIB)
    last_moment = datetime(2026, 12, 22, 23, 59, 59, tzinfo=WIB)
    assert window.is_open(last_moment)
    assert window.days_left(last_moment) == 0
    assert window.ends == last_moment + timedelta(seconds=1)
    assert not window.is_open(window.ends)
    assert not window.is_open(datetime(2026, 11, 21, 23, 59, tzinfo=WIB))


@given(st.integers(0, 10_000_000), st.sampled_from([WIB, WITA, WIT]))
def test_a_window_lasts_28_to_31_days(minutes: int, zone: timezone) -> None:
    announced = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    window = appeal_window(announced, zone)
    assert 28 <= (window.closes - window.opens).days <= 31
    assert window.is_open(announced)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        (datetime(2026, 11, 23, 8, 0, tzinfo=WIB), True),
        (datetime(2026, 11, 23, 7, 59, tzinfo=WIB), False),
        (datetime(2026, 11, 23, 14, 59, tzinfo=WIB), True),
        (datetime(2026, 11, 23, 15, 0, tzinfo=WIB), False),
        (datetime(2026, 11, 21, 10, 0, tzinfo=WIB), False),
        (datetime(2026, 11, 22, 10, 0, tzinfo=WIB), False),
    ],
)
def test_office_hours(local: datetime, is_open: bool) -> None:
    assert office_open(local, WIB) is is_open


def test_office_hours_follow_the_region() -> None:
    moment = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    assert [office_open(moment, zone) for zone in (WIB, WITA, WIT)] == [False, True, True]


def test_next_opening_skips_weekends_and_holidays() -> None:
    friday_evening = datetime(2026, 11, 20, 16, 0, tzinfo=WIB)
    assert office_opens_next(friday_evening, WIB) == datetime(2026, 11, 23, 8, 0, tzinfo=WIB)
    holidays = {date(2026, 11, 23)}
    assert office_opens_next(friday_evening, WIB, holidays) == datetime(2026, 11, 24, 8, 0, tzinfo=WIB)
    early = datetime(2026, 11, 24, 6, 0, tzinfo=WIB)
    assert office_opens_next(early, WIB) == datetime(2026, 11, 24, 8, 0, tzinfo=WIB)
    open_now = datetime(2026, 11, 24, 9, 0, tzinfo=WIB)
    assert office_opens_next(open_now, WIB) == open_now


def test_whatsapp_window() -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert whatsapp_window_open(now - timedelta(hours=23, minutes=59), now)
    assert not whatsapp_window_open(now - timedelta(hours=24), now)
    assert not whatsapp_window_open(now - timedelta(hours=23, minutes=59), now, reserve=timedelta(minutes=5))
    assert not whatsapp_window_open(None, now)
