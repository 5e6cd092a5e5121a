"""What a dialog asks for, somebody does; what it opens, exists; what it offers, fits into a button."""

from __future__ import annotations

import ast

import pytest

from backend.policy.loading import load_rule_sets
from bot.answers import CANCEL
from bot.dialogs import DIALOGS, INTENTS, NOTICES, SMALL_TALK
from bot.handlers.commands import JOBS, RECORDS
from bot.prompts import option_payload
from nlu.corpus import DATA, read
from tests.repo import source

# Telegram's limit for what a button carries, in bytes.
_BUTTON = 64
_LAST_QUESTION = 9_999_999


def _kinds(name: str) -> set[str]:
    """The kinds of all `Record(…)` or `Command(…)` of the conversation. One that is not written out fails here."""
    found: set[str] = set()
    for path, module in source.modules("bot/dialogs", "bot/engine.py", "bot/walk.py", "bot/answers.py"):
        for call in source.calls(module, name):
            kind = source.constant(call.args[0]) if call.args else None
            assert kind is not None, f"{path.name}:{call.lineno}: the kind of a {name} must be written out"
            found.add(kind)
    return found


def _strings(*folders: str) -> set[str]:
    return {
        words for _, module in source.modules(*folders) for node in ast.walk(module) if (words := source.constant(node))
    }


def test_every_record_is_written_by_somebody() -> None:
    assert _kinds("Record") <= RECORDS.keys()


def test_every_command_is_carried_out_by_somebody() -> None:
    assert _kinds("Command") <= JOBS.keys()


def test_nobody_waits_for_work_that_nothing_asks_for() -> None:
    assert not RECORDS.keys() - _kinds("Record")
    assert not JOBS.keys() - _kinds("Command") - _strings("backend/services")


def test_what_a_dialog_opens_exists() -> None:
    for path, module in source.modules("bot/dialogs", "bot/engine.py", "bot/walk.py", "bot/answers.py"):
        for name in ("Call", "switch"):
            for call in source.calls(module, name):
                opened = source.constant(call.args[0]) if call.args else None
                assert opened is None or opened in DIALOGS, f"{path.name}:{call.lineno} opens {opened}"


def test_registries_name_dialogs_that_exist() -> None:
    assert {call.dialog for call in INTENTS.values()} <= DIALOGS.keys()
    assert set(NOTICES.values()) <= DIALOGS.keys()


def test_every_intent_leads_somewhere() -> None:
    known = {example.intent for example in read(DATA)}
    # "cancel" is the engine's own, out of scope is asked back.
    assert known - {CANCEL, "out_of_scope"} == INTENTS.keys() | SMALL_TALK


@pytest.mark.parametrize("name", sorted(DIALOGS))
def test_a_dialog_goes_only_where_it_has_a_step(name: str) -> None:
    dialog = DIALOGS[name]
    assert dialog.start in dialog.steps
    assert {to for step in dialog.steps.values() for to in step.to} <= dialog.steps.keys()


def test_every_option_fits_into_a_button() -> None:
    ids = {words for name in ("option", "Option") for words in _first_words(name)}
    ids |= {rule.code for rule_set in load_rule_sets().all for rule in rule_set.rules}
    assert len(ids) > 20
    for option in ids:
        assert ":" not in option
        assert "," not in option, "several options come back separated by commas"
        assert len(option_payload(_LAST_QUESTION, option).encode()) <= _BUTTON


def _first_words(name: str) -> set[str]:
    return {
        words
        for _, module in source.modules("bot")
        for call in source.calls(module, name)
        if call.args and (words := source.constant(call.args[0]))
    }
