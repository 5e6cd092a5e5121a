from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.effects import Record
from bot.facts import Facts
from tests.conversation import Conversation, means
from tests.dialogs.cases import (
    ACCEPTED,
    BAMBANG,
    DECILE,
    ELECTRICITY,
    INCOME,
    NO_COMPONENT,
    RAHMAWATI,
    REFUSED,
    REGISTRATION,
    SITI,
    WAITING,
    decision,
    facts_of,
    proven,
)

CHOICES = ["appeal", "reason", "handover"]


def told(chat: Conversation) -> Conversation:
    return chat.notice("decision", {"decision_id": 21})


def test_a_refusal_carries_number_reason_figures_owner_date_and_the_last_day_of_appeal() -> None:
    chat = told(proven(facts_of(BAMBANG, decision=REFUSED)))
    chat.expects("result.refused", options=CHOICES)
    assert chat.text == (
        "Pak Bambang, pendaftaran *PRL-7K2M-93* sudah selesai diperiksa. Hasilnya: *belum bisa menerima*.\n"
        "Alasannya:\n"
        "1. Daya listrik rumah 2.200 VA; batasnya 1.300 VA (data PLN, 12 November 2026).\n"
        "Kalau data ini tidak benar, Bapak bisa mengajukan sanggah sampai 22 Desember 2026.\n"
        "1. Ajukan sanggah\n2. Tanya alasan ini\n3. Bicara dengan petugas"
    )
    assert chat.recorded("decision.told") == [Record("decision.told", {"decision_id": 21})]


def test_four_reasons_are_four_numbered_lines() -> None:
    four = decision("not_eligible", ELECTRICITY, INCOME, NO_COMPONENT, DECILE)
    chat = told(proven(facts_of(RAHMAWATI, decision=four)))
    assert [line[:2] for line in chat.text.split("\n")[2:6]] == ["1.", "2.", "3.", "4."]
    assert "Rp9.800.000" in chat.text


def test_an_acceptance_has_reasons_too_and_promises_no_payment() -> None:
    chat = told(proven(facts_of(SITI, decision=ACCEPTED)))
    chat.expects("result.eligible", options=[])
    assert chat.text == (
        "Bu Siti, pendaftaran *PRL-7K2M-93*: *memenuhi syarat*. Alasannya: termasuk desil 1 dan ada anak usia SD.\n"
        "Memenuhi syarat belum berarti sudah dibayar; penyaluran mengikuti kuota. Kami kabari lagi begitu ada kepastian."
    )
    assert chat.done


def test_a_silent_source_is_named_and_is_no_refusal() -> None:
    chat = told(proven(facts_of(SITI, decision=WAITING)))
    chat.expects("result.waiting")
    assert "PLN" in chat.text
    assert "bukan penolakan" in chat.text


def test_a_chat_that_has_not_proven_to_be_the_person_learns_only_that_there_is_news() -> None:
    chat = told(Conversation(facts_of(BAMBANG, decision=REFUSED)))
    chat.expects("result.news")
    assert chat.text == "Ada kabar dari Perlinsos. Untuk membacanya, tulis *status*."
    assert chat.recorded("decision.told") == []


def test_a_chat_that_is_somebody_elses_learns_only_that_there_is_news() -> None:
    chat = proven(facts_of(SITI))
    chat.facts = facts_of(BAMBANG, decision=REFUSED)
    told(chat).expects("result.news")


def test_a_decision_that_was_told_is_not_recorded_again() -> None:
    chat = told(proven(facts_of(SITI, decision=replace(ACCEPTED, told=True))))
    chat.expects("result.eligible")
    assert chat.records == []


def test_after_the_window_no_appeal_is_offered_but_a_human_is() -> None:
    late = decision("not_eligible", ELECTRICITY, until=date(2026, 11, 21))
    chat = told(proven(facts_of(BAMBANG, decision=late)))
    chat.expects("result.refused_closed", options=["reason", "handover"])


def test_on_the_last_day_an_appeal_is_still_offered() -> None:
    last = decision("not_eligible", ELECTRICITY, until=date(2026, 11, 22))
    told(proven(facts_of(BAMBANG, decision=last))).expects("result.refused", options=CHOICES)


def test_every_choice_of_a_refusal_opens_its_dialog_by_button_number_and_words() -> None:
    refusal = facts_of(BAMBANG, decision=REFUSED)
    told(proven(refusal)).taps("appeal").expects("appeal.which_ground")
    told(proven(refusal)).says("2").expects("reasons.electricity.why")
    told(proven(refusal)).says("bicara dengan petugas").expects("handover.ask")


def test_the_button_works_two_days_later() -> None:
    chat = told(proven(facts_of(BAMBANG, decision=REFUSED)))
    chat.says("ulang").waits(days=2).taps("appeal").expects("appeal.which_ground")


@pytest.mark.parametrize(("intent", "text"), [("thanks", "matur nuwun"), ("affirm", "ya sudah"), ("deny", "ndak usah")])
def test_thanks_end_it_and_nothing_is_offered_again(intent: str, text: str) -> None:
    chat = told(proven(facts_of(BAMBANG, decision=REFUSED), means(**{intent: text})))
    chat.says(text).expects(f"small_talk.{intent}", options=[])
    assert chat.done


def test_words_that_mean_nothing_get_the_choices_again() -> None:
    chat = told(proven(facts_of(BAMBANG, decision=REFUSED)))
    chat.says("hmmm").expects("common.choose", "result.refused", options=CHOICES)
    chat.sends_photo().expects("common.photo_not_now", "result.refused")
    chat.sends("voice").expects("common.unsupported_voice", "common.offer_human", "result.refused")


def test_a_newer_decision_is_told_in_place_of_the_older_one() -> None:
    chat = told(proven(facts_of(BAMBANG, decision=REFUSED)))
    chat.facts = facts_of(BAMBANG, decision=replace(ACCEPTED, id=22))
    chat.notice("decision", {"decision_id": 22}).expects("result.eligible")
    assert chat.done


def test_news_in_the_middle_of_a_question_brings_the_question_back() -> None:
    chat = proven(facts_of(SITI, decision=ACCEPTED))
    chat.says("lapor").says("2").expects("report.describe_recipient")
    told(chat).expects("result.eligible", "report.describe_recipient")


def test_a_refusal_in_the_middle_of_a_question_offers_to_go_on_afterwards() -> None:
    chat = proven(facts_of(BAMBANG, decision=REFUSED), means(thanks="makasih"))
    chat.says("lapor").says("2")
    told(chat).expects("result.refused", options=CHOICES)
    chat.says("makasih").expects("small_talk.thanks", "flow.resume")
    chat.says("ya").expects("report.describe_recipient")


def test_opened_by_a_made_up_button_it_tells_a_stranger_nothing() -> None:
    chat = Conversation(Facts(registration=REGISTRATION, decision=REFUSED))
    chat.taps("result", question=0).expects("result.news")
