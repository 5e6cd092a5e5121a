"""The stages of an appeal, for the tests that begin there."""

from __future__ import annotations

from bot.facts import Facts
from tests.conversation import Conversation
from tests.dialogs.cases import BAMBANG, REFUSED, REFUSED_TWICE, face_matches, facts_of, proven


def good(*ids: int) -> dict[str, object]:
    return {"photos": [{"id": number, "problem": None} for number in ids]}


def bad(problem: str) -> dict[str, object]:
    return {"photos": [{"id": None, "problem": problem}]}


def at_reasons(facts: Facts | None = None) -> Conversation:
    return proven(facts or facts_of(BAMBANG, decision=REFUSED_TWICE)).says("sanggah")


def at_photos() -> Conversation:
    return at_reasons(facts_of(BAMBANG, decision=REFUSED)).says("1")


def at_statement() -> Conversation:
    chat = at_photos().sends_photo("meteran").job("received", good(51))
    return chat.says("selesai").expects("appeal.statement_data_wrong")


def at_face() -> Conversation:
    return at_statement().says("Meteran itu punya tetangga.").expects("selfie.ask_front")


def at_summary() -> Conversation:
    return face_matches(at_face()).expects("selfie.match", "appeal.summary_data_wrong", options=["yes", "change", "no"])
