"""What a citizen's event answers to an open question: a value, a `Retry` that says why it is none, or nothing."""

from __future__ import annotations

from typing import Any

from backend.domain.digits import find_number
from backend.domain.nik import LENGTH
from bot import events as ev
from bot.dialogs import INTENTS, SMALL_TALK
from bot.effects import Say
from bot.prompts import Ask, Retry, Scene, read_payload
from bot.session import Asked

# The global word, and the intent of those who say the same in other words.
CANCEL = "cancel"


def read_answer(ask: Ask, event: ev.Event, asked: Asked | None, scene: Scene) -> Any:
    """The answer in the event; None when the words are about something else. `asked` is the question as it was shown."""
    ids = {choice.id for choice in ask.options}
    match event:
        case ev.Choice():
            number, option_id = read_payload(event.payload)
            if asked is not None and number == asked.number and option_id in ids:
                return [option_id] if ask.many else option_id
            return Retry(Say("common.old_button"), repeat=True)
        case ev.Text():
            return _read_text(ask, event, ids, scene)
        case ev.Photos():
            return event if ask.photos else Retry(Say("common.photo_not_now"), repeat=True)
        case ev.Unsupported():
            return Retry(Say(_unreadable(ask, event.kind)), repeat=True)
        case _:
            return Retry(Say(_unreadable(ask, "location")), repeat=True)


def _read_text(ask: Ask, event: ev.Text, ids: set[str], scene: Scene) -> Any:
    picked = event.chosen.split(",") if event.chosen else []
    if ask.many and picked and ids.issuperset(picked):
        return picked
    if event.chosen in ids:
        return event.chosen
    intent = event.understanding.intent if event.understanding else ""
    said = {"affirm": "yes", "deny": "no"}.get(intent)
    if said in ids:
        return said
    if ask.parse is None:
        return None
    wish = intent in INTENTS or intent in SMALL_TALK or intent == CANCEL
    if wish and not ask.free and intent not in ask.own and not (ask.numeric and many_digits(event.text)):
        return None
    return ask.parse(event.text, scene)


def _unreadable(ask: Ask, kind: str) -> str:
    """What to say to something that is no answer: who is asked for a photo must not be told to write."""
    if ask.photos and not ask.free:
        return f"common.photo_step_{kind}"
    return "common.location_not_now" if kind == "location" else f"common.unsupported_{kind}"


def many_digits(text: str) -> bool:
    """Whether words were meant as a number, however wrong."""
    return sum(char.isdigit() for char in text) >= 6


def carries_id_number(text: str) -> bool:
    """Whether a message holds what may be a NIK or KK, wherever in the conversation it was sent."""
    return sum(char.isdigit() for char in text) >= LENGTH and bool(
        find_number(text, ("nik", "ktp", "kk"), LENGTH).whole
    )
