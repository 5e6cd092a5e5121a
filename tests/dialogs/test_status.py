from __future__ import annotations

from dataclasses import replace

import pytest

from bot.facts import Facts, RegistrationFacts
from tests.bot.people import SITI_FOUND, SITI_KK, SITI_NIK
from tests.conversation import Conversation, means
from tests.dialogs.cases import (
    ACCEPTED,
    BAMBANG,
    REFUSED,
    REFUSED_TWICE,
    REGISTRATION,
    SITI,
    TODAY,
    WAITING,
    appeal,
    decision,
    face_matches,
    facts_of,
    proven,
)


def test_a_stranger_proves_who_they_are_before_anything_is_told() -> None:
    chat = Conversation(Facts(today=TODAY))
    chat.says("status").expects("identify.consent_data")
    chat.says("ya").says(SITI_NIK).says(SITI_KK).job("found", SITI_FOUND).says("ya").says("ya")
    chat.facts = facts_of(SITI, decision=ACCEPTED)
    face_matches(chat).expects("selfie.match", "result.eligible")
    assert chat.done


def test_a_known_chat_is_answered_at_once() -> None:
    proven(facts_of(SITI, decision=ACCEPTED)).says("status").expects("result.eligible")


def test_after_thirty_days_the_face_is_asked_again() -> None:
    proven(facts_of(SITI, decision=ACCEPTED), days_ago=31).says("status").expects("identify.same_person")


def test_refusing_the_consent_ends_it_with_the_words_of_the_identification() -> None:
    chat = Conversation(Facts(today=TODAY)).says("status").says("tidak")
    chat.expects("identify.consent_data_refused")
    assert chat.done


def test_without_a_registration_it_offers_one() -> None:
    chat = proven(facts_of(SITI, registration=None))
    chat.says("status").expects("status.none", options=["yes", "no"])
    chat.says("nggak usah").expects("status.bye")
    assert chat.done


def test_the_offer_leads_to_the_registration() -> None:
    chat = proven(facts_of(SITI, registration=None)).says("status").says("ya")
    assert chat.session.stack[0].dialog == "registration"


@pytest.mark.parametrize("state", ["waiting_identity", "submitted", "decided", "withdrawn"])
def test_each_stage_is_told_with_number_and_day(state: str) -> None:
    registration = RegistrationFacts(11, "PRL-7K2M-93", state, REGISTRATION.created_at)
    chat = proven(facts_of(SITI, registration=registration)).says("status")
    chat.expects(f"status.{state}")
    assert "*PRL-7K2M-93*, masuk 21 November 2026" in chat.text
    assert chat.done


def test_a_refusal_read_through_the_status_leads_on_as_the_news_does() -> None:
    refusal = facts_of(BAMBANG, decision=REFUSED)
    chat = proven(refusal).says("status")
    chat.expects("result.refused", options=["appeal", "reason", "handover"])
    assert [record.kind for record in chat.records] == ["decision.told"]
    chat.taps("appeal").expects("appeal.which_ground")
    assert chat.session.stack[0].dialog == "appeal"
    proven(refusal).says("status").says("tanya alasan").expects("reasons.electricity.why")
    proven(refusal).says("status").says("3").expects("handover.ask")


def test_an_appeal_shows_number_history_deadline_and_who_acts_next() -> None:
    chat = proven(facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received", "in_review"))).says("status")
    chat.expects("appeal.state_in_review", options=["withdraw", "handover", "enough"])
    assert chat.text.startswith(
        "Sanggah *SGH-4F7A-29* sedang diperiksa petugas.\n"
        "• 22 November 2026: diterima\n"
        "• 23 November 2026: diperiksa petugas\n"
        "Berikutnya: BPS atau pemilik data mengecek ulang, lalu petugas memutuskan. Paling lambat dijawab 22 Desember 2026."
    )
    chat.says("cukup").expects("status.bye")
    assert chat.done


def test_an_appeal_that_waits_for_an_answer_can_be_answered_from_here() -> None:
    asked = appeal("received", "need_more", note="Boleh minta foto meterannya?")
    chat = proven(facts_of(BAMBANG, decision=REFUSED, appeal=asked)).says("status")
    chat.expects("appeal.state_need_more", options=["answer", "withdraw", "handover"])
    chat.says("1").expects("appeal.photos_asked")
    assert "Boleh minta foto meterannya?" in chat.text


def test_an_appeal_can_be_withdrawn_from_here_after_a_question() -> None:
    chat = proven(facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received"))).says("status")
    chat.says("cabut sanggah").expects("appeal.withdraw", options=["yes", "no"])
    chat.says("tidak").expects("appeal.kept")
    assert chat.recorded("appeal.withdraw") == []
    chat.says("status").says("1").says("cabut sanggah").expects("appeal.withdrawn")
    assert [record.data for record in chat.recorded("appeal.withdraw")] == [{"appeal_id": 31}]


def test_a_decided_appeal_tells_outcome_and_reason_and_names_its_number_to_the_officer() -> None:
    ended = appeal("received", "in_review", "decided", outcome="rejected", reason="Meteran atas nama Bapak sendiri.")
    chat = proven(facts_of(BAMBANG, decision=REFUSED, appeal=ended)).says("status")
    chat.expects("appeal.state_decided", options=["handover", "enough"])
    assert "*sanggah belum bisa diterima*" in chat.text
    assert "Alasannya: Meteran atas nama Bapak sendiri." in chat.text
    chat.says("1").expects("handover.ask_about")
    assert "SGH-4F7A-29" in chat.text
    chat.says("Kenapa begitu?")
    assert chat.records[-1].data["text"] == "SGH-4F7A-29: Kenapa begitu?"


def test_after_an_appeal_that_won_the_new_decision_counts() -> None:
    old = appeal("received", "decided", outcome="upheld")
    chat = proven(facts_of(BAMBANG, decision=replace(ACCEPTED, id=22), appeal=old)).says("status")
    chat.expects("result.eligible")


def test_the_status_in_the_middle_of_a_question_brings_the_question_back() -> None:
    chat = proven(facts_of(SITI, decision=ACCEPTED)).says("lapor").says("3")
    chat.says("status").expects("result.eligible", "report.describe_officer")


# --- why -------------------------------------------------------------------------------------------------------------


def asks_why(chat: Conversation) -> Conversation:
    chat.understands = means(ask_reason="knp sy ditolak")
    return chat.says("knp sy ditolak")


def test_a_single_reason_is_explained_at_once() -> None:
    chat = asks_why(proven(facts_of(BAMBANG, decision=REFUSED)))
    chat.expects("reasons.electricity.why", options=["appeal", "handover", "enough"])
    assert "2.200 VA" in chat.text


def test_of_several_reasons_one_is_picked_and_another_one_after_it() -> None:
    chat = asks_why(proven(facts_of(BAMBANG, decision=REFUSED_TWICE)))
    chat.expects("status.which_reason", options=["electricity", "income"])
    chat.says("yang kedua").expects("reasons.income.why", options=["appeal", "other", "handover", "enough"])
    chat.says("alasan lain").expects("status.which_reason")
    chat.says("listrik").expects("reasons.electricity.why")
    chat.taps("handover").expects("handover.ask")


def test_a_reason_that_does_not_exist_is_asked_again() -> None:
    chat = asks_why(proven(facts_of(BAMBANG, decision=REFUSED_TWICE)))
    chat.says("7").expects("common.choose", "status.which_reason")


def test_a_button_of_an_older_question_does_nothing() -> None:
    chat = asks_why(proven(facts_of(BAMBANG, decision=REFUSED_TWICE)))
    first = chat.turn.replies[0].question
    chat.says("1").taps("income", question=first).expects("common.old_button", "reasons.electricity.why")


def test_an_acceptance_and_a_wait_are_explained_too() -> None:
    chat = asks_why(proven(facts_of(SITI, decision=ACCEPTED)))
    chat.expects("status.why_for", "reasons.decile_in_target.why", "reasons.has_sd.why")
    chat = asks_why(proven(facts_of(SITI, decision=WAITING)))
    chat.expects("status.why_wait", "reasons.source_unavailable.why")


def test_without_a_decision_there_is_nothing_to_explain_yet() -> None:
    chat = asks_why(proven(facts_of(SITI)))
    chat.expects("status.no_decision")
    chat = asks_why(proven(facts_of(SITI, registration=None)))
    chat.expects("status.none", options=["yes", "no"])
    chat.says("tidak").expects("status.bye")


def test_a_reason_that_vanished_meanwhile_leads_back_to_those_there_are() -> None:
    chat = asks_why(proven(facts_of(BAMBANG, decision=REFUSED_TWICE))).says("listrik")
    chat.facts = facts_of(BAMBANG, decision=decision("not_eligible", *REFUSED_TWICE.reasons[1:]))
    chat.says("ulang").expects("reasons.income.why")
