from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from backend.domain.appeals import hindrance

UNTIL = date(2026, 12, 22)
WITHIN = {"kind": "data_wrong", "named": ["electricity"], "today": UNTIL}
STANDING = {"proven": True, "open_already": False, "face_seen": False}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision: refused for electricity, which can be contested, and for the decile, which cannot."""

    current: bool = True
    outcome: str = "not_eligible"
    appeal_until: date | None = UNTIL
    reasons: tuple[dict[str, Any], ...] = (
        {"code": "electricity", "contestable": True, "datum": "power_va"},
        {"code": "decile", "contestable": False},
    )


@pytest.mark.parametrize(
    ("decision", "changes", "expected"),
    [
        (Refusal(), {}, None),
        (Refusal(), {"kind": "nik_misused", "named": ["decile"], "face_seen": True}, None),
        (replace(Refusal(), current=False), {}, "nothing_to_contest"),
        (replace(Refusal(), outcome="eligible"), {}, "nothing_to_contest"),
        (replace(Refusal(), appeal_until=None), {}, "nothing_to_contest"),
        (Refusal(), {"today": UNTIL + timedelta(days=1)}, "window_over"),
        (Refusal(), {"proven": False}, "not_proven"),
        (Refusal(), {"open_already": True}, "open_already"),
        (Refusal(), {"kind": "somebody_elses"}, "unknown_kind"),
        (Refusal(), {"kind": "household_wrong"}, "not_contestable"),
        (Refusal(), {"kind": "nik_misused"}, "no_fresh_face_of_the_owner"),
        (Refusal(), {"kind": "nik_misused", "named": [], "face_seen": True}, "not_contestable"),
        (Refusal(), {"named": []}, "not_contestable"),
        (Refusal(), {"named": ["decile"]}, "not_contestable"),
        (Refusal(), {"named": ["electricity", "income"]}, "not_contestable"),
    ],
)
def test_the_rule_that_an_appeal_breaks(decision: Refusal, changes: dict[str, Any], expected: str | None) -> None:
    assert hindrance(decision, **{**WITHIN, **STANDING, **changes}) == expected
