from __future__ import annotations

import pytest

from bot.facts import Facts
from tests.conversation import Conversation, means
from tests.dialogs.cases import ACCEPTED, REFUSED, SITI, facts_of, proven

INTENTS = {
    "ask_requirements": "info.requirements",
    "ask_payment": "info.payment",
    "check_authenticity": "info.authenticity",
    "activate_ikd": "info.ikd_help",
    "face_problem": "info.face_help",
    "assist_other": "info.assist_other",
}


@pytest.mark.parametrize(("intent", "key"), INTENTS.items())
def test_one_message_answers_and_ends(intent: str, key: str) -> None:
    chat = Conversation(understands=means(**{intent: "pertanyaan"})).says("pertanyaan")
    chat.expects(key, options=[])
    assert chat.done


@pytest.mark.parametrize(("intent", "key"), INTENTS.items())
def test_in_the_middle_of_a_question_the_question_follows_at_once(intent: str, key: str) -> None:
    chat = Conversation(understands=means(**{intent: "pertanyaan"})).says("daftar").says("pertanyaan")
    chat.expects(key, "identify.consent_data", options=["yes", "no"])


def test_payment_is_never_promised_not_even_to_the_eligible() -> None:
    chat = proven(facts_of(SITI, decision=ACCEPTED), means(ask_payment="kpn cair")).says("kpn cair")
    chat.expects("info.payment_eligible")
    assert "belum berarti sudah dibayar" in chat.text
    assert not any(character.isdigit() for character in chat.text)


def test_who_is_refused_gets_the_general_answer() -> None:
    proven(facts_of(SITI, decision=REFUSED), means(ask_payment="kpn cair")).says("kpn cair").expects("info.payment")


def test_an_officers_words_are_marked_as_theirs_and_the_question_comes_back() -> None:
    chat = Conversation(Facts()).says("lapor")
    chat.notice("officer", {"text": "Selamat pagi, *Bu*. Berkasnya lengkap."})
    chat.expects("handover.officer", "report.which")
    assert chat.text.startswith(
        "*Petugas Perlinsos:* Selamat pagi, Bu. Berkasnya lengkap.\nUntuk membalas, tulis *petugas*."
    )


def test_a_long_answer_of_an_officer_arrives_in_its_lines() -> None:
    answer = "Selamat pagi.\n\n" + "Mohon bawa KTP dan Kartu Keluarga. " * 25 + "\nSampai jumpa."
    chat = Conversation(Facts()).notice("officer", {"text": answer})
    assert "Selamat pagi.\nMohon bawa" in chat.text
    assert "\nSampai jumpa.\n" in chat.text
    assert "…" not in chat.text


def test_no_answer_of_an_officer_is_longer_than_a_message() -> None:
    chat = Conversation(Facts()).notice("officer", {"text": "panjang sekali " * 500})
    assert chat.text.endswith("…\nUntuk membalas, tulis *petugas*.")
    assert len(chat.text) < 1600


def test_nobody_can_make_an_officer_speak_by_a_button() -> None:
    Conversation(Facts()).taps("officer", question=0).expects("menu.choose")
