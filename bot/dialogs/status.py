"""Where a person's own case stands, and why: the stage, the decision with its reasons, the appeal with its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.case import appeal_of, appeal_options, appeal_state, became_of, earlier_appeal, of_kind, owner, short
from bot.effects import Option, Say
from bot.facts import DecisionFacts, ReasonFacts
from bot.prompts import NO, YES, Ask, Call, Dialog, Entered, Next, Scene, Step, done, go, option, switch


def _identify(_scene: Scene) -> Call:
    return Call("identify", {"purpose": "status"})


def _then(step: str) -> Callable[[Scene, Any], Next]:
    """On to `step` once proven. Whoever could not prove who they are was told so by the identification itself."""
    return lambda _scene, value: go(step) if value == "proven" else done(result=value)


# --- status ----------------------------------------------------------------------------------------------------------


def _show(scene: Scene) -> Entered:
    registration, decision = scene.facts.registration, scene.facts.decision
    if owner(scene) is None:
        return go("identify")
    appeal = appeal_of(scene.facts)
    if appeal is not None and appeal.status != "withdrawn":
        return Ask(appeal_state(appeal), appeal_options(appeal))
    if registration is None:
        return Ask(Say("status.none"), (YES, NO))
    if decision is not None:
        earlier = earlier_appeal(scene.facts)
        return go("result", *(() if earlier is None or appeal is not None else (became_of(earlier),)))
    params = {"number": registration.number, "since": registration.created_at.isoformat()}
    return done(Say(f"status.{registration.status}", params))


def _shown(scene: Scene, value: str) -> Next:
    if value == "yes":
        return switch("registration")
    if value == "answer":
        return switch("appeal_news")
    if value == "withdraw":
        return switch("appeal", withdrawing=True)
    if value == "handover":
        appeal = appeal_of(scene.facts)
        return switch("handover", about=appeal.number if appeal is not None else "")
    return done(Say("status.bye"))


def _result(_scene: Scene) -> Call:
    return Call("result", {"by": "status"})


def _after_result(_scene: Scene, value: Any) -> Next:
    return switch(value) if value else done()


STATUS = Dialog(
    name="status",
    start="identify",
    title=Say("status.title"),
    steps={
        "identify": Step(_identify, _then("show"), to=("show",)),
        "show": Step(_show, _shown, to=("identify", "result")),
        "result": Step(_result, _after_result),
    },
    passing=True,
)


# --- reason ----------------------------------------------------------------------------------------------------------


def _which(scene: Scene) -> Entered:
    """Of several reasons to refuse the person picks one; anything else is explained at once."""
    decision = scene.facts.decision
    if owner(scene) is None:
        return go("identify")
    if decision is None:
        return done(Say("status.no_decision")) if scene.facts.registration else Ask(Say("status.none"), (YES, NO))
    against = of_kind(decision, "against")
    if decision.outcome != "not_eligible" or not against:
        return done(*_whys(decision))
    if len(against) == 1:
        return go("explain", reason=against[0].code)
    return Ask(Say("status.which_reason"), tuple(Option(reason.code, short(reason)) for reason in against))


def _whys(decision: DecisionFacts) -> tuple[Say, ...]:
    kind = "for" if decision.outcome == "eligible" else "wait"
    reasons = of_kind(decision, kind)
    return (Say(f"status.why_{kind}"), *(Say(f"reasons.{reason.code}.why", reason.params) for reason in reasons))


def _picked(_scene: Scene, value: str) -> Next:
    if value == "yes":
        return switch("registration")
    if value == "no":
        return done(Say("status.bye"))
    return go("explain", reason=value)


def _explain(scene: Scene) -> Entered:
    decision = scene.facts.decision
    reason = _reason(decision, scene.get("reason"))
    if owner(scene) is None or decision is None or reason is None:
        return go("which")
    options = [option("appeal", "result.option_appeal")] if reason.contestable else []
    if len(of_kind(decision, "against")) > 1:
        options.append(option("other", "status.option_other_reason"))
    return Ask(
        Say(f"reasons.{reason.code}.why", reason.params),
        (*options, option("handover"), option("enough", "status.option_enough")),
    )


def _reason(decision: DecisionFacts | None, code: str) -> ReasonFacts | None:
    reasons = decision.reasons if decision is not None else ()
    return next((reason for reason in reasons if reason.code == code), None)


def _explained(_scene: Scene, value: str) -> Next:
    if value == "other":
        return go("which", reason="")
    return done(Say("status.bye")) if value == "enough" else switch(value)


REASON = Dialog(
    name="reason",
    start="identify",
    title=Say("status.title_reason"),
    steps={
        "identify": Step(_identify, _then("which"), to=("which",)),
        "which": Step(_which, _picked, to=("identify", "explain")),
        "explain": Step(_explain, _explained, to=("which",)),
    },
    passing=True,
)
