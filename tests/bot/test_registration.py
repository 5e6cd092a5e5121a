from __future__ import annotations

from dataclasses import replace

import pytest

from bot.effects import Record
from bot.facts import RegistrationFacts
from tests.bot.people import FACTS, SITI, SITI_KK, SITI_NIK, WAHYUNI, noon, proven_chat, siti_is_proven, two_photos
from tests.conversation import Conversation

HOUSEHOLD = ["pregnancy", "balita", "sd", "smp", "sma", "lansia", "disabilitas", "ham", "none"]


def at_the_household() -> Conversation:
    return siti_is_proven(Conversation(FACTS))


def at_the_account() -> Conversation:
    return at_the_household().says("3")


def at_the_summary() -> Conversation:
    return at_the_account().says("BRI 1234 5678 9012 345").says("1")


def test_from_daftar_to_the_number_in_at_most_twelve_messages() -> None:
    chat = at_the_summary().says("sudah benar")
    chat.expects("registration.filed")
    assert chat.done
    assert len(chat.replies) <= 12
    assert "*PRL-7K2M-93*" in chat.text
    assert "Bu Siti" in chat.text


def test_what_is_filed() -> None:
    chat = at_the_summary().says("ya")
    assert chat.recorded("registration.file") == [
        Record(
            "registration.file",
            {
                "code": "7K2M93",
                "person_id": 7,
                "components": ["sd"],
                "bank": "BRI",
                "account": "123456789012345",
                "notify": "chat",
                "phone": "",
                "from_pkh": False,
            },
        )
    ]


def test_three_consents_each_by_itself_with_the_version_that_was_read() -> None:
    chat = at_the_summary()
    consents = [record.data for record in chat.recorded("consent.give")]
    assert consents == [
        {"purpose": "data_access", "granted": True, "version": "2026-1"},
        {"purpose": "face", "granted": True, "version": "2026-1"},
        {"purpose": "notification", "granted": True, "version": "2026-1"},
    ]


def test_the_messages_of_a_whole_registration() -> None:
    chat = at_the_summary().says("1")
    assert [[part.key for part in reply.parts] for reply in chat.replies] == [
        ["identify.consent_data"],
        ["identify.ask_nik"],
        ["identify.ask_kk"],
        ["identify.confirm"],
        ["selfie.consent"],
        ["selfie.ask_front"],
        ["selfie.front_good", "selfie.ask_turned"],
        ["selfie.match", "registration.ask_household"],
        ["registration.ask_account"],
        ["registration.ask_notify"],
        ["registration.summary"],
        ["registration.filed"],
    ]


# --- household ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "components"),
    [
        ("1, 3", ["pregnancy", "sd"]),
        ("3 4", ["sd", "smp"]),
        ("3 dan 6", ["sd", "lansia"]),
        ("anak SD sama lansia", ["sd", "lansia"]),
        ("balita", ["balita"]),
        ("nomor tiga", ["sd"]),
        ("tidak ada", []),
        ("9", []),
    ],
)
def test_several_members_in_one_answer(answer: str, components: list[str]) -> None:
    chat = at_the_household().expects("registration.ask_household", options=HOUSEHOLD).says(answer)
    chat.expects("registration.ask_account", options=["none"])
    chat.says("belum punya").says("tidak usah").says("ya")
    assert chat.recorded("registration.file")[0].data["components"] == components


def test_nobody_and_somebody_at_once_is_asked_again() -> None:
    chat = at_the_household().says("3, 9")
    chat.expects("registration.household_none_and_more", "registration.ask_household", options=HOUSEHOLD)


def test_a_number_outside_the_list_is_asked_again() -> None:
    at_the_household().says("12").expects("common.choose", "registration.ask_household")
    at_the_household().says("3, 12").expects("common.choose", "registration.ask_household")


def test_a_tapped_member_counts() -> None:
    at_the_household().taps("lansia").expects("registration.ask_account")


# --- account -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("1234567890", "registration.account_no_bank"),
        ("BRI 12345", "registration.account_too_short"),
        ("BNI 12345678901234", "registration.account_too_long"),
        ("BRI atau BCA 1234567890", "registration.account_several_banks"),
        ("\U0001f600", "registration.account_empty"),
        ("BNI 12a34567890", "registration.account_letters"),
    ],
)
def test_an_account_that_cannot_be_is_told_why(answer: str, key: str) -> None:
    chat = at_the_account().says(answer).expects(key)
    chat.says("bca 1234567890").expects("registration.ask_notify")


def test_the_bank_first_and_the_number_after() -> None:
    chat = at_the_account().says("BRI").expects("registration.account_no_number")
    assert chat.text.startswith("Baik, BRI.")
    chat.says("123456789012345").expects("registration.ask_notify")


def test_an_account_number_vanishes_from_the_chat_and_is_shown_by_its_end() -> None:
    chat = at_the_account().says("BRI 123456789012345")
    assert chat.turn.forget_message
    chat.says("1").expects("registration.summary")
    assert "Rekening BRI, akhiran 2345" in chat.text
    assert "123456789012345" not in chat.text


# --- how to be told ----------------------------------------------------------------------------------------------


def test_another_phone_for_the_news() -> None:
    chat = at_the_account().says("belum punya").expects("registration.ask_notify", options=["chat", "phone", "no"])
    chat.says("ke nomor lain").expects("registration.ask_phone", options=["chat"])
    chat.says("0812").expects("registration.phone_too_short")
    assert "baru 4 angka" in chat.text
    chat.says("0812-3456-7890").expects("registration.summary")
    assert "berakhiran 7890" in chat.text
    chat.says("kirim")
    assert chat.recorded("registration.file")[0].data["phone"] == "+6281234567890"


def test_no_news_is_a_refusal_that_is_recorded() -> None:
    chat = at_the_account().says("belum punya").says("tidak usah").says("ya").expects("registration.filed_untold")
    assert chat.recorded("consent.give")[-1].data["granted"] is False
    assert chat.recorded("registration.file")[0].data["notify"] == "none"


def test_what_is_wrong_in_the_summary_is_changed_there() -> None:
    chat = at_the_summary().says("ada yang salah").expects("registration.ask_change")
    chat.says("anggota keluarga").expects("registration.ask_household").says("5, 6").expects("registration.summary")
    assert "Lansia, 60 tahun ke atas" in chat.text
    chat.says("2").says("rekening").says("belum punya").expects("registration.summary")
    assert "Rekening: belum ada" in chat.text
    chat.says("ada yang salah").says("kembali ke ringkasan").expects("registration.summary").says("1")
    assert chat.recorded("registration.file")[0].data["components"] == ["sma", "lansia"]


# --- known already -----------------------------------------------------------------------------------------------


def test_a_known_recipient_confirms_instead_of_answering() -> None:
    chat = proven_chat(WAHYUNI)
    chat.says("daftar").expects("registration.prefilled", options=["yes", "no"])
    assert "Anak sekolah SD" in chat.text
    assert "Rekening BRI, akhiran 2345" in chat.text
    chat.says("ya").says("1").says("1").expects("registration.filed")
    filed = chat.recorded("registration.file")[0].data
    assert (filed["components"], filed["account"], filed["from_pkh"]) == (["sd", "smp"], "123456789012345", True)


def test_a_known_recipient_whose_family_changed_answers_anew() -> None:
    proven_chat(WAHYUNI).says("daftar").says("ada yang berubah").expects("registration.ask_household")


def test_a_known_recipient_without_an_account_is_asked_for_it() -> None:
    chat = proven_chat(replace(WAHYUNI, known_pkh={"components": ["sd"]}))
    chat.says("daftar").expects("registration.prefilled_no_account").says("masih benar")
    chat.expects("registration.ask_account").says("belum punya").says("1").says("1")
    assert chat.recorded("registration.file")[0].data["from_pkh"] is True


def test_who_is_registered_is_told_so_instead_of_registering_twice() -> None:
    there = RegistrationFacts(3, "PRL-4H7W-2C", "submitted", noon(20))
    chat = proven_chat(registration=there).says("daftar")
    chat.expects("registration.already", options=["status", "other_person", "enough"])
    assert "Bu Siti sudah terdaftar dengan nomor *PRL-4H7W-2C*" in chat.text
    assert "sedang diperiksa" in chat.text
    chat.says("daftarkan orang lain").expects("identify.consent_data")


def test_a_registration_that_waited_for_its_proof_is_completed_now() -> None:
    waiting = RegistrationFacts(3, "PRL-4H7W-2C", "waiting_identity", noon(20))
    proven_chat(registration=waiting).says("daftar").expects("registration.ask_household")


def test_a_returning_citizen_is_not_asked_again_for_thirty_days() -> None:
    proven_chat().waits(days=29).says("daftar").expects("registration.ask_household")
    chat = proven_chat().waits(days=31).says("daftar").expects("identify.same_person", options=["yes", "no"])
    assert "S*** A*****" in chat.text
    chat.says("ya").expects("selfie.ask_front")
    two_photos(chat)
    assert chat.expects_command("face.verify").data["person_id"] == SITI.id


def test_another_person_on_the_same_phone_starts_from_the_beginning() -> None:
    chat = proven_chat().waits(days=31).says("daftar").says("bukan")
    chat.expects("identify.consent_data").says("ya").says(f"{SITI_NIK}\n{SITI_KK}")
    assert chat.expects_command("ikd.look_up").data["kk"] == SITI_KK


def test_answers_are_never_filed_for_somebody_else_whom_the_chat_has_become() -> None:
    """Siti stops at her summary, Wahyuni proves herself on the same phone, then the registration is resumed."""
    chat = at_the_summary()
    chat.facts = replace(chat.facts, person=WAHYUNI)
    chat.state["person_id"] = WAHYUNI.id
    chat.says("ulang").expects("registration.prefilled")
    assert "Bu Wahyuni" in chat.text
    chat.says("ya").says("1").says("1")
    filed = chat.recorded("registration.file")
    assert [(record.data["person_id"], record.data["components"]) for record in filed] == [(12, ["sd", "smp"])]


def test_a_tap_on_an_outdated_summary_files_nothing_for_the_other_one() -> None:
    chat = at_the_summary()
    chat.facts = replace(chat.facts, person=WAHYUNI)
    chat.state["person_id"] = WAHYUNI.id
    chat.taps("yes").expects("registration.prefilled")
    assert not chat.recorded("registration.file")
