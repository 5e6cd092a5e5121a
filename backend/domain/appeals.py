"""Which appeals are taken, and until when they are answered. Chat and API hold to the same rules, because they stand here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal, Protocol

from backend.domain.delegation import Ground

# The officers' promise, told to the appellant with the number. Shorter than the 60 days that UU 25/2009 allows for a
# complaint about a public service.
ANSWERED_WITHIN = timedelta(days=30)
STEP_WITHIN: Mapping[str, timedelta] = {
    "received": timedelta(days=3),
    "in_review": timedelta(days=10),
    "need_more": timedelta(days=7),
    "field_check": timedelta(days=14),
}
"""How long an appeal may stay in each state while it is open; then officers are warned."""
OPEN = tuple(STEP_WITHIN)
HOUSEHOLD = frozenset({"components", "decile", "kk_registered_by_other"})
"""The data that say something about who lives together: what an appeal because of a wrong household may contest."""
LASTING = frozenset({"nik_active", "nik_registered_by_other"})
"""The data that do not follow the circumstances of a life: such an entry is right or wrong, never out of date."""

Hindrance = Literal[
    "nothing_to_contest", "window_over", "not_proven", "open_already", "unknown_kind", "no_fresh_face_of_the_owner",
    "not_contestable",
]  # fmt: skip


class Contested(Protocol):
    """A decision as an appeal sees it. Each reason says its `code` and whether it is `contestable`."""

    @property
    def current(self) -> bool: ...
    @property
    def outcome(self) -> str: ...
    @property
    def appeal_until(self) -> date | None: ...
    @property
    def reasons(self) -> Sequence[Mapping[str, Any]]: ...


def hindrance(
    decision: Contested,
    kind: str,
    named: Collection[str],
    today: date,
    *,
    proven: bool,
    open_already: bool,
    face_seen: bool,
) -> Hindrance | None:
    """The rule that an appeal breaks, if any.

    `named`: codes of the reasons that are contested; for a misused NIK those whose data are not the owner's, which may
    be any of them. `today` is the day where the person lives. `proven`: the person has proven who they are;
    `face_seen`: just now, with a proof that has served no other appeal.
    """
    if not decision.current or decision.outcome != "not_eligible" or decision.appeal_until is None:
        return "nothing_to_contest"
    if today > decision.appeal_until:
        return "window_over"
    if not proven:
        return "not_proven"
    if open_already:
        return "open_already"
    if kind not in set(Ground):
        return "unknown_kind"
    if kind == Ground.NIK_MISUSED and not face_seen:
        return "no_fresh_face_of_the_owner"
    allowed = {
        reason["code"] for reason in decision.reasons if kind in grounds(reason.get("datum", ""), reason["contestable"])
    }
    return None if named and set(named) <= allowed else "not_contestable"


def grounds(datum: str, contestable: bool) -> frozenset[Ground]:
    """The grounds on which a reason that stands on `datum` may be contested. A misuse concerns any datum."""
    if not contestable:
        return frozenset({Ground.NIK_MISUSED})
    household = set() if datum in HOUSEHOLD else {Ground.HOUSEHOLD_WRONG}
    circumstances = {Ground.CIRCUMSTANCES_CHANGED} if datum in LASTING else set()
    return frozenset(set(Ground) - household - circumstances)


def shared_grounds(reasons: Iterable[tuple[str, bool]]) -> frozenset[Ground]:
    """The grounds on which one appeal may contest all of these: pairs of a reason's datum and whether it is contestable."""
    return frozenset.intersection(frozenset(Ground), *(grounds(datum, open_to) for datum, open_to in reasons))


def answer_due(filed: date) -> date:
    """The last day on which an appeal filed on this day is decided."""
    return filed + ANSWERED_WITHIN


def step_due(status: str, since: date, due: date) -> date | None:
    """The last day of a state that began on `since`, never after the day of the answer; None once it is over."""
    within = STEP_WITHIN.get(status)
    return None if within is None else min(since + within, max(due, since))
