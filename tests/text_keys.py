"""Which texts the conversation uses, read from its source: every literal key, and every family of keys.

A key that is put together (`Say(f"selfie.problem_{problem}")`) is a family: it is listed once in `FAMILIES` with the
values that may stand in its gap, so that a missing sentence and a stale one are both found without running a dialog.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

from backend.domain.benefits import Payment, Quota
from backend.domain.broadcasts import Template
from backend.domain.consents import Purpose
from backend.domain.delegation import Ground
from backend.domain.household import Component
from backend.domain.levels import Level
from backend.policy.loading import load_rule_sets
from bot.dialogs import INTENTS, SMALL_TALK
from bot.texts import COMMANDS

BOT = Path(__file__).resolve().parent.parent / "bot"
_KEY = re.compile(r"[a-z_]+\.[a-z0-9_{}.]+")

_PHOTO = ("unreadable", "too_large", "too_many_pixels", "video", "pdf", "animated", "too_small", "gone")
_UNSUPPORTED = (
    "video", "voice", "audio", "document", "sticker", "contact", "poll", "file_too_large", "other",
)  # fmt: skip
_NIK = ("empty", "letters", "too_short", "too_long", "all_same", "impossible_date", "looks_like_kk", "under_age")
_ACCOUNT = (
    "empty", "no_bank", "several_banks", "letters", "too_short", "too_long", "looks_like_nik", "looks_like_card",
)  # fmt: skip
_GROUNDS = tuple(map(str, Ground))
_REPORTS = ("own", "recipient", "officer", "fraud")
_OTHERS = _REPORTS[1:]
_PURPOSES = tuple(str(purpose) for purpose in Purpose)

# The keys of `reasons` follow from the rule sets, the others are words of pages; each has tests of its own.
CHECKED_ELSEWHERE = ("reasons.", "simulator.", "console.")
FAMILIES: Mapping[str, Iterable[str]] = {
    "appeal.option_{}": ("data_wrong", "circumstances", "household_wrong"),
    "appeal.photos_{}": ("circumstances", "household_wrong"),
    "appeal.statement_{}": ("again", "reply", *_GROUNDS),
    "appeal.summary_{}": _GROUNDS,
    "appeal.outcome_{}": ("upheld", "partly", "rejected", "withdrawn", "redirected"),
    "appeal.photo_{}": (*_PHOTO, "dark", "bright", "blurred", "small"),
    "appeal.state_{}": ("received", "in_review", "need_more", "field_check", "decided", "withdrawn"),
    "appeal.step_{}": ("received", "in_review", "need_more", "field_check", "decided", "withdrawn"),
    "appeal.stuck_{}": (
        "no_registration", "no_decision", "accepted", "too_late", "nothing_contestable",
    ),
    "broadcast.{}": tuple(map(str, Template)),
    "benefit.payment_{}": tuple(map(str, Payment)),
    "benefit.quota_{}": tuple(map(str, Quota)),
    "common.photo_step_{}": (*_UNSUPPORTED, "location"),
    "common.unsupported_{}": _UNSUPPORTED,
    "identify.kk_{}": ("empty", "letters", "too_short", "too_long", "all_same", "impossible_date", "looks_like_nik"),
    "identify.nik_{}": _NIK,
    "info.{}": ("requirements", "authenticity", "ikd_help", "face_help", "assist_other"),
    "menu.unexpected_{}": (*_UNSUPPORTED, "photo", "location"),
    "options.component_{}": (*map(str, Component), "none"),
    "options.wish_{}": tuple(INTENTS),
    "people.row_{}": (
        "result", "answer", "appeal", "registration", "identity", "decision", "nothing",
    ),
    "privacy.level_{}": tuple(map(str, Level)),
    "privacy.option_{}": ("show", "correct", "withdraw", "erase", "stop_messages", "resume_messages", "handover", *_PURPOSES),
    "privacy.purpose_{}": _PURPOSES,
    "privacy.sure_{}": (*_PURPOSES, "represented"),
    "registration.account_{}": _ACCOUNT,
    "registration.phone_{}": ("empty", "letters", "too_short", "too_long", "foreign", "landline", "unknown_prefix"),
    "registration.status_{}": ("submitted", "decided"),
    "registration.told_{}": ("chat", "none"),
    "report.describe_{}": _OTHERS,
    "report.done_{}": _OTHERS,
    "report.option_{}": _REPORTS,
    "report.{}": ("complaint", "correct_data"),
    "report.{}_done": ("complaint", "correct_data"),
    "report.{}_title": ("complaint", "correct_data"),
    "result.{}": ("eligible", "waiting"),
    "selfie.problem_{}": (
        *_PHOTO, "no_face", "many_faces", "small", "dark", "bright", "blurred", "cut_off", "turned", "ktp", "covered",
    ),
    "selfie.{}": ("not_turned", "same_photo"),
    "small_talk.{}": tuple(SMALL_TALK),
    "status.why_{}": ("for", "wait"),
    "status.{}": ("waiting_identity", "submitted", "decided", "withdrawn"),
    "words.you_{}": ("unknown", "male", "female"),
    "words.call_{}": ("unknown", "male", "female"),
}  # fmt: skip
_OWN = {"words.ordinals", "words.leads", "words.fillers", "words.joins", *(f"words.{name}" for name in COMMANDS)}


def used_keys(prefixes: Iterable[str]) -> set[str]:
    """Every key that the source names, families written out. `prefixes` are the catalogue's files."""
    known = set(prefixes)
    literals = {text for text in _strings() if _KEY.fullmatch(text) and text.partition(".")[0] in known}
    families = {family.replace("{}", value) for family, values in FAMILIES.items() for value in values}
    return {*literals, *families, *_option_keys(), *_OWN}


def undeclared_families(prefixes: Iterable[str]) -> set[str]:
    """Families in the source that `FAMILIES` does not list."""
    known = set(prefixes)
    found = {family for family in _families() if family.partition(".")[0] in known}
    own = {"options.{}", "words.{}", "words.{}_{}"}
    return {family for family in found - set(FAMILIES) - own if not family.startswith(CHECKED_ELSEWHERE)}


def synonyms() -> set[str]:
    """The keys `words.<id>` that an option of the source could have: those of every short string in it, and of reasons."""
    ids = {text for text in _strings() if re.fullmatch(r"[a-z_]{2,24}", text)}
    reasons = {rule.code for rules in load_rule_sets().all for rule in rules.rules}
    return {f"words.{name}" for name in (*ids, *map(str, Component), *_PURPOSES, *_GROUNDS, *reasons)}


def _files() -> list[Path]:
    return sorted(BOT.rglob("*.py"))


def _trees() -> Iterator[ast.AST]:
    for path in _files():
        yield ast.parse(path.read_text(encoding="utf-8"))


def _strings() -> Iterator[str]:
    """Every string but the pieces of composed ones and the names of records and commands, which look like keys.

    A name of a record may also be a text's key, so it is left out only where it names a record: in the call that makes
    it, and in the handlers, which carry it out.
    """
    effects = {str(name.value) for tree in _trees() for name in _effects(tree) if isinstance(name, ast.Constant)}
    for path in _files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pieces = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        left_out = pieces | set(_effects(tree))
        names = effects if "handlers" in path.parts else set()
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and node not in left_out else None
            if isinstance(text, str) and text not in names:
                yield text


def _effects(tree: ast.AST) -> Iterator[ast.expr]:
    """The first arguments of `Record(...)` and `Command(...)`."""
    for node in ast.walk(tree):
        if _calls(node, "Record", "Command") and node.args:
            yield node.args[0]


def _calls(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _families() -> Iterator[str]:
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                family = "".join(map(str, parts))
                if _KEY.fullmatch(family):
                    yield family


def _option_keys() -> Iterator[str]:
    """The keys of `option("yes")`, which names its text by its id unless a key is given."""
    for tree in _trees():
        for node in ast.walk(tree):
            if _calls(node, "option") and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
                yield "options." + str(node.args[0].value)
