"""Dialogs about dialogs: going on with an interrupted one, giving one up, asking back what a free text meant."""

from __future__ import annotations

from bot.effects import Say
from bot.prompts import NO, YES, Ask, Call, Dialog, Entered, Next, Scene, Step, done, option, switch


def _resume(scene: Scene) -> Entered:
    """`title` is the key of the interrupted dialog's name; `after_pause`: the person comes back after a day or more."""
    key = "flow.resume_after_pause" if scene.get("after_pause") else "flow.resume"
    return Ask(Say(key, {"what": Say(scene.get("title"))}), (YES, NO))


def _resume_taken(scene: Scene, value: str) -> Next:
    if value == "yes":
        return done(result="resume")
    return Next(finished=True, drop=True, says=(Say("flow.left"),))


def _cancel(scene: Scene) -> Entered:
    ask = Say("flow.cancel", {"what": Say(scene.get("title"))})
    return Ask(ask, (option("yes", "options.yes_cancel"), option("no", "options.no_go_on")))


def _cancel_taken(scene: Scene, value: str) -> Next:
    if value == "yes":
        return Next(finished=True, drop=True, says=(Say("common.cancelled"),))
    return done(result="resume")


def _clarify(scene: Scene) -> Entered:
    """`likely`: what the text may have meant, each {intent, dialog, answers}; without any the menu must do."""
    likely = scene.get("likely")
    if not likely:
        return switch("menu", not_understood=True)
    meant = (option(wish["intent"], f"options.wish_{wish['intent']}") for wish in likely)
    return Ask(Say("flow.clarify"), (*meant, option("something_else")))


def _clarify_taken(scene: Scene, value: str) -> Next:
    for wish in scene.get("likely"):
        if wish["intent"] == value:
            return Next(finished=True, open=Call(wish["dialog"], wish["answers"]))
    return switch("menu")


RESUME = Dialog("resume", "ask", {"ask": Step(_resume, _resume_taken)}, title=Say("flow.title"), passing=True)
CANCEL = Dialog("cancel", "ask", {"ask": Step(_cancel, _cancel_taken)}, title=Say("flow.title"), passing=True)
CLARIFY = Dialog("clarify", "ask", {"ask": Step(_clarify, _clarify_taken)}, title=Say("flow.title"), passing=True)
