"""Long random walks through everything: whatever comes in whatever order, somebody who writes gets an answer.

The walks are drawn by hypothesis, so that a failing one is shrunk to the few events that matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.events import Understanding
from bot.facts import Facts
from tests.conversation import Conversation
from tests.dialogs import cases

INTENTS = (
    "appeal", "check_status", "ask_reason", "report_misuse", "delete_data", "talk_to_human", "thanks", "greet",
    "check_authenticity", "cancel", "register", "correct_data", "stop_messages", "nlu_fallback",
)  # fmt: skip
TEXTS = (
    "1", "2", "3", "1,2", "99", "ya", "tidak", "selesai", "menu", "batal", "ulang", "bantuan", "petugas", "sanggah", "status",
    "lapor", "lanjut", "nanti", "", "😀", "x" * 3000, "Listrik itu bukan punya saya.", "3510164503870001", "kembali",
)  # fmt: skip
UNSUPPORTED = ("video", "voice", "audio", "document", "sticker", "contact", "poll", "file_too_large", "other")
OUTCOMES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "photo.receive": [
        ("received", {"photos": [{"id": 7, "problem": None}]}),
        ("received", {"photos": [{"id": None, "problem": "dark"}]}),
        ("failed", {}),
    ],
    "face.verify": [("match", {}), ("no_match", {}), ("ikd_inactive", {}), ("failed", {})],
    "ikd.look_up": [("not_together", {}), ("failed", {})],
    "person.erase": [("erased", {"receipt": "TKT-4F7A-29"}), ("refused", {}), ("failed", {})],
}
STATES: tuple[Facts, ...] = (
    cases.facts_of(cases.BAMBANG),
    cases.facts_of(cases.BAMBANG, registration=None),
    cases.facts_of(cases.BAMBANG, decision=cases.REFUSED),
    cases.facts_of(cases.BAMBANG, decision=cases.REFUSED_TWICE),
    cases.facts_of(cases.BAMBANG, decision=cases.ACCEPTED),
    cases.facts_of(cases.BAMBANG, decision=cases.WAITING),
    cases.facts_of(cases.BAMBANG, decision=cases.REFUSED, appeal=cases.appeal("received")),
    cases.facts_of(cases.BAMBANG, decision=cases.REFUSED, appeal=cases.appeal("received", "need_more", note="Apa?")),
    cases.facts_of(cases.BAMBANG, decision=cases.REFUSED, appeal=cases.appeal("received", "decided", outcome="partly")),
    replace(cases.facts_of(cases.BAMBANG), person=None, registration=None),
)
EVENTS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(TEXTS), st.sampled_from(INTENTS)),
    st.tuples(st.just("taps"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("photo"), st.integers(1, 12), st.booleans()),
    st.tuples(st.just("sends"), st.sampled_from(UNSUPPORTED), st.none()),
    st.tuples(st.just("job"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("notice"), st.sampled_from(("decision", "appeal", "officer")), st.none()),
    st.tuples(st.just("facts"), st.integers(0, len(STATES) - 1), st.none()),
    st.tuples(st.just("waits"), st.sampled_from((7, 960, 90_000)), st.none()),
)


def happens(chat: Conversation, event: tuple[Any, Any, Any]) -> bool:
    """Let one event of a walk happen; whether it was somebody's message that must be answered."""
    kind, one, other = event
    match kind:
        case "says":
            chat.understands = lambda _text: Understanding(other, 0.9, ((other, 0.9), ("appeal", 0.1)))
            chat.says(one)
        case "taps":
            asked = chat.session.asked
            if asked is None or not asked.options:
                return False
            chat.taps(asked.options[one % len(asked.options)].id, question=0 if other else None)
        case "photo":
            chat.sends_photo(*(f"p{n}" for n in range(one)), caption="rumah saya" if other else "")
            return False
        case "sends":
            chat.sends(one)
        case "job":
            if not chat.commands:
                return False
            command = chat.commands[max(0, len(chat.commands) - 1 - one)]
            outcomes = OUTCOMES[command.kind]
            outcome, data = outcomes[other % len(outcomes)]
            chat.job(outcome, data, person=chat.facts.person if outcome == "match" else None, command=command)
            return False
        case "notice":
            chat.notice(one, {"text": "Halo"} if one == "officer" else {})
        case "facts":
            chat.facts = STATES[one]
            return False
        case _:
            chat.waits(seconds=one)
            return False
    return True


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(STATES) - 2), st.lists(EVENTS, min_size=5, max_size=40))
def test_whoever_writes_is_answered_and_nothing_breaks(start: int, walk: list[tuple[Any, Any, Any]]) -> None:
    chat = cases.proven(STATES[start])
    for event in walk:
        if happens(chat, event):
            # Work that was asked for in this turn answers by itself, in seconds.
            assert chat.text or chat.turn.commands, (
                f"no answer to {event} at {[f'{f.dialog}.{f.step}' for f in chat.session.stack]}"
            )
            assert len(chat.text) < 4096
            assert len(chat.options) <= 10
    for record in chat.recorded("appeal.file"):
        assert record.data["reasons"]
        assert len(record.data["photos"]) <= 10
