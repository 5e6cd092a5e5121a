"""Every rule has its words, every word its rule, and all of them read well."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.core import Locale
from babel.messages.pofile import read_po

from backend.policy.loading import FOLDER, load_rule_sets, read_files
from backend.policy.rulesets import Rule
from backend.policy.values import SOURCE_UNAVAILABLE
from bot.wording import Wording

CATALOGUE = Path(__file__).parents[2] / "locales" / "id" / "LC_MESSAGES" / "reasons.po"
LONGEST_MESSAGE, LONGEST_TITLE = 500, 20
WORDS = Wording(Locale("id"), ZoneInfo("Asia/Jakarta"))


def _texts() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale="id", abort_invalid=True) if m.id}


TEXTS = _texts()
RULES = {rule.code: rule for rules in load_rule_sets().all for rule in rules.rules}
FIGURES = {
    "power_va": 2200,
    "income": 6_500_000,
    "account_turnover": 187_000_000,
    "decile": 5,
}
LIMITS = {"power_va_limit": 1300, "income_limit": 2_989_145, "account_turnover_limit": 60_000_000, "decile_highest": 2}


def _needed(rule: Rule) -> Iterator[str]:
    yield f"{rule.code}.{rule.kind}"
    yield f"{rule.code}.why"
    if rule.kind == "against":
        yield f"{rule.code}.short"
    if rule.contestable:
        yield f"{rule.code}.evidence"
        yield f"{rule.code}.for"


def _params(code: str) -> dict[str, object]:
    params: dict[str, object] = {"owner": "PLN", "you": "Bapak/Ibu"}
    rule = RULES.get(code)
    if rule is not None:
        params["as_of"] = date(2026, 11, 12)
        if rule.datum in FIGURES:
            params["value"] = FIGURES[rule.datum]
        if rule.limit:
            params["limit"] = LIMITS[rule.limit]
    return params


def test_texts_and_rules_cover_each_other() -> None:
    needed = {key for rule in RULES.values() for key in _needed(rule)}
    needed |= {f"{SOURCE_UNAVAILABLE}.wait", f"{SOURCE_UNAVAILABLE}.why"}
    needed |= {f"evidence.{code}" for code in read_files(FOLDER).evidence}
    assert set(TEXTS) == needed


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_each_text_fits_and_takes_only_what_its_reason_has(key: str) -> None:
    text = WORDS.words(TEXTS[key], _params(key.split(".")[0]))
    assert len(text) <= (LONGEST_TITLE if key.endswith(".short") else LONGEST_MESSAGE)
    assert "{" not in text
    assert not re.search(r"tidak valid|error|input|submit|gagal|silakan|mohon", text, re.IGNORECASE)


@pytest.mark.parametrize("key", sorted(key for key in TEXTS if key.endswith(".against")))
def test_a_refusal_names_the_owner_and_the_day(key: str) -> None:
    code = key.split(".")[0]
    fields = {name for _, name, _, _ in string.Formatter().parse(TEXTS[key]) if name}
    assert {"owner", "as_of"} <= fields
    if RULES[code].limit:
        assert {"value", "limit"} <= fields


def test_bambang_reads_it_like_the_clerk_says_it() -> None:
    text = WORDS.words(TEXTS["electricity.against"], _params("electricity"))
    assert text == "Daya listrik rumah 2.200 VA; batasnya 1.300 VA (data PLN, 12 November 2026)."


def test_four_reasons_at_once_still_leave_room_in_one_message() -> None:
    codes = ("electricity", "income", "no_component", "decile")
    lines = [WORDS.words(TEXTS[f"{code}.against"], _params(code)) for code in codes]
    assert sum(map(len, lines)) < LONGEST_MESSAGE - 100


def test_phrases_stand_inside_a_sentence() -> None:
    phrases = [WORDS.words(TEXTS[key], _params(key.split(".")[0])) for key in TEXTS if key.endswith(".for")]
    assert all(phrase[0].islower() and phrase[-1] != "." for phrase in phrases)
