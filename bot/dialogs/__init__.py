"""The registry: every dialog, what opens it, and nothing else. Adding a dialog is one import and one line here."""

from __future__ import annotations

from bot.dialogs.accompany import ACCOMPANY
from bot.dialogs.appeal import APPEAL
from bot.dialogs.appeal_news import APPEAL_NEWS
from bot.dialogs.duty import DUTY
from bot.dialogs.evidence import EVIDENCE
from bot.dialogs.flow import CANCEL, CLARIFY, RESUME
from bot.dialogs.identify import IDENTIFY
from bot.dialogs.info import INFO
from bot.dialogs.menu import MENU as MENU_DIALOG
from bot.dialogs.people import PEOPLE
from bot.dialogs.privacy import ERASED, PRIVACY, STOP_MESSAGES
from bot.dialogs.registration import REGISTRATION
from bot.dialogs.result import RESULT
from bot.dialogs.selfie import SELFIE
from bot.dialogs.status import REASON, STATUS
from bot.dialogs.tickets import TICKETS
from bot.prompts import Call, Dialog

MENU = "menu"

DIALOGS: dict[str, Dialog] = {
    dialog.name: dialog
    for dialog in (
        MENU_DIALOG,
        RESUME,
        CANCEL,
        CLARIFY,
        IDENTIFY,
        REGISTRATION,
        SELFIE,
        RESULT,
        STATUS,
        REASON,
        APPEAL,
        EVIDENCE,
        APPEAL_NEWS,
        PRIVACY,
        ERASED,
        STOP_MESSAGES,
        DUTY,
        PEOPLE,
        ACCOMPANY,
        *TICKETS,
        *INFO,
    )
}

# What the classifier's intents open. An intent that is neither here nor small talk is asked back.
INTENTS: dict[str, Call] = {
    "help": Call(MENU, {"help": True}),
    "register": Call("registration"),
    "check_status": Call("status"),
    "ask_reason": Call("reason"),
    "appeal": Call("appeal"),
    "report_misuse": Call("report", {"misused": True}),
    "report_recipient": Call("report"),
    "delete_data": Call("privacy"),
    "stop_messages": Call("stop_messages"),
    "talk_to_human": Call("handover"),
    "complaint": Call("complaint"),
    "correct_data": Call("correct_data"),
    "ask_requirements": Call("requirements"),
    "ask_payment": Call("payment"),
    "check_authenticity": Call("authenticity"),
    "activate_ikd": Call("ikd_help"),
    "face_problem": Call("face_help"),
    "assist_other": Call("assist_other"),
}

# Outcomes after which nothing of the chat may stay, and the dialog that says so.
ENDINGS: dict[tuple[str, str], str] = {("person.erase", "erased"): "erased"}

# What a facilitator may open for somebody before that person's face and consent, and after; the rest is theirs alone.
BEFORE_PROOF: frozenset[str] = frozenset(
    {"accompany", "clarify", "cancel", "resume", "officer", "handover", "complaint", *(dialog.name for dialog in INFO)}
)
ACCOMPANIED: frozenset[str] = BEFORE_PROOF | {
    "registration", "status", "reason", "result", "appeal", "appeal_news", "correct_data", "report",
}  # fmt: skip

# News about the person's case, and the dialog that tells it.
NOTICES: dict[str, str] = {
    "decision": "result",
    "appeal": "appeal_news",
    "benefit": "payment",
    "officer": "officer",
}

# Pleasantries: answered in a word, whatever was open stays open. Their texts are `small_talk.<intent>`.
SMALL_TALK: frozenset[str] = frozenset({"greet", "thanks", "affirm", "deny"})

# What the classifier calls everything that is not about social aid: it gets a kind boundary, never a guess.
OUT_OF_SCOPE = "out_of_scope"
