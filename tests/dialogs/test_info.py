from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.facts import Facts, PaymentFacts, QuotaFacts
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


PLACED = QuotaFacts("placed", "Kemensos", date(2026, 11, 1))


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (
            {"quota": QuotaFacts("listed", "Kemensos", date(2026, 11, 1))},
            ["masuk daftar calon penerima", "data Kemensos, 1 November 2026", "belum ada yang tercatat"],
        ),
        ({"quota": QuotaFacts("waiting", "Kemensos", date(2026, 11, 1))}, ["menunggu tempat", "belum diketahui"]),
        ({"quota": PLACED}, ["sudah mendapat tempat", "Pembayaran: belum ada yang tercatat."]),
        (
            {"quota": PLACED, "payment": PaymentFacts(2026, 4, "ordered", None, "Himbara", date(2026, 11, 20))},
            ["tahap 4 tahun 2026: sudah diperintahkan ke bank, tetapi belum tercatat masuk"],
        ),
        (
            {"payment": PaymentFacts(2026, 4, "paid", 225000, "Himbara", date(2026, 11, 20))},
            ["tahap 4 tahun 2026 sebesar Rp225.000: tercatat sudah dibayar (data Himbara, 20 November 2026)"],
        ),
        (
            {"payment": PaymentFacts(2026, 4, "returned", 225000, "Himbara", date(2026, 11, 20))},
            ["uangnya belum Ibu terima", "tulis *petugas*"],
        ),
        ({"payment": PaymentFacts(2026, 4, "none", None, "Himbara", date(2026, 11, 20))}, ["2026: belum ada"]),
    ],
)
def test_what_is_known_of_quota_and_payment_is_said_with_source_and_day(known: dict[str, Any], said: list[str]) -> None:
    facts = facts_of(SITI, decision=ACCEPTED, **known)
    chat = proven(facts, means(ask_payment="kpn cair")).says("kpn cair").expects("info.payment_known")
    assert not [words for words in said if words not in chat.text], chat.text
    assert "tidak bisa kami janjikan" in chat.text
    assert ("Rp" in chat.text) == (getattr(known.get("payment"), "amount", None) is not None)
    chat = proven(facts).says("status").expects("result.progress")
    assert not [words for words in said if words not in chat.text], chat.text
    assert len(chat.text) <= 500


def test_news_of_a_payment_is_told_to_its_owner_and_to_nobody_else() -> None:
    facts = facts_of(SITI, decision=ACCEPTED, quota=PLACED)
    assert "sudah mendapat tempat" in proven(facts).notice("benefit", {}).expects("info.payment_known").text
    Conversation(facts).notice("benefit", {}).expects("result.news")
    proven(facts_of(SITI, decision=ACCEPTED)).notice("benefit", {}).expects_silence()


def test_payments_are_nobody_elses_business() -> None:
    chat = Conversation(facts_of(SITI, decision=ACCEPTED, quota=PLACED), means(ask_payment="kpn cair"))
    chat.says("kpn cair").expects("info.payment")


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
