from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from backend.domain.appeals import hindrance, shared_grounds
from backend.domain.delegation import Ground

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
        (Refusal(), {"kind": "circumstances"}, None),
        (Refusal(), {"kind": "nik_misused"}, "no_fresh_face_of_the_owner"),
        (Refusal(), {"kind": "nik_misused", "named": [], "face_seen": True}, "not_contestable"),
        (Refusal(), {"named": []}, "not_contestable"),
        (Refusal(), {"named": ["decile"]}, "not_contestable"),
        (Refusal(), {"named": ["electricity", "income"]}, "not_contestable"),
    ],
)
def test_the_rule_that_an_appeal_breaks(decision: Refusal, changes: dict[str, Any], expected: str | None) -> None:
    assert hindrance(decision, **{**WITHIN, **STANDING, **changes}) == expected


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ([("power_va", True)], {Ground.DATA_WRONG, Ground.CIRCUMSTANCES_CHANGED, Ground.NIK_MISUSED}),
        ([("decile", True), ("components", True)], set(Ground)),
        ([("decile", True), ("power_va", True)], set(Ground) - {Ground.HOUSEHOLD_WRONG}),
        ([("nik_active", True)], {Ground.DATA_WRONG, Ground.NIK_MISUSED}),
        ([("decile", False)], {Ground.NIK_MISUSED}),
        ([("decile", False), ("power_va", True)], {Ground.NIK_MISUSED}),
    ],
)
def test_one_appeal_stands_on_what_all_its_reasons_can_be_contested_on(
    reasons: list[tuple[str, bool]], expected: set[Ground]
) -> None:
    assert shared_grounds(reasons) == expected
