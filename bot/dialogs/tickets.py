"""Dialogs that end in a ticket: a human, a complaint, a correction, a report. What to say, then a number and a place."""

from __future__ import annotations

from typing import Any

from backend.domain.numbers import ticket_number
from bot.effects import Record, Say
from bot.prompts import Ask, Dialog, Entered, Next, Parser, Retry, Scene, Step, done, go, option, stay, switch

LONGEST_TEXT = 1500


def words(most: int = LONGEST_TEXT) -> Parser:
    """The parser of an open question: any words, but some, and not more than officers can read."""

    def parse(text: str, _scene: Scene) -> Retry | dict[str, str]:
        said = text.strip()
        if len(said) > most:
            return Retry(Say("handover.too_long", {"most": most, "count": len(said)}))
        if not any(c.isalnum() for c in said):
            return Retry(Say("handover.in_words"))
        return {"text": said}

    return parse


def opened(scene: Scene, kind: str, text: str) -> Record:
    return Record("ticket.open", {"code": scene.facts.code, "kind": kind, "text": text})


# --- a human ---------------------------------------------------------------------------------------------------------


def _ask_human(scene: Scene) -> Entered:
    """What it is about. After a failed face check that is known, so the ticket is opened at once."""
    if scene.get("reason") == "face":
        return _human(scene, "face", "")
    about = scene.get("about")
    say = Say("handover.ask_about", {"number": about}) if about else Say("handover.ask")
    return Ask(say, (option("skip", "handover.option_just_connect"),), parse=words(), free=True)


def _human_taken(scene: Scene, value: Any) -> Next:
    return _human(scene, "human", value["text"] if isinstance(value, dict) else "")


def _human(scene: Scene, kind: str, text: str) -> Next:
    about = scene.get("about", "")
    record = opened(scene, kind, f"{about}: {text}" if about else text)
    key = "handover.open" if scene.facts.office_open else "handover.closed"
    said = Say(key, {"number": ticket_number(scene.facts.code), "place": scene.facts.queue + 1})
    return done(said).doing(record)


HANDOVER = Dialog("handover", "ask", {"ask": Step(_ask_human, _human_taken)}, title=Say("handover.title"))


# --- complaint and correction ----------------------------------------------------------------------------------------


def _written(name: str, kind: str) -> Dialog:
    def ask(_scene: Scene) -> Ask:
        return Ask(Say(f"report.{name}"), parse=words(), free=True)

    def take(scene: Scene, value: dict[str, str]) -> Next:
        number = ticket_number(scene.facts.code)
        return done(Say(f"report.{name}_done", {"number": number})).doing(opened(scene, kind, value["text"]))

    return Dialog(name, "ask", {"ask": Step(ask, take)}, title=Say(f"report.{name}_title"))


COMPLAINT = _written("complaint", "complaint")
CORRECT_DATA = _written("correct_data", "correction")


# --- report ----------------------------------------------------------------------------------------------------------

# What is reported; "own" is an appeal of one's own result (sanggah), the others concern somebody else (usul-sanggah).
REPORTS = ("own", "recipient", "officer", "fraud")
_STORIES = frozenset({"report_recipient", "complaint", "check_authenticity"})
SHORTEST_STORY = 15


def _which_report(scene: Scene) -> Entered:
    if scene.get("misused"):
        return switch("appeal", Say("report.own"), misused=True)
    say = Say("report.which_kept" if scene.get("text") else "report.which")
    return Ask(say, tuple(option(name, f"report.option_{name}") for name in REPORTS), parse=_story, own=_STORIES)


def _story(text: str, scene: Scene) -> Any:
    """What happened, told before it was asked for; a few letters are rather a choice that did not fit."""
    return words()(text, scene) if len(text.strip()) >= SHORTEST_STORY else None


def _report_chosen(scene: Scene, value: Any) -> Next:
    """Whoever tells the story before choosing is not asked for it again."""
    if isinstance(value, dict):
        return stay(text=value["text"])
    if value == "own":
        return switch("appeal", Say("report.own"), misused=True)
    return _reported(scene, value, scene.get("text")) if scene.get("text") else go("describe", about=value)


def _describe(scene: Scene) -> Ask:
    return Ask(Say(f"report.describe_{scene.get('about')}"), parse=words(), free=True)


def _described(scene: Scene, value: dict[str, str]) -> Next:
    return _reported(scene, scene.get("about"), value["text"])


def _reported(scene: Scene, about: str, text: str) -> Next:
    said = Say(f"report.done_{about}", {"number": ticket_number(scene.facts.code)})
    return done(said).doing(opened(scene, "report", f"{about}: {text}"))


REPORT = Dialog(
    "report",
    "which",
    {"which": Step(_which_report, _report_chosen, to=("describe",)), "describe": Step(_describe, _described)},
    title=Say("report.title"),
)

TICKETS = (HANDOVER, COMPLAINT, CORRECT_DATA, REPORT)
