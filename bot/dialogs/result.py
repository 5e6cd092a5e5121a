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
    if scene.accompanied:
        return go("aloud")
    told = () if decision.told else (Record("decision.told", {"decision_id": decision.id}),)
    if decision.outcome == "not_eligible":
        return go("choose").doing(*told)
    return done(_good_or_waiting(scene, decision)).doing(*told)


# --- to be read aloud ------------------------------------------------------------------------------------------------


def _aloud(scene: Scene) -> Entered:
    """The facilitator reads the result to whom it concerns, and says what came of it: that is the receipt."""
    decision = scene.facts.decision
    if owner(scene) is None or decision is None:
        return done(Say("result.news"))
    said = _refusal(scene, decision) if decision.outcome == "not_eligible" else _good_or_waiting(scene, decision)
    options = (option("understood"), option("unclear"), option("later", "options.not_read_yet"))
    return Ask(Say("result.aloud", {"script": said}), options)


def _read_aloud(scene: Scene, value: str) -> Next:
    decision = scene.facts.decision
    if value == "later" or decision is None:
        return done(Say("result.not_read_yet"))
    receipt = Record("result.explained", {"decision_id": decision.id, "understood": value == "understood"})
    told = Record("decision.told", {"decision_id": decision.id})
    return done(Say("result.explained" if value == "understood" else "result.unclear")).doing(receipt, told)


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
    ways_on = (option("reason", "result.option_reason"), option("handover"))
    if may_still_appeal(decision, scene.facts.today):
        return Ask(_refusal(scene, decision), (option("appeal", "result.option_appeal"), *ways_on))
    return Ask(_refusal(scene, decision), ways_on)


def _refusal(scene: Scene, decision: DecisionFacts) -> Say:
    params = {**_whose(scene), "reasons": against_lines(decision)}
    if may_still_appeal(decision, scene.facts.today) and decision.appeal_until is not None:
        return Say("result.refused", {**params, "until": decision.appeal_until.isoformat()})
    return Say("result.refused_closed", params)


def _chosen(_scene: Scene, value: str) -> Next:
    """Works for both ways in: a caller gets the wish as result, news is replaced by the dialog wished for."""
    return Next(finished=True, result=value, open=Call(value))


RESULT = Dialog(
    name="result",
    start="tell",
    title=Say("result.title"),
    steps={
        "tell": Step(_tell, to=("choose", "aloud")),
        "choose": Step(_refused, _chosen),
        "aloud": Step(_aloud, _read_aloud),
    },
    passing=True,
)
