"""The contract between the conversation and whatever understands its free text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.events import Understanding

FALLBACK = "nlu_fallback"
"""The intent of a message that the bot should ask back about instead of acting on it."""

OUT_OF_SCOPE = "out_of_scope"

INTENTS: tuple[str, ...] = (
    "greet",
    "thanks",
    "affirm",
    "deny",
    "help",
    "cancel",
    "register",
    "check_status",
    "ask_reason",
    "appeal",
    "report_misuse",
    "activate_ikd",
    "face_problem",
    "ask_requirements",
    "ask_payment",
    "talk_to_human",
    "assist_other",
    "correct_data",
    "delete_data",
    "check_authenticity",
    "report_recipient",
    "stop_messages",
    "complaint",
    OUT_OF_SCOPE,
)


class NluError(Exception):
    """The understanding of free text cannot work as asked; the message says what to do."""


class Understands(Protocol):
    """An engine. One `Understanding` for each text, in the same order; it never raises for what a citizen wrote."""

    @property
    def name(self) -> str: ...

    async def understand(self, texts: Sequence[str]) -> list[Understanding]: ...


__all__ = ["FALLBACK", "INTENTS", "OUT_OF_SCOPE", "NluError", "Understanding", "Understands"]
