"""Acting for somebody: their consent read aloud, their face, and from then on the journeys that anybody has.

It is the menu of whoever a facilitator has in hand. What runs on top of it are the dialogs of everybody; that they concern
this person, and that every message says so, is the engine's.
"""

from __future__ import annotations

from typing import Any

from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.delegation import DELEGABLE, DELEGATION_TEXT
from bot.case import ONGOING, appeal_of, owner
from bot.effects import Option, Record, Say
from bot.prompts import Ask, Call, Dialog, Entered, Next, Scene, Step, Take, done, go, option, switch

COMPLETE = frozenset({"submitted", "decided"})
# What is read aloud; each line is a question of its own, and each answer is stored by itself.
ALOUD = (
    option("represent", "accompany.option_represent"),
    option("data_access", "accompany.option_data_access"),
    option("face", "accompany.option_face"),
    option("notification", "accompany.option_notification"),
)
NOBODY = option("none", "accompany.option_nothing")
NEEDED = frozenset({"represent", "data_access", "face"})


def _start(scene: Scene) -> Entered:
    """`after`: something for this person has come to its end."""
    if owner(scene) is not None:
        return go("acts")
    return go("unproven" if scene.get("after") else "aloud")


def _unproven(_scene: Scene) -> Ask:
    return Ask(Say("accompany.unproven"), (option("again", "accompany.option_again"), *_ELSEWHERE))


def _unproven_taken(_scene: Scene, value: str) -> Next:
    return go("aloud") if value == "again" else _elsewhere(value)


# --- consent, face, delegation ---------------------------------------------------------------------------------------


def _aloud(_scene: Scene) -> Ask:
    return Ask(Say("accompany.aloud"), (*ALOUD, NOBODY), many=True, help=Say("accompany.aloud_help"))


def _assented(scene: Scene, value: list[str]) -> Next:
    if "none" in value and len(value) > 1:
        return Next(says=(Say("accompany.none_and_more"),))
    answers = tuple(_consent(purpose, str(purpose) in value) for purpose in Purpose)
    if not NEEDED.issubset(value):
        return done(Say("accompany.no_consent")).doing(*answers)
    return go("identify", assented_at=scene.now.isoformat()).doing(*answers)


def _consent(purpose: Purpose, granted: bool) -> Record:
    return Record("consent.give", {"purpose": str(purpose), "granted": granted, "version": TEXT_VERSIONS[purpose]})


def _identify(scene: Scene) -> Call:
    return Call("identify", {"purpose": "accompany", "consent_at": scene.get("assented_at")})


def _identified(scene: Scene, value: Any) -> Next:
    if value != "proven" or owner(scene) is None:
        return done(result=value)
    given = {
        "acts": sorted(DELEGABLE),
        "version": DELEGATION_TEXT,
        "assented_at": scene.get("assented_at"),
    }
    return go("begin").doing(Record("delegation.give", given))


def _begin(scene: Scene) -> Entered:
    """Whoever is not registered yet is registered now: that is what most have come for."""
    return go("acts") if _registered(scene) else switch("registration")


def _registered(scene: Scene) -> bool:
    registration = scene.facts.registration
    return registration is not None and registration.status in COMPLETE


# --- what is to be done ----------------------------------------------------------------------------------------------

_ELSEWHERE = (option("next", "accompany.option_next"), option("add", "accompany.option_add"))


def _acts(scene: Scene) -> Entered:
    if owner(scene) is None:
        return go("aloud")
    options = (*_ELSEWHERE, *_own_acts(scene)) if scene.get("after") else (*_own_acts(scene), *_ELSEWHERE)
    return Ask(Say("accompany.after" if scene.get("after") else "accompany.acts"), options)


def _own_acts(scene: Scene) -> tuple[Option, ...]:
    if not _registered(scene):
        return (option("registration"),)
    decision, appeal = scene.facts.decision, appeal_of(scene.facts)
    contests = decision is not None and decision.outcome == "not_eligible"
    waits = appeal is not None and appeal.status in ONGOING
    ways_on = (option("handover"), option("end", "accompany.option_end"))
    return (option("status"), *((option("appeal"),) if contests or waits else ()), *ways_on)


def _act_taken(_scene: Scene, value: str) -> Next:
    if value == "end":
        return go("end")
    return _elsewhere(value) if value in {"next", "add"} else switch(value)


def _elsewhere(value: str) -> Next:
    """Somebody else: the case in hand is put away with all that is its."""
    return Next(take=Take(desk={}) if value == "next" else Take())


def _end(_scene: Scene) -> Ask:
    """A citizen takes the consent back as easily as it was given: by saying so to whoever they gave it to."""
    return Ask(
        Say("accompany.end"), (option("yes", "accompany.option_yes_end"), option("no", "accompany.option_no_end"))
    )


def _ended(_scene: Scene, value: str) -> Next:
    if value == "no":
        return go("acts")
    return done(Say("accompany.ended")).doing(Record("delegation.withdraw"))


ACCOMPANY = Dialog(
    "accompany",
    "start",
    {
        "start": Step(_start, to=("acts", "aloud", "unproven")),
        "unproven": Step(_unproven, _unproven_taken, to=("aloud",)),
        "aloud": Step(_aloud, _assented, to=("identify",)),
        "identify": Step(_identify, _identified, to=("begin",)),
        "begin": Step(_begin, to=("acts",)),
        "acts": Step(_acts, _act_taken, to=("aloud", "end")),
        "end": Step(_end, _ended, to=("acts",)),
    },
    title=Say("accompany.title"),
    passing=True,
)
