"""Telling a decision: as soon as it exists, and whenever its owner asks. Acceptance and refusal alike carry their reasons."""

from __future__ import annotations

from bot.case import against_lines, called, may_still_appeal, of_kind, owner, progress_lines
from bot.effects import Record, Say
from bot.facts import DecisionFacts
from bot.prompts import Ask, Call, Dialog, Entered, Next, Scene, Step, done, go, option


def _tell(scene: Scene) -> Entered:
    """Opened by news or called by the status; whoever this chat has not proven to be learns only that there is news."""
    person, decision = owner(scene), scene.facts.decision
    if person is None:
        return done(Say("result.news"))
    if decision is None:
        return done(Say("result.none_yet"))
    told = () if decision.told else (Record("decision.told", {"decision_id": decision.id}),)
    if decision.outcome == "not_eligible":
        return go("choose").doing(*told)
    return done(_good_or_waiting(scene, decision)).doing(*told)


def _good_or_waiting(scene: Scene, decision: DecisionFacts) -> Say:
    kind = "for" if decision.outcome == "eligible" else "wait"
    reasons = [Say(f"reasons.{reason.code}.{kind}", reason.params) for reason in of_kind(decision, kind)]
    params = {**_whose(scene), "reasons": reasons}
    progress = progress_lines(scene.facts) if decision.outcome == "eligible" else []
    return (
        Say("result.progress", {**params, "progress": progress})
        if progress
        else Say(f"result.{decision.outcome}", params)
    )


def _whose(scene: Scene) -> dict[str, str]:
    person, registration = owner(scene), scene.facts.registration
    return {
        "name": called(person) if person is not None else "",
        "number": registration.number if registration is not None else "",
    }


def _refused(scene: Scene) -> Entered:
    decision = scene.facts.decision
    if owner(scene) is None or decision is None:
        return done(Say("result.news"))
    params = {**_whose(scene), "reasons": against_lines(decision)}
    if may_still_appeal(decision, scene.facts.today) and decision.appeal_until is not None:
        say = Say("result.refused", {**params, "until": decision.appeal_until.isoformat()})
        return Ask(
            say,
            (option("appeal", "result.option_appeal"), option("reason", "result.option_reason"), option("handover")),
        )
    return Ask(Say("result.refused_closed", params), (option("reason", "result.option_reason"), option("handover")))


def _chosen(_scene: Scene, value: str) -> Next:
    """Works for both ways in: a caller gets the wish as result, news is replaced by the dialog wished for."""
    return Next(finished=True, result=value, open=Call(value))


RESULT = Dialog(
    name="result",
    start="tell",
    title=Say("result.title"),
    steps={"tell": Step(_tell, to=("choose",)), "choose": Step(_refused, _chosen)},
    passing=True,
)
