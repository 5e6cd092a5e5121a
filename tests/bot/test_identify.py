from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.bot.people import (
    ANDI_FOUND,
    ANDI_KK,
    ANDI_NIK,
    FACTS,
    SITI_FOUND,
    SITI_KK,
    SITI_NIK,
    proven_chat,
    siti_is_found,
    two_photos,
)
from tests.conversation import Conversation, means


def at_the_nik(**intents: str) -> Conversation:
    return Conversation(FACTS, means(**intents)).says("daftar").says("ya")


def at_the_kk() -> Conversation:
    return at_the_nik().says(SITI_NIK)


def andi_is_found() -> Conversation:
    chat = at_the_nik().says(ANDI_NIK).says(ANDI_KK)
    return chat.job("found", ANDI_FOUND).says("ya")


# --- consent -----------------------------------------------------------------------------------------------------


def test_the_consent_says_what_for_and_that_it_can_be_withdrawn() -> None:
    chat = Conversation(FACTS).says("daftar").expects("identify.consent_data", options=["yes", "no"])
    assert chat.text == (
        "Untuk memeriksa kelayakan, kami perlu melihat data Bapak/Ibu di IKD: keluarga, pekerjaan, dan listrik. Data "
        "hanya dipakai untuk bantuan sosial, dan izin ini bisa dicabut kapan saja.\nApakah Bapak/Ibu mengizinkan?\n"
        "1. Ya, saya izinkan\n2. Tidak"
    )


@pytest.mark.parametrize("answer", ["ya", "IYAAA", "nggih", "1", "saya izinkan", "boleh bu", "Ya, saya izinkan.", "1️⃣"])
def test_ways_to_say_yes(answer: str) -> None:
    Conversation(FACTS).says("daftar").says(answer).expects("identify.ask_nik")


@pytest.mark.parametrize("answer", ["tidak", "2", "mboten", "gak mau", "kada", "nomor dua"])
def test_a_refused_consent_is_recorded_and_ends_it_kindly(answer: str) -> None:
    chat = Conversation(FACTS).says("daftar").says(answer).expects("identify.consent_data_refused")
    assert chat.recorded("consent.give")[0].data == {"purpose": "data_access", "granted": False, "version": "2026-1"}
    assert not chat.commands
    assert chat.done


# --- NIK ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            "351016450387001",
            "Yang kami terima baru 15 angka; NIK ada 16 angka. Coba lihat lagi di KTP, lalu kirim ulang.",
        ),
        ("35101645038700011", "Yang kami terima 17 angka, kelebihan"),
        ("35I01645O3870001", "NIK hanya angka, tanpa huruf"),
        ("3510167213870001", "angka ke-7 sampai ke-12 seharusnya tanggal lahir"),
        ("1111111111111111", "Angkanya sama semua"),
        ("3510160101100001", "Sepertinya itu nomor Kartu Keluarga. NIK ada di KTP, di baris paling atas."),
        ("3510164503150001", "belum 17 tahun"),
        ("\U0001f600\U0001f64f", "Angkanya belum ada"),
        ("\u202e\u200f", "Angkanya belum ada"),
        ("ini apa ya", "NIK hanya angka, tanpa huruf"),
        ("x" * 10_000, "NIK hanya angka, tanpa huruf"),
        ("", "Angkanya belum ada"),
    ],
)
def test_a_nik_that_cannot_be_is_told_why_and_the_step_is_kept(answer: str, sentence: str) -> None:
    chat = at_the_nik().says(answer)
    assert sentence in chat.text
    assert len(chat.text) <= 500
    assert chat.session.stack[-1].step == "nik"
    assert not chat.commands
    chat.says(SITI_NIK).expects("identify.ask_kk")


@pytest.mark.parametrize(
    "answer", ["3510164503870001", "NIK: 3510 1645 0387 0001", "nik saya 3510.1645.0387.0001 bu", "٣٥١٠١٦٤٥٠٣٨٧٠٠٠١"]
)
def test_a_nik_as_people_write_it(answer: str) -> None:
    chat = at_the_nik().says(answer).expects("identify.ask_kk")
    assert chat.turn.forget_message


def test_an_nik_written_beside_a_wish_is_still_an_answer() -> None:
    at_the_nik(register="mau daftar 3510164503870001").says("mau daftar 3510164503870001").expects("identify.ask_kk")


def test_a_wrong_number_of_digits_also_vanishes_from_the_chat() -> None:
    assert at_the_nik().says("351016450387001").turn.forget_message


def test_the_sex_of_the_nik_decides_how_the_person_is_addressed() -> None:
    chat = siti_is_found(Conversation(FACTS))
    assert "Apakah itu Ibu sendiri?" in chat.text
    chat = at_the_nik().says(ANDI_NIK).says(ANDI_KK).job("found", ANDI_FOUND)
    assert "Apakah itu Bapak sendiri?" in chat.text


def test_a_number_that_looks_like_a_child_is_believed_when_it_is_sent_again() -> None:
    chat = at_the_nik().says("3510164503250001").expects("identify.nik_under_age")
    chat.says("3510164503250001").expects("identify.ask_kk")


def test_an_unknown_region_is_a_hint_and_never_a_refusal() -> None:
    chat = at_the_nik().says("3599164503870001").expects("identify.nik_region_unknown", "identify.ask_kk")
    at_the_nik().says("3204164503870001").expects("identify.nik_region_unknown", "identify.ask_kk")
    chat = at_the_nik().says("3510994503870001")
    assert chat.keys == ["identify.ask_kk"]


def test_nik_and_kk_in_one_message_save_a_question() -> None:
    chat = at_the_nik().says(f"NIK {SITI_NIK}\nKK {SITI_KK}").expects_silence()
    command = chat.expects_command("ikd.look_up")
    assert (command.data["nik"], command.data["kk"]) == (SITI_NIK, SITI_KK)
    assert command.data["consent_at"] == chat.now.isoformat()


# --- KK ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("351016010110001", "identify.kk_too_short"),
        ("35101601011000011", "identify.kk_too_long"),
        (SITI_NIK, "identify.kk_looks_like_nik"),
        ("3510163213100001", "identify.kk_impossible_date"),
        ("35101601O1100001", "identify.kk_letters"),
        ("2222222222222222", "identify.kk_all_same"),
        ("...", "identify.kk_empty"),
    ],
)
def test_a_kk_that_cannot_be_is_told_why(answer: str, key: str) -> None:
    chat = at_the_kk().says(answer).expects(key)
    chat.says(SITI_KK).expects_command("ikd.look_up")


def test_after_three_misses_a_human_is_offered() -> None:
    at_the_kk().says("1").says("2").says("3").expects("identify.kk_too_short", "common.offer_human")


# --- look-up -----------------------------------------------------------------------------------------------------


def test_the_masked_confirmation() -> None:
    chat = siti_is_found(Conversation(FACTS)).expects("identify.confirm", options=["yes", "no"])
    assert chat.text == (
        "Kami menemukan data atas nama S*** A*****, Kecamatan Banyuwangi. Apakah itu Ibu sendiri?\n1. Ya\n2. Bukan"
    )


def test_a_slow_look_up_says_so_once_and_an_impatient_word_is_answered() -> None:
    chat = at_the_kk().says(SITI_KK).expects_silence()
    chat.waits(seconds=7).expects("identify.look_up_slow")
    chat.says("gimana bu?").expects("identify.look_up_busy")
    chat.job("found", SITI_FOUND).expects("identify.confirm")


def test_numbers_that_do_not_belong_together_start_over_with_one_sentence() -> None:
    chat = at_the_kk().says(SITI_KK).job("not_together")
    chat.expects("identify.not_together", "identify.ask_nik")
    assert "belum cocok dengan data kependudukan" in chat.text


def test_trying_out_pairs_comes_to_an_end() -> None:
    chat = at_the_kk().says(SITI_KK)
    for _ in range(3):
        chat.job("not_together").says(SITI_NIK).says(SITI_KK)
    chat.job("not_together").expects("identify.too_many_pairs")
    assert chat.done


def test_saying_no_to_the_masked_name_asks_for_the_numbers_again() -> None:
    siti_is_found(Conversation(FACTS)).says("bukan").expects("identify.not_me", "identify.ask_nik")


@pytest.mark.parametrize("outcome", ["failed", "unavailable"])
def test_ikd_out_of_order_keeps_what_was_typed(outcome: str) -> None:
    chat = at_the_kk().says(SITI_KK).job(outcome).expects("identify.unavailable", options=["continue", "handover"])
    chat.says("lanjut")
    assert chat.expects_command("ikd.look_up").data["nik"] == SITI_NIK


def test_a_stranger_learns_nothing_but_one_masked_line() -> None:
    """Whether or not somebody is registered, a typed NIK and KK lead to the very same words."""
    chat = siti_is_found(Conversation(FACTS))
    heard = " ".join(rendered.text for rendered in chat.heard)
    for secret in ("Siti", "Aminah", "PRL-", "terdaftar", SITI_NIK, SITI_KK):
        assert secret not in heard
    chat.says("ya").says("ya")
    two_photos(chat)
    chat.job("no_match")
    assert "Siti" not in " ".join(rendered.text for rendered in chat.heard)


# --- IKD not active, NIK not active ------------------------------------------------------------------------------


def test_an_inactive_ikd_keeps_the_registration_and_lanjut_goes_on_days_later() -> None:
    chat = andi_is_found().expects("identify.ikd_inactive", options=["continue", "ikd_help", "handover"])
    assert chat.text.startswith("IKD Bapak belum aktif, jadi wajah belum bisa dicocokkan.")
    kept = chat.recorded("registration.hold")[0].data
    assert (kept["code"], kept["reason"], kept["name"]) == ("7K2M93", "ikd_inactive", "Andi Saputra")
    chat.waits(days=3).says("lanjut").expects_command("ikd.look_up")
    chat.job("found", ANDI_FOUND).expects("identify.ikd_still_inactive", "identify.ikd_inactive")
    chat.says("lanjut").job("found", {**ANDI_FOUND, "ikd": "active"}).expects("selfie.consent")
    assert len(chat.recorded("registration.hold")) == 1


def test_an_ikd_that_does_not_exist_is_kept_for_the_facilitator() -> None:
    chat = at_the_nik().says(ANDI_NIK).says(ANDI_KK).job("found", {**ANDI_FOUND, "ikd": "none"}).says("ya")
    assert chat.recorded("registration.hold")[0].data["reason"] == "ikd_none"


def test_help_with_the_activation_comes_back_to_the_step() -> None:
    chat = andi_is_found().says("2")
    assert chat.keys[-1] == "identify.ikd_inactive"
    assert len(chat.keys) > 1


def test_an_inactive_nik_goes_to_dukcapil_with_a_ticket() -> None:
    chat = at_the_kk().says(SITI_KK).job("inactive_nik").expects("identify.inactive_nik", options=["yes", "later"])
    kept = chat.recorded("registration.hold")[0].data
    assert (kept["reason"], kept["birth_date"], kept["name"]) == ("nik_inactive", "1987-03-05", "")
    chat.says("ya").expects("identify.ticket_opened")
    assert chat.recorded("ticket.open")[0].data == {"code": "7K2M93", "kind": "nik_inactive", "text": ""}
    assert chat.done


@pytest.mark.parametrize("found", [{"ikd": "inactive"}, {"ikd": "none"}])
def test_asking_for_a_status_keeps_no_registration(found: dict[str, Any]) -> None:
    chat = Conversation(FACTS).says("status").says("ya").says(SITI_NIK).says(SITI_KK)
    chat.job("found", {**SITI_FOUND, **found}).says("ya").expects("identify.ikd_inactive_other")
    assert not chat.recorded("registration.hold")


def test_what_somebody_else_answers_never_counts_for_the_person_before() -> None:
    """The chat stops being Siti's before the first question, so that a refused consent is not taken for hers."""
    chat = proven_chat().waits(days=31).says("daftar").says("bukan")
    assert chat.session.person_id is None
    chat.facts = replace(chat.facts, person=None)
    chat.says("tidak").expects("identify.consent_data_refused")
    assert chat.session.proven_at is None


def test_somebody_else_on_a_proven_chat_is_not_called_by_the_other_ones_sex() -> None:
    chat = proven_chat().waits(days=31).says("daftar").says("bukan").expects("identify.consent_data")
    assert "Bapak/Ibu" in chat.text
