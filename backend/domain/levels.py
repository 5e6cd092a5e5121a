"""How sure we are who somebody is, and which act needs how much.

A photo in a chat proves little by itself, so a match there is only a pre-check; the higher levels come from the IKD app
or from an officer who saw the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Level(StrEnum):
    """Verification levels, lowest first; compare with `reaches`, not with < (they are stored as words)."""

    NONE = "none"
    CHAT_PRECHECK = "chat_precheck"
    IKD_VERIFIED = "ikd_verified"
    IN_PERSON = "in_person"


class Act(StrEnum):
    """What somebody may want to do with a person's record."""

    START_REGISTRATION = "start_registration"
    BE_SELECTED = "be_selected"
    READ_RESULT = "read_result"
    APPEAL = "appeal"
    APPEAL_MISUSED_NIK = "appeal_misused_nik"
    READ_STORED_DATA = "read_stored_data"
    CORRECT_DATA = "correct_data"
    ERASE_DATA = "erase_data"
    WITHDRAW_CONSENT = "withdraw_consent"
    CHANGE_ACCOUNT = "change_account"
    BE_PAID = "be_paid"


_ORDER = tuple(Level)
# Withdrawing a consent and stopping messages only protect the person, so they must never be hard. Where money goes is
# what a thief would change, so it needs more than a photo in a chat.
NEEDED: Mapping[Act, Level] = {
    Act.START_REGISTRATION: Level.NONE,
    Act.BE_SELECTED: Level.CHAT_PRECHECK,
    Act.READ_RESULT: Level.CHAT_PRECHECK,
    Act.APPEAL: Level.CHAT_PRECHECK,
    Act.APPEAL_MISUSED_NIK: Level.CHAT_PRECHECK,
    Act.READ_STORED_DATA: Level.CHAT_PRECHECK,
    Act.CORRECT_DATA: Level.CHAT_PRECHECK,
    Act.ERASE_DATA: Level.CHAT_PRECHECK,
    Act.WITHDRAW_CONSENT: Level.NONE,
    Act.CHANGE_ACCOUNT: Level.IKD_VERIFIED,
    Act.BE_PAID: Level.IKD_VERIFIED,
}


def reaches(level: Level, needed: Level) -> bool:
    """Whether `level` is at least `needed`."""
    return _ORDER.index(level) >= _ORDER.index(needed)


def may(level: Level, act: Act) -> bool:
    """Whether somebody verified at `level` may do `act`."""
    return reaches(level, NEEDED[act])


def higher(one: Level, other: Level) -> Level:
    """The higher of two levels: a later chat check never lowers what an officer has seen."""
    return one if reaches(one, other) else other
