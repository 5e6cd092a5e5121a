from __future__ import annotations

from dataclasses import replace

import pytest

from bot.effects import Record
from bot.facts import Facts
from tests.bot.people import SITI_FOUND, SITI_KK, SITI_NIK
from tests.conversation import Conversation, means
from tests.dialogs.cases import ACCEPTED, REFUSED, SITI, TODAY, appeal, face_matches, facts_of, proven

CHOICES = ["show", "correct", "withdraw", "erase", "stop_messages", "handover"]


def opened(chat: Conversation) -> Conversation:
    chat.understands = means(delete_data="hapus data sy")
    return chat.says("hapus data sy")


def test_every_choice_is_there() -> None:
    chat = opened(Conversation(Facts(today=TODAY)))
    chat.expects("privacy.choose", options=CHOICES)
    assert "1. Lihat data saya" in chat.text


# --- seeing ----------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_listed_in_plain_words_without_numbers_that_a_thief_could_use() -> None:
    chat = proven(facts_of(SITI, decision=REFUSED, appeal=appeal("received")))
    opened(chat).says("1").expects("privacy.stored", "privacy.rights")
    assert chat.text.startswith(
        "Ini yang kami simpan tentang Ibu:\n"
        "• Nama S*** A*****, NIK, nomor KK, wilayah Banyuwangi\n"
        "• Wajah sudah dicocokkan lewat chat\n"
        "• Izin yang berlaku: melihat data lewat IKD, mencocokkan wajah, dan mengirim kabar\n"
        "• Pendaftaran PRL-7K2M-93, 21 November 2026, beserta rekening dan isian keluarga\n"
        "• Hasil pemeriksaan, 22 November 2026, beserta data yang dipakai\n"
        "• Sanggah SGH-4F7A-29 beserta foto dan penjelasannya\n"
        "• Percakapan di sini"
    )
    assert "3×24 jam" in chat.text
    assert chat.done


@pytest.mark.parametrize("level", ["none", "chat_precheck", "ikd_verified", "in_person"])
def test_every_level_of_verification_has_its_words(level: str) -> None:
    chat = opened(proven(facts_of(replace(SITI, level=level, consents=frozenset()), registration=None))).says("1")
    chat.expects("privacy.stored", "privacy.rights")
    assert "Tidak ada izin yang berlaku" in chat.text


def test_a_stranger_proves_who_they_are_before_seeing_anything() -> None:
    chat = opened(Conversation(Facts(today=TODAY))).says("lihat data").expects("identify.consent_data")
    chat.says("ya").says(SITI_NIK).says(SITI_KK).job("found", SITI_FOUND).says("ya").says("ya")
    chat.facts = facts_of(SITI)
    face_matches(chat).expects("selfie.match", "privacy.stored", "privacy.rights")


def test_who_does_not_prove_it_sees_and_erases_nothing() -> None:
    chat = opened(Conversation(Facts(today=TODAY))).taps("erase").says("tidak")
    chat.expects("identify.consent_data_refused")
    assert chat.done
    assert chat.commands == []


# --- withdrawing a consent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "purpose"), [("1", "data_access"), ("2", "face"), ("3", "notification")])
def test_a_consent_is_withdrawn_by_itself_after_its_consequence_was_told(number: str, purpose: str) -> None:
    chat = opened(proven(facts_of(SITI))).taps("withdraw")
    chat.expects("privacy.withdraw", options=["data_access", "face", "notification", "represented", "keep"])
    chat.says(number).expects(f"privacy.sure_{purpose}", options=["yes", "no"])
    assert chat.records == []
    chat.says("ya").expects("privacy.withdrawn")
    assert "3×24 jam" in chat.text
    assert chat.recorded("consent.withdraw") == [Record("consent.withdraw", {"purpose": purpose})]


def test_changing_ones_mind_changes_nothing() -> None:
    chat = opened(proven(facts_of(SITI))).taps("withdraw").says("1").says("tidak jadi")
    assert chat.recorded("consent.withdraw") == []
    opened(proven(facts_of(SITI))).taps("withdraw").taps("keep").expects("privacy.kept")


def test_only_consents_that_were_given_can_be_withdrawn() -> None:
    some = replace(SITI, consents=frozenset({"face"}))
    opened(proven(facts_of(some))).taps("withdraw").expects("privacy.withdraw", options=["face", "represented", "keep"])
    none = replace(SITI, consents=frozenset())
    opened(proven(facts_of(none))).taps("withdraw").expects("privacy.no_consent_given")


# --- erasing ---------------------------------------------------------------------------------------------------------


def at_erasing() -> Conversation:
    return opened(proven(facts_of(SITI, decision=ACCEPTED))).taps("erase")


def test_erasing_is_asked_once_clearly_then_done_with_a_receipt() -> None:
    chat = at_erasing().expects("privacy.erase", options=["yes", "no"])
    assert "*tidak bisa dikembalikan*" in chat.text
    chat.says("ya")
    assert chat.expects_command("person.erase").data == {"person_id": 1}
    chat.says("halo?").expects("privacy.erasing_busy")
    chat.job("erased", {"receipt": "HPS-4F7A-29"}).expects("privacy.erased")
    assert "*HPS-4F7A-29*" in chat.text
    assert chat.session.person_id is None
    assert chat.done


def test_after_erasing_nothing_of_an_interrupted_journey_stays_in_the_chat() -> None:
    chat = proven(facts_of(SITI)).says("lapor")
    opened(chat).expects("privacy.choose")
    chat.taps("erase").says("ya").job("erased", {"receipt": "HPS-4F7A-29"}).expects("privacy.erased")
    assert chat.session.stack == ()


@pytest.mark.parametrize("meanwhile", [["menu"], ["petugas"], ["batal", "ya"], ["daftar"]])
def test_the_receipt_comes_wherever_the_person_is_by_then(meanwhile: list[str]) -> None:
    chat = at_erasing().says("ya")
    command = chat.commands[-1]
    for text in meanwhile:
        chat.says(text)
    chat.job("erased", {"receipt": "HPS-4F7A-29"}, command=command).expects("privacy.erased")
    assert chat.session.stack == ()
    assert (chat.session.person_id, chat.session.proven_at) == (None, None)


def test_no_keeps_everything() -> None:
    chat = at_erasing().says("tidak").expects("privacy.kept")
    assert chat.commands == []


def test_an_erasure_that_takes_long_says_so_and_one_that_fails_leads_to_a_human() -> None:
    chat = at_erasing().says("ya").waits(seconds=7).expects("privacy.erasing_slow")
    chat.job("failed").expects("privacy.not_erased")
    assert chat.session.person_id == 1


# --- messages --------------------------------------------------------------------------------------------------------


def test_messages_stop_after_one_question_without_any_proof() -> None:
    chat = Conversation(Facts(today=TODAY)).says("stop")
    chat.expects("privacy.stop", options=["yes", "no"]).says("ya, berhenti").expects("privacy.messages_off")
    assert chat.recorded("notifications.set") == [Record("notifications.set", {"on": False})]
    assert chat.done


def test_messages_go_on_after_a_no() -> None:
    chat = Conversation(Facts(today=TODAY)).says("berhenti").says("tidak").expects("privacy.messages_stay")
    assert chat.records == []


def test_messages_can_be_taken_up_again() -> None:
    silent = replace(SITI, notifications=False)
    chat = opened(proven(facts_of(silent)))
    chat.expects("privacy.choose", options=["show", "correct", "withdraw", "erase", "resume_messages", "handover"])
    chat.says("kabari saya lagi").expects("privacy.messages_on")
    assert chat.records == [Record("notifications.set", {"on": True})]


def test_taking_messages_up_again_renews_a_consent_that_was_withdrawn() -> None:
    silent = replace(SITI, notifications=False, consents=frozenset({"data_access"}))
    chat = opened(proven(facts_of(silent))).taps("resume_messages")
    given = {"purpose": "notification", "granted": True, "version": "2026-1"}
    assert chat.records == [Record("consent.give", given), Record("notifications.set", {"on": True})]


def test_withdrawing_the_consent_to_messages_stops_them() -> None:
    chat = opened(proven(facts_of(SITI))).taps("withdraw").taps("notification").says("ya")
    assert chat.recorded("notifications.set") == [Record("notifications.set", {"on": False})]


def test_the_other_choices_lead_on() -> None:
    opened(proven(facts_of(SITI))).taps("stop_messages").expects("privacy.stop")
    opened(proven(facts_of(SITI))).taps("correct").expects("report.correct_data")
    opened(proven(facts_of(SITI))).taps("handover").expects("handover.ask")


def test_words_that_fit_no_choice_are_asked_again() -> None:
    opened(proven(facts_of(SITI))).says("12").expects("common.choose", "privacy.choose")


def test_a_facilitator_is_no_longer_let_in_and_that_is_told_before() -> None:
    chat = opened(proven(facts_of(SITI))).taps("withdraw").taps("represented").expects("privacy.sure_represented")
    chat.taps("yes").expects("privacy.not_represented")
    assert chat.recorded("delegation.withdraw")
