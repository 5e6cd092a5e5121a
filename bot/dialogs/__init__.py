"""The registry: every dialog, what opens it, and nothing else. Adding a dialog is one import and one line here."""

from __future__ import annotations

from bot.dialogs.flow import CANCEL, CLARIFY, RESUME
from bot.dialogs.menu import MENU as MENU_DIALOG
from bot.prompts import Call, Dialog

MENU = "menu"

DIALOGS: dict[str, Dialog] = {
    dialog.name: dialog
    for dialog in (
        MENU_DIALOG,
        RESUME,
        CANCEL,
        CLARIFY,
    )
}

# What the classifier's intents open. An intent that is neither here nor small talk is asked back.
INTENTS: dict[str, Call] = {
    "help": Call(MENU, {"help": True}),
}

# News about the person's case, and the dialog that tells it.
NOTICES: dict[str, str] = {}

# Pleasantries: answered in a word, whatever was open stays open. Their texts are `small_talk.<intent>`.
SMALL_TALK: frozenset[str] = frozenset({"greet", "thanks", "affirm", "deny"})
