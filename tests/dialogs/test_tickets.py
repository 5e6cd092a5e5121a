from __future__ import annotations

from dataclasses import replace

import pytest

from bot.effects import Record
from bot.facts import Facts
from tests.conversation import Conversation, means
from tests.dialogs.cases import INCOME as WRONG_INCOME
from tests.dialogs.cases import REFUSED, SITI, SUMIATI, TODAY, decision, facts_of, proven

STRANGER = Facts(today=TODAY, code="4F7A29", queue=3)


def ticket(kind: str, text: str) -> Record:
    return Record("ticket.open", {"code": "4F7A29", "kind": kind, "text": text})


# --- a human ---------------------------------------------------------------------------------------------------------


def test_a_human_is_reached_in_two_messages_with_a_number_and_a_place_in_the_queue() -> None:
    chat = Conversation(STRANGER).says("petugas").expects("handover.ask", options=["skip"])
    chat.says("Saya tidak bisa buka IKD").expects("handover.open")
    assert chat.recorded("ticket.open") == [ticket("human", "Saya tidak bisa buka IKD")]
    assert "antrean nomor 4" in chat.text
    assert "*TKT-4F7A-29*" in chat.text
    assert chat.done


def test_outside_office_hours_it_says_when_the_answer_comes() -> None:
    chat = Conversation(replace(STRANGER, office_open=False)).says("petugas").says("langsung sambungkan")
    chat.expects("handover.closed")
    assert chat.text.startswith("Petugas menjawab pada jam kerja, Senin–Jumat 08.00–15.00.")
    assert chat.recorded("ticket.open") == [ticket("human", "")]


def test_the_words_for_the_officer_are_not_taken_for_another_wish() -> None:
    chat = Conversation(STRANGER, means(ask_payment="kapan cair")).says("petugas").says("kapan cair")
    chat.expects("handover.open")


def test_a_human_in_the_middle_of_a_question_and_back() -> None:
    chat = Conversation(STRANGER).says("lapor").says("2").says("petugas").says("Saya mau tanya soal KK")
    chat.expects("handover.open", "flow.resume").says("ya").expects("report.describe_recipient")


@pytest.mark.parametrize("opening", ["petugas", "keluhan saya", "data saya salah"])
def test_bad_words_for_an_officer_are_asked_again_and_nothing_is_opened(opening: str) -> None:
    chat = Conversation(STRANGER, means(complaint="keluhan saya", correct_data="data saya salah")).says(opening)
    chat.says("😀").expects("handover.in_words")
    chat.says("x" * 10_000).expects("handover.too_long")
    assert "10.000 huruf, paling banyak 1.500" in chat.text
    chat.sends_photo()
    assert chat.keys[0] == "common.photo_not_now"
    assert chat.records == []


# --- complaint, correction -------------------------------------------------------------------------------------------


def test_a_complaint_gets_a_number() -> None:
    chat = Conversation(STRANGER, means(complaint="dioper-oper terus")).says("dioper-oper terus")
    chat.expects("report.complaint").says("Sudah tiga kali disuruh balik.").expects("report.complaint_done")
    assert chat.recorded("ticket.open") == [ticket("complaint", "Sudah tiga kali disuruh balik.")]
    assert "*TKT-4F7A-29*" in chat.text


def test_a_correction_gets_a_number_and_its_deadline() -> None:
    chat = Conversation(STRANGER, means(correct_data="alamat saya salah")).says("alamat saya salah")
    chat.expects("report.correct_data").says("Pindah ke Kecamatan Giri.").expects("report.correct_data_done")
    assert chat.recorded("ticket.open") == [ticket("correction", "Pindah ke Kecamatan Giri.")]
    assert "3×24 jam" in chat.text


# --- reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "about"), [("2", "recipient"), ("petugas memotong", "officer"), ("penipuan", "fraud"), ("4", "fraud")]
)
def test_a_report_about_somebody_else_gets_a_number(said: str, about: str) -> None:
    chat = Conversation(STRANGER).says("lapor")
    chat.expects("report.which", options=["own", "recipient", "officer", "fraud"])
    chat.says(said).expects(f"report.describe_{about}").says("Di Desa Kalirejo.").expects(f"report.done_{about}")
    assert chat.recorded("ticket.open") == [ticket("report", f"{about}: Di Desa Kalirejo.")]
    assert "*TKT-4F7A-29*" in chat.text


def test_a_story_told_before_choosing_is_kept() -> None:
    story = "Tetangga saya kaya tapi dapat PKH"
    chat = Conversation(STRANGER, means(report_recipient=story)).says("lapor").says(story)
    chat.expects("report.which_kept", options=["own", "recipient", "officer", "fraud"])
    chat.says("2").expects("report.done_recipient")
    assert chat.recorded("ticket.open") == [ticket("report", f"recipient: {story}")]


def test_a_choice_that_does_not_fit_is_no_story() -> None:
    Conversation(STRANGER).says("lapor").says("9").expects("common.choose", "report.which")


def test_a_report_of_another_recipient_is_told_apart_from_an_appeal() -> None:
    chat = Conversation(STRANGER).says("lapor").says("2")
    assert "Ini bukan sanggah; sanggah hanya untuk hasil Bapak/Ibu sendiri." in chat.text


def test_ones_own_misused_nik_is_an_appeal() -> None:
    refused = facts_of(SUMIATI, decision=decision("not_eligible", WRONG_INCOME))
    chat = proven(refused).says("lapor").says("NIK saya dipakai").expects("report.own", "appeal.not_mine")
    assert chat.records == []


def test_a_misused_nik_without_a_registration_reaches_a_human() -> None:
    chat = proven(facts_of(SITI, registration=None)).says("lapor").says("1")
    chat.expects("report.own", "appeal.stuck_no_registration", options=["registration", "handover", "enough"])


def test_a_report_during_an_appeal_does_not_throw_the_photos_away() -> None:
    chat = proven(facts_of(SITI, decision=REFUSED), means(report_misuse="nik sy dipake org"))
    chat.says("sanggah").taps("misused").says("1").sends_photo("a")
    chat.job("received", {"photos": [{"id": 51, "problem": None}]}).says("nik sy dipake org")
    chat.expects("report.own", "appeal.photos_more")
    assert chat.session.stack[-1].answers["photos"] == [51]
