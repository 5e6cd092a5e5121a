from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.consents import NEEDED_TO_REGISTER, TEXT_VERSIONS, Consent, Purpose, granted, still_to_ask
from backend.domain.levels import NEEDED, Act, Level, higher, may, reaches

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_levels_are_ordered() -> None:
    ordered = [Level.NONE, Level.CHAT_PRECHECK, Level.IKD_VERIFIED, Level.IN_PERSON]
    for low, level in enumerate(ordered):
        assert [reaches(level, needed) for needed in ordered] == [low >= i for i in range(4)]


def test_every_act_has_its_level() -> None:
    assert set(NEEDED) == set(Act)


@pytest.mark.parametrize(
    ("level", "act", "allowed"),
    [
        (Level.NONE, Act.START_REGISTRATION, True),
        (Level.NONE, Act.READ_RESULT, False),
        (Level.NONE, Act.WITHDRAW_CONSENT, True),
        (Level.CHAT_PRECHECK, Act.APPEAL, True),
        (Level.CHAT_PRECHECK, Act.CHANGE_ACCOUNT, False),
        (Level.IN_PERSON, Act.CHANGE_ACCOUNT, True),
    ],
)
def test_acts(level: Level, act: Act, allowed: bool) -> None:
    assert may(level, act) is allowed


def test_a_chat_check_does_not_lower_what_an_officer_saw() -> None:
    assert higher(Level.IN_PERSON, Level.CHAT_PRECHECK) is Level.IN_PERSON
    assert higher(Level.NONE, Level.CHAT_PRECHECK) is Level.CHAT_PRECHECK


def _yes(purpose: Purpose, at: datetime = NOW, *, version: str = "", granted: bool = True) -> Consent:
    return Consent(purpose, version or TEXT_VERSIONS[purpose], granted, at, "simulator")


def test_each_purpose_is_asked_by_itself_and_once() -> None:
    given = [_yes(Purpose.DATA_ACCESS), _yes(Purpose.NOTIFICATION, granted=False)]
    assert still_to_ask(given) == (Purpose.FACE,)
    assert granted(given, Purpose.DATA_ACCESS)
    assert not granted(given, Purpose.NOTIFICATION)
    assert not granted(given, Purpose.FACE)


def test_a_new_text_is_asked_again() -> None:
    assert still_to_ask([_yes(Purpose.FACE, version="2025-9")], NEEDED_TO_REGISTER) == NEEDED_TO_REGISTER


def test_withdrawal_ends_use_and_sets_the_legal_deadline() -> None:
    withdrawn = Consent(Purpose.FACE, TEXT_VERSIONS[Purpose.FACE], True, NOW, "telegram", NOW + timedelta(days=2))
    assert not granted([withdrawn], Purpose.FACE)
    assert withdrawn.stop_by == NOW + timedelta(days=5)
    assert still_to_ask([withdrawn], [Purpose.FACE]) == (Purpose.FACE,)


def test_the_last_answer_counts_whatever_the_order_of_rows() -> None:
    later_no = _yes(Purpose.FACE, NOW + timedelta(minutes=1), granted=False)
    assert not granted([later_no, _yes(Purpose.FACE)], Purpose.FACE)
    assert granted([later_no, _yes(Purpose.FACE, NOW + timedelta(minutes=2))], Purpose.FACE)
