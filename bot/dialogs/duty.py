"""Becoming a facilitator: the code that an officer handed over, then one's own face. Neither is enough by itself.

Whatever does not fit gets one and the same sentence, so that nobody learns by trying which codes there are.
"""

from __future__ import annotations

from typing import Any

from backend.domain.facilitators import parse_duty_code
from backend.domain.values import evolve
from bot.effects import Command, Say
from bot.events import JobFinished
from bot.prompts import Ask, Call, Dialog, Entered, Next, Retry, Scene, Step, Wait, done, go


def _start(scene: Scene) -> Entered:
    if scene.facts.facilitator is not None:
        return done(Say("duty.already", {"until": scene.facts.facilitator.until.isoformat()}))
    return go("code")


def _code(_scene: Scene) -> Ask:
    # Free: what a classifier makes of eight letters and figures must not lead anywhere else.
    return Ask(Say("duty.ask_code"), parse=_parse, free=True, secret=True, help=Say("duty.code_help"))


def _parse(text: str, _scene: Scene) -> Retry | dict[str, str]:
    code = parse_duty_code(text)
    return {"code": code} if code else Retry(Say("duty.code_form"))


def _code_taken(_scene: Scene, value: dict[str, str]) -> Next:
    return go("look", **value)


def _look(scene: Scene) -> Wait:
    return Wait(Command("facilitator.code", {"code": scene.get("code")}), Say("duty.slow"), Say("duty.slow"))


def _looked(_scene: Scene, value: JobFinished) -> Next:
    if value.outcome == "known":
        return go("identify", Say("duty.now_you"))
    return done(Say("duty.refused" if value.outcome == "refused" else "duty.trouble"))


def _identify(_scene: Scene) -> Call:
    return Call("identify", {"purpose": "duty"})


def _identified(scene: Scene, value: Any) -> Next:
    """A face from an earlier day is not enough: who holds the phone now is the question."""
    if value != "proven":
        return done(result=value)
    return go("bind" if scene.proven_at == scene.now else "face")


def _face(_scene: Scene) -> Call:
    return Call("selfie", {"act": "duty"})


def _face_taken(_scene: Scene, value: Any) -> Next:
    return go("bind") if value == "match" else done(result=value)


def _bind(scene: Scene) -> Wait:
    data = {"code": scene.get("code"), "person_id": scene.person_id}
    return Wait(Command("facilitator.bind", data), Say("duty.slow"), Say("duty.slow"))


def _bound(_scene: Scene, value: JobFinished) -> Next:
    if value.outcome == "bound":
        return evolve(done(Say("duty.bound")), duty=value.data["facilitator_id"])
    return done(Say("duty.refused" if value.outcome == "refused" else "duty.trouble"))


DUTY = Dialog(
    "duty",
    "start",
    {
        "start": Step(_start, to=("code",)),
        "code": Step(_code, _code_taken, to=("look",)),
        "look": Step(_look, _looked, to=("identify",)),
        "identify": Step(_identify, _identified, to=("bind", "face")),
        "face": Step(_face, _face_taken, to=("bind",)),
        "bind": Step(_bind, _bound),
    },
    title=Say("duty.title"),
)
