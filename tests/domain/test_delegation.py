"""The NIK-owner rule attacked from every side, and what a facilitator may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.delegation import Actor, Delegation, FaceProof, Ground, Role, Ruling, may_act, may_appeal
from backend.domain.levels import Act, Level

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OWNER, OTHER, HELPER = "owner-key", "other-key", "helper-key"
APPEAL = "SGH-7K2M-93"
SELF = Actor(Role.OWNER, OWNER, chat="chat-1")
FACE = FaceProof(OWNER, Level.CHAT_PRECHECK, NOW - timedelta(minutes=2), chat="chat-1", purpose=APPEAL)
FACILITATOR = Actor(Role.FACILITATOR, HELPER, chat="chat-2")
DELEGATION = Delegation(OWNER, HELPER, frozenset(Act), since=NOW - timedelta(hours=1), until=NOW + timedelta(days=30))


def misused(actor: Actor = SELF, face: FaceProof | None = FACE, level: Level = Level.IN_PERSON) -> Ruling:
    return may_appeal(
        Ground.NIK_MISUSED, actor, OWNER, NOW, purpose=APPEAL, level=level, face=face, delegation=DELEGATION
    )


def test_the_owner_with_a_fresh_face_may_appeal() -> None:
    assert misused().allowed
    assert misused(level=Level.NONE).allowed


@pytest.mark.parametrize("role", [Role.FACILITATOR, Role.OFFICER, Role.SYSTEM])
def test_nobody_stands_in_for_the_owner(role: Role) -> None:
    assert misused(Actor(role, HELPER, "chat-1")).refusal == "owner_only"
    # Not even with the owner's key in the session and the owner's proof in hand.
    assert misused(Actor(role, OWNER, "chat-1")).refusal == "owner_only"


def test_another_person_is_refused() -> None:
    assert misused(Actor(Role.OWNER, OTHER, "chat-1")).refusal == "other_person"


@pytest.mark.parametrize(
    ("face", "refusal"),
    [
        (None, "no_face"),
        (replace(FACE, person=OTHER), "face_of_other"),
        (replace(FACE, chat="chat-9"), "face_from_other_chat"),
        (replace(FACE, purpose="SGH-2222-22"), "face_for_other_appeal"),
        (replace(FACE, purpose=""), "face_for_other_appeal"),
        (replace(FACE, at=NOW - timedelta(minutes=15, seconds=1)), "face_not_fresh"),
        (replace(FACE, at=NOW + timedelta(seconds=1)), "face_not_fresh"),
        (replace(FACE, used=True), "face_used"),
        (replace(FACE, level=Level.NONE), "level_too_low"),
    ],
)
def test_a_proof_that_does_not_count(face: FaceProof | None, refusal: str) -> None:
    assert misused(face=face).refusal == refusal


def test_the_general_question_is_no_way_around() -> None:
    ruling = may_act(Act.APPEAL_MISUSED_NIK, FACILITATOR, OWNER, NOW, level=Level.IN_PERSON, delegation=DELEGATION)
    assert ruling.refusal == "owner_only"
    assert not may_act(Act.APPEAL_MISUSED_NIK, SELF, OWNER, NOW, level=Level.IN_PERSON).allowed


@pytest.mark.parametrize("ground", [g for g in Ground if g is not Ground.NIK_MISUSED])
def test_other_appeals_may_be_delegated(ground: Ground) -> None:
    ruling = may_appeal(
        ground, FACILITATOR, OWNER, NOW, purpose=APPEAL, level=Level.CHAT_PRECHECK, delegation=DELEGATION
    )
    assert ruling.allowed


@pytest.mark.parametrize(
    ("delegation", "refusal"),
    [
        (None, "no_delegation"),
        (replace(DELEGATION, citizen=OTHER), "no_delegation"),
        (replace(DELEGATION, facilitator=OTHER), "no_delegation"),
        (replace(DELEGATION, until=NOW), "delegation_ended"),
        (replace(DELEGATION, since=NOW + timedelta(seconds=1)), "delegation_ended"),
        (replace(DELEGATION, withdrawn_at=NOW), "delegation_ended"),
        (replace(DELEGATION, acts=frozenset({Act.READ_RESULT})), "act_not_delegated"),
    ],
)
def test_limits_of_a_delegation(delegation: Delegation | None, refusal: str) -> None:
    ruling = may_act(Act.APPEAL, FACILITATOR, OWNER, NOW, level=Level.IN_PERSON, delegation=delegation)
    assert ruling.refusal == refusal


@pytest.mark.parametrize("act", [Act.CHANGE_ACCOUNT, Act.ERASE_DATA, Act.WITHDRAW_CONSENT, Act.READ_STORED_DATA])
def test_some_acts_are_never_delegated(act: Act) -> None:
    ruling = may_act(act, FACILITATOR, OWNER, NOW, level=Level.IN_PERSON, delegation=DELEGATION)
    assert ruling.refusal == "act_not_delegated"


def test_a_key_of_the_api_acts_for_nobody() -> None:
    for role in (Role.OFFICER, Role.SYSTEM):
        ruling = may_act(Act.APPEAL, Actor(role, OWNER, "api"), OWNER, NOW, level=Level.IN_PERSON)
        assert ruling.refusal == "owner_only"


def test_the_level_counts_for_owner_and_facilitator_alike() -> None:
    assert may_act(Act.APPEAL, SELF, OWNER, NOW, level=Level.NONE).refusal == "level_too_low"
    delegated = may_act(Act.APPEAL, FACILITATOR, OWNER, NOW, level=Level.NONE, delegation=DELEGATION)
    assert delegated.refusal == "level_too_low"
    assert may_act(Act.START_REGISTRATION, SELF, OWNER, NOW, level=Level.NONE).allowed


def test_keys_of_persons_stay_out_of_repr() -> None:
    assert OWNER not in f"{SELF!r} {FACE!r} {DELEGATION!r}"
