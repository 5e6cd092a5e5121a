"""Whatever people do, in whatever order: the bot answers in words, loses nothing, and never fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import events as ev
from bot.facts import AppealFacts, DecisionFacts, Facts, ReasonFacts, RegistrationFacts
from tests.bot.people import (
    ANDI_FOUND,
    ANDI_KK,
    ANDI_NIK,
    FACTS,
    SITI,
    SITI_FOUND,
    SITI_KK,
    SITI_NIK,
    WAHYUNI,
    noon,
    received,
    siti_at_her_selfie,
    siti_is_proven,
)
from tests.conversation import Conversation

LONGEST = 1_600  # WhatsApp takes no more in one message
INTENTS = (
    "greet", "thanks", "affirm", "deny", "help", "cancel", "register", "check_status", "ask_reason", "appeal",
    "report_misuse", "activate_ikd", "face_problem", "ask_requirements", "ask_payment", "talk_to_human",
    "assist_other", "correct_data", "delete_data", "check_authenticity", "report_recipient", "stop_messages",
    "complaint", "out_of_scope", "nlu_fallback",
)  # fmt: skip
WORDS = (
    "daftar", "ya", "tidak", "1", "2", "3", "4", "9", "1, 3", "menu", "batal", "ulang", "bantuan", "petugas", "lanjut",
    "nanti saja", "selesai", "status", "sanggah", "lapor", "stop", "belum punya", "BRI 123456789012345", "BRI",
    "081234567890", SITI_NIK, SITI_KK, ANDI_NIK, ANDI_KK, f"{SITI_NIK} {SITI_KK}", "", "\U0001f600", "\u202eabc\u200b",
    "x" * 3_000, "*_~`", "rumah saya listriknya 450", "{you} {x}", "%s %d", "0", "16",
)  # fmt: skip
OUTCOMES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "ikd.look_up": (("found", SITI_FOUND), ("found", ANDI_FOUND), ("not_together", {}), ("inactive_nik", {}), ("failed", {})),
    "photo.receive": (("received", received(4)), ("received", received(None, "dark")), ("failed", {})),
    "face.verify": (
        ("match", {}), ("match", {}), ("no_match", {}), ("borderline", {}), ("not_turned", {}), ("same_photo", {}),
        ("other_person", {}), ("problem", {"problem": "covered"}), ("ikd_inactive", {}), ("inactive_nik", {}), ("failed", {}),
    ),
    "person.erase": (("erased", {"receipt": "TKT-7K2M-93"}),),
}  # fmt: skip

REASON = ReasonFacts(
    "electricity",
    "against",
    {"value": 2200, "limit": 1300, "owner": "PLN", "as_of": "2026-11-12"},
    True,
    ("electricity_meter",),
)
REGISTRATION = RegistrationFacts(1, "PRL-4H7W-2C", "decided", noon(20))
REFUSED = DecisionFacts(5, "not_eligible", (REASON,), noon(21), date(2026, 12, 22))
APPEALED = AppealFacts(6, "SGH-4H7W-2C", "in_review", None, "", date(2026, 12, 5), (), 5)
CASES: tuple[Facts, ...] = (
    FACTS,
    replace(FACTS, registration=replace(REGISTRATION, status="submitted")),
    replace(FACTS, registration=REGISTRATION, decision=REFUSED, office_open=False, queue=3),
    replace(FACTS, registration=REGISTRATION, decision=REFUSED, appeal=APPEALED),
    replace(FACTS, registration=REGISTRATION, decision=replace(REFUSED, outcome="eligible", reasons=())),
)

act = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(WORDS), st.sampled_from(INTENTS)),
    st.tuples(st.just("says"), st.text(max_size=30), st.sampled_from(INTENTS)),
    st.tuples(st.just("picks"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("picks"), st.just(0), st.just(True)),
    st.tuples(st.just("job"), st.integers(0, 10), st.booleans()),
    st.tuples(st.just("job"), st.just(0), st.just(False)),
    st.tuples(st.just("photos"), st.integers(1, 12), st.none()),
    st.tuples(st.just("sends"), st.sampled_from(("video", "voice", "document", "other")), st.none()),
    st.tuples(st.just("opens"), st.none(), st.none()),
    st.tuples(st.just("notice"), st.sampled_from(("decision", "appeal", "officer")), st.none()),
    st.tuples(st.just("waits"), st.sampled_from((7, 90_000, 3_000_000)), st.none()),
)


def do(chat: Conversation, kind: str, value: Any, extra: Any) -> None:
    if kind == "says":
        chat.happens(ev.Text(value, ev.Understanding(extra, 0.8, ((extra, 0.8), ("register", 0.1)))))
    elif kind == "picks":
        options = chat.session.asked.options if chat.session.asked else ()
        option_id = options[value % len(options)].id if options else "registration"
        chat.taps(option_id, question=None if extra else 1)
    elif kind == "job" and chat.commands:
        command = chat.commands[-1]
        outcome, data = OUTCOMES[command.kind][value % len(OUTCOMES[command.kind])]
        chat.job(outcome, data, person=(WAHYUNI if extra else SITI) if outcome == "match" else None)
    elif kind == "photos":
        chat.sends_photo(*(f"photo-{n}" for n in range(value)))
    elif kind == "sends":
        chat.sends(value)
    elif kind == "opens":
        chat.opens()
    elif kind == "notice":
        chat.notice(value, {"decision_id": 5, "text": "Mohon bawa KTP ke kantor.", "appeal_id": 6})
    elif kind == "waits":
        chat.waits(seconds=value)


def check(chat: Conversation, before: int | None) -> None:
    """`before` is whom the chat had proven to be when the turn began."""
    assert len(chat.turn.replies) <= 1
    assert len(chat.text) <= LONGEST, chat.text
    for secret in (SITI_NIK, SITI_KK, ANDI_NIK, ANDI_KK):
        assert secret not in chat.text
    if chat.session.person_id is None and before is None:
        assert "Siti" not in chat.text
        assert "PRL-4H7W-2C" not in chat.text
    for number, choice in enumerate(chat.heard[-1].options if chat.turn.replies else (), 1):
        assert len(choice.payload.encode()) <= 64
        assert f"{number}. {choice.words}" in chat.text


STARTS: tuple[Callable[[Conversation], Conversation], ...] = (
    lambda chat: chat, siti_at_her_selfie, siti_is_proven, lambda chat: siti_is_proven(chat, WAHYUNI),
    lambda chat: siti_is_proven(chat).says("3").says("belum punya").says("1"),
    lambda chat: siti_is_proven(chat).says("status"), lambda chat: siti_is_proven(chat).says("sanggah"),
    lambda chat: siti_is_proven(chat).taps("privacy", question=0),
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(CASES), st.sampled_from(range(len(STARTS))), st.lists(act, max_size=30))
def test_nothing_that_people_do_makes_it_fail_or_talk_too_much(
    case: Facts, start: int, acts: list[tuple[str, Any, Any]]
) -> None:
    chat = STARTS[start](Conversation(case))
    for kind, value, extra in acts:
        before = chat.session.person_id
        do(chat, kind, value, extra)
        check(chat, before)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(CASES), st.lists(act, max_size=15))
def test_menu_leads_out_of_everywhere(case: Facts, acts: list[tuple[str, Any, Any]]) -> None:
    chat = Conversation(case)
    for kind, value, extra in acts:
        do(chat, kind, value, extra)
    chat.says("menu")
    assert chat.keys[-1] == "menu.choose"
    assert chat.options[-4:] == ["registration", "status", "appeal", "more"]
