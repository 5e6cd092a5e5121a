"""Broadcasts: what may be sent to many, by which steps, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from backend.domain.regions import WIB, WIT, WITA

FOUR_EYES_ABOVE = 100
"""More recipients than this need somebody else's approval than the author's."""
LONGEST_PARAM = 80
HOURS = (7, 20)
"""Between these hours, where the person lives, a broadcast may arrive, unless an installation says otherwise."""
ZONES = {"WIB": WIB, "WITA": WITA, "WIT": WIT}


class Template(StrEnum):
    """Which words: a text `broadcast.<template>` of the catalogue."""

    STATUS = "status"
    DEADLINE = "deadline"
    IKD_DAY = "ikd_day"
    PAYMENT_DAY = "payment_day"


PARAMS: Mapping[Template, tuple[str, ...]] = {
    Template.STATUS: (),
    Template.DEADLINE: ("day",),
    Template.IKD_DAY: ("place", "day", "hours"),
    Template.PAYMENT_DAY: ("place", "day", "hours"),
}
"""What whoever writes a broadcast fills in, the same for everybody; the registration's number comes by itself."""


class Status(StrEnum):
    """A draft has no recipients yet; frozen, its list never changes any more."""

    DRAFT = "draft"
    FROZEN = "frozen"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class Act(StrEnum):
    """What somebody can do with a broadcast. `retry`: those who did not get it for sure are sent it again."""

    FREEZE = "freeze"
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"


_STEPS: Mapping[Act, tuple[frozenset[Status], Status]] = {
    Act.FREEZE: (frozenset({Status.DRAFT}), Status.FROZEN),
    Act.APPROVE: (frozenset({Status.FROZEN}), Status.SENDING),
    Act.PAUSE: (frozenset({Status.SENDING}), Status.PAUSED),
    Act.RESUME: (frozenset({Status.PAUSED}), Status.SENDING),
    Act.CANCEL: (frozenset({Status.DRAFT, Status.FROZEN, Status.SENDING, Status.PAUSED}), Status.CANCELLED),
    Act.RETRY: (frozenset({Status.DONE}), Status.SENDING),
}


class NotPossibleError(Exception):
    """The step cannot be taken; the message says why, `cause` in a word."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def after(status: Status, act: Act, *, total: int, author: str, actor: str) -> Status:
    """The status after a step of `actor`. Raises NotPossibleError."""
    allowed, then = _STEPS[act]
    if status not in allowed:
        raise NotPossibleError("step_not_possible", f"a broadcast that is {status} cannot take the step {act}")
    if act is Act.APPROVE and total > FOUR_EYES_ABOVE and actor == author:
        raise NotPossibleError(
            "four_eyes", f"more than {FOUR_EYES_ABOVE} recipients: somebody else than its author must approve it"
        )
    return then


def problem_of(template: Template, params: Mapping[str, str]) -> str:
    """What is wrong with what was filled in; empty when nothing is."""
    wanted = PARAMS[template]
    if set(params) != set(wanted):
        return f"{template} takes {', '.join(wanted) or 'nothing'}"
    for name, value in params.items():
        if not value.strip() or len(value) > LONGEST_PARAM or not value.isprintable():
            return f"{name}: one line of at most {LONGEST_PARAM} characters"
        if "://" in value or "www." in value.lower():
            return f"{name}: no addresses of pages; people are told never to trust them"
    return ""


def open_zones(now: datetime, hours: tuple[int, int] = HOURS) -> list[str]:
    """The time zones in which it is between these hours."""
    first, end = hours
    return [name for name, zone in ZONES.items() if first <= now.astimezone(zone).hour < end]
