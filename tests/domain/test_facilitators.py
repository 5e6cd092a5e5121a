from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from backend.domain.facilitators import fresh_duty_code, on_duty, parse_duty_code, works_in, written_code


def test_a_code_is_read_as_it_was_meant() -> None:
    code = fresh_duty_code(random.Random(3))
    for typed in (code, written_code(code), code.lower(), f" {written_code(code).lower()}. ", " ".join(code)):
        assert parse_duty_code(typed) == code
    assert parse_duty_code("BGSZ-2345") == "86522345"


def test_what_is_no_code() -> None:
    for typed in ("", "7K2M93A", "7K2M93ACC", "mau daftar", "OOOO-0000"):
        assert parse_duty_code(typed) == ""


def test_a_region_holds_its_districts_and_no_neighbour() -> None:
    assert works_in("35.10.16", ["64.71", "35.10"])
    assert not works_in("35.1", ["35.10"])
    assert not works_in("35.10.16", [])


def test_duty_ends_by_day_or_by_hand() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert on_duty(now + timedelta(seconds=1), None, now)
    assert not on_duty(now, None, now)
    assert not on_duty(now + timedelta(days=1), now, now)
