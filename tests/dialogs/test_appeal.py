from __future__ import annotations

from datetime import date

import pytest

from backend.domain.values import evolve
from bot.effects import Record
from bot.facts import DecisionFacts, ReasonFacts
from tests.conversation import means
from tests.dialogs.appeals import at_face, at_reasons, at_summary, good
from tests.dialogs.cases import (
    ACCEPTED,
    BAMBANG,
    DECILE,
    ELECTRICITY,
    INCOME,
    NO_COMPONENT,
    RAHMAWATI,
    REFUSED,
    SUMIATI,
    WAITING,
    against,
    appeal,
    decision,
    face_fails_twice,
    face_matches,
    facts_of,
    proven,
)

# --- the whole way ---------------------------------------------------------------------------------------------------


def test_from_sanggah_to_the_number() -> None:
    chat = at_summary()
    assert "Yang tidak benar: Listrik" in chat.text
    assert "Foto: 1" in chat.text
    assert "Meteran itu punya tetangga." in chat.text
    chat.says("ya, kirim").expects("appeal.filed")
    assert chat.done
    assert "*SGH-4F7A-29*" in chat.text
    assert "22 November 2026: diterima" in chat.text
    assert "Paling lambat dijawab 22 Desember 2026" in chat.text
    assert chat.recorded("appeal.file") == [
        Record(
            "appeal.file",
            {
                "code": "4F7A29",
                "decision_id": 21,
                "kind": "data_wrong",
                "reasons": ["electricity"],
                "statement": "Meteran itu punya tetangga.",
                "photos": [51],
                "not_mine": [],
            },
        )
    ]


def test_nothing_is_filed_before_the_summary_is_agreed_to() -> None:
    chat = at_summary()
    assert chat.recorded("appeal.file") == []
    chat.says("2").expects("appeal.photos_more")
    chat.says("selesai").expects("appeal.statement_again")
    chat.says("pakai yang tadi").expects("appeal.summary_data_wrong")
    assert "Meteran itu punya tetangga." in chat.text
    chat.says("batalkan").says("tidak, lanjutkan").expects("appeal.summary_data_wrong")
    chat.taps("no").expects("appeal.not_filed")
    assert chat.recorded("appeal.file") == []
    assert chat.done


def test_a_second_tap_on_the_same_button_files_nothing_twice() -> None:
    chat = at_summary()
    question = chat.session.asked.number if chat.session.asked else 0
    chat.taps("yes").taps("yes", question=question).expects("menu.old_button", "menu.choose")
    assert len(chat.recorded("appeal.file")) == 1


# --- whether it can be contested -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "key", "options"),
    [
        ({"registration": None}, "no_registration", ["registration", "handover", "enough"]),
        ({}, "no_decision", ["handover", "enough"]),
        ({"decision": WAITING}, "no_decision", ["handover", "enough"]),
        ({"decision": ACCEPTED}, "accepted", ["handover", "enough"]),
        (
            {"decision": decision("not_eligible", ELECTRICITY, until=date(2026, 11, 21))},
            "too_late",
            ["handover", "enough"],
        ),
        (
            {"decision": decision("not_eligible", against("electricity", "PLN", 2200, 1300, contestable=False))},
            "nothing_contestable",
            ["handover", "enough"],
        ),
    ],
)
def test_where_nothing_can_be_contested_it_says_why_and_offers_a_human(
    more: dict[str, object], key: str, options: list[str]
) -> None:
    chat = at_reasons(facts_of(BAMBANG, **more))
    chat.expects(f"appeal.stuck_{key}", options=options)
    chat.taps("handover").expects("handover.ask")


def test_enough_ends_it() -> None:
    chat = at_reasons(facts_of(BAMBANG, decision=ACCEPTED)).says("cukup")
    chat.expects("appeal.bye")
    assert chat.done


def test_an_appeal_that_is_open_is_shown_in_place_of_a_second_one() -> None:
    chat = at_reasons(facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received")))
    chat.expects("appeal.state_received", options=["withdraw", "handover", "enough"])
    chat.says("1").expects("appeal.withdraw")
    chat.says("cabut sanggah").expects("appeal.withdrawn")
    assert chat.recorded("appeal.withdraw") == [Record("appeal.withdraw", {"appeal_id": 31})]


def test_after_a_withdrawal_one_may_appeal_again_within_the_window() -> None:
    withdrawn = appeal("received", "withdrawn")
    chat = at_reasons(facts_of(BAMBANG, decision=REFUSED, appeal=withdrawn))
    chat.expects("appeal.again", "appeal.which_ground")


def test_a_decided_appeal_is_told_and_the_way_on_is_a_human_who_sees_its_number() -> None:
    ended = appeal("received", "decided", outcome="rejected", reason="Daya sudah dicek.")
    chat = at_reasons(facts_of(BAMBANG, decision=REFUSED, appeal=ended))
    chat.expects("appeal.state_decided", options=["handover", "enough"])
    chat.says("1").expects("handover.ask_about")


def test_a_window_that_closes_meanwhile_is_noticed_before_filing() -> None:
    chat = at_summary()
    chat.facts = facts_of(BAMBANG, decision=decision("not_eligible", ELECTRICITY, until=date(2026, 11, 21)))
    chat.says("ulang").expects("appeal.stuck_too_late")
    assert chat.recorded("appeal.file") == []


# --- which reasons ---------------------------------------------------------------------------------------------------


def test_only_contestable_reasons_are_offered() -> None:
    mixed = decision("not_eligible", ELECTRICITY, against("decile", "DTSEN", 5, 4, contestable=False))
    at_reasons(facts_of(BAMBANG, decision=mixed)).expects(
        "appeal.which_ground", options=["data_wrong", "circumstances", "misused"]
    )


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ("1,3", ["electricity", "no_component"]),
        ("1 dan 3", ["electricity", "no_component"]),
        ("semua", ["electricity", "income", "no_component", "decile"]),
        ("nomor 2", ["income"]),
        ("desil", ["decile"]),
        ("listrik sama penghasilan", ["electricity", "income"]),
        ("listrik sama gaji", ["electricity", "income"]),
        ("semuanya salah", ["electricity", "income", "no_component", "decile"]),
    ],
)
def test_several_reasons_in_one_answer(said: str, reasons: list[str]) -> None:
    four = decision("not_eligible", ELECTRICITY, INCOME, NO_COMPONENT, DECILE)
    chat = at_reasons(facts_of(RAHMAWATI, decision=four))
    chat.expects("appeal.which_reasons", options=["electricity", "income", "no_component", "decile", "all", "misused"])
    chat.says(said).expects("appeal.which_ground").taps("data_wrong")
    chat.expects("appeal.photos_wanted_many" if len(reasons) > 2 else "appeal.photos_wanted")
    assert chat.session.stack[0].answers["reasons"] == reasons


def test_a_number_that_is_not_there_is_asked_again() -> None:
    at_reasons().says("9").expects("common.choose", "appeal.which_reasons")


def test_the_evidence_of_each_reason_is_named() -> None:
    chat = at_reasons().says("1,2").says("datanya salah").expects("appeal.photos_wanted")
    assert "meteran listrik yang terbaca angkanya" in chat.text
    assert "slip upah bulan terakhir" in chat.text
    assert chat.text.endswith("tulis *selesai*.\n1. Tidak ada foto")


# --- on which ground -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "said", "ground"),
    [
        (REFUSED, "keadaan sudah berubah", "circumstances"),
        (decision("not_eligible", INCOME), "sudah berhenti", "circumstances"),
        (decision("not_eligible", NO_COMPONENT), "data keluarga keliru", "household_wrong"),
        (decision("not_eligible", DECILE), "3", "household_wrong"),
    ],
)
def test_each_ground_has_its_evidence_its_question_and_its_summary(
    refused: DecisionFacts, said: str, ground: str
) -> None:
    chat = at_reasons(facts_of(RAHMAWATI, decision=refused)).says(said).expects(f"appeal.photos_{ground}")
    assert "Kartu Keluarga" in chat.text or ground == "circumstances"
    chat.sends_photo("surat").job("received", good(51)).says("selesai").expects(f"appeal.statement_{ground}")
    face_matches(chat.says("Sejak Juni lain.")).expects(f"appeal.summary_{ground}")
    chat.says("ya, kirim").expects("appeal.filed")
    [filed] = chat.recorded("appeal.file")
    assert (filed.data["kind"], filed.data["not_mine"]) == (ground, [])
    assert filed.data["reasons"] == [reason.code for reason in refused.reasons]


@pytest.mark.parametrize(
    ("reasons", "grounds"),
    [
        ([ELECTRICITY], ["data_wrong", "circumstances", "misused"]),
        ([DECILE], ["data_wrong", "circumstances", "household_wrong", "misused"]),
        ([against("nik_inactive", "Dukcapil", datum="nik_active")], ["data_wrong", "misused"]),
        (
            [against("kk_registered", "Perlinsos", datum="kk_registered_by_other")],
            ["data_wrong", "circumstances", "household_wrong", "misused"],
        ),
    ],
)
def test_only_the_grounds_that_fit_the_reason_are_offered(reasons: list[ReasonFacts], grounds: list[str]) -> None:
    chat = at_reasons(facts_of(RAHMAWATI, decision=decision("not_eligible", *reasons)))
    chat.expects("appeal.which_ground", options=grounds)


def test_a_wrong_household_is_offered_only_where_it_touches_all_that_is_contested() -> None:
    chat = at_reasons(facts_of(RAHMAWATI, decision=decision("not_eligible", ELECTRICITY, NO_COMPONENT, DECILE)))
    chat.says("2,3").expects("appeal.which_ground")
    assert "household_wrong" in chat.options
    chat = at_reasons(facts_of(RAHMAWATI, decision=decision("not_eligible", ELECTRICITY, NO_COMPONENT, DECILE)))
    chat.says("1,2").expects("appeal.which_ground")
    assert "household_wrong" not in chat.options


# --- asking again ----------------------------------------------------------------------------------------------------

UPHELD = evolve(appeal("received", "decided", outcome="upheld", reason="Meterannya milik tetangga."), decision_id=20)


def test_who_appeals_again_is_referred_to_the_first_number() -> None:
    chat = at_reasons(facts_of(BAMBANG, code="9K2M7T", decision=REFUSED, appeal=UPHELD))
    chat.expects("appeal.again", "appeal.which_ground")
    assert "nomor *SGH-4F7A-29*" in chat.text
    chat.says("1").says("selesai").says("Masih salah.")
    face_matches(chat).says("ya, kirim").expects("appeal.filed_again")
    assert "lanjutan dari sanggah pertama *SGH-4F7A-29*" in chat.text


def test_the_third_time_it_is_still_the_first_number() -> None:
    second = evolve(UPHELD, number="SGH-2222-22", first_number="SGH-4F7A-29")
    at_reasons(facts_of(BAMBANG, decision=REFUSED, appeal=second)).expects("appeal.again", "appeal.which_ground")
    shown = evolve(second, decision_id=21, status="in_review")
    chat = at_reasons(facts_of(BAMBANG, decision=REFUSED, appeal=shown)).expects("appeal.state_in_review")
    assert "Sanggah *SGH-2222-22*" in chat.text
    assert "• lanjutan dari sanggah pertama *SGH-4F7A-29*" in chat.text


def test_who_asks_about_an_appeal_that_was_upheld_reads_its_number_and_its_end() -> None:
    accepted = facts_of(BAMBANG, decision=ACCEPTED, appeal=UPHELD)
    at_reasons(accepted).expects("appeal.earlier", "appeal.stuck_accepted")
    chat = proven(accepted).says("status").expects("appeal.earlier", "result.eligible")
    assert "sanggah Bapak yang pertama, nomor *SGH-4F7A-29*" in chat.text
    assert "Meterannya milik tetangga." in chat.text


# --- the face --------------------------------------------------------------------------------------------------------


def test_a_face_check_is_made_although_the_chat_has_proven_itself() -> None:
    at_face().expects("selfie.ask_front")


def test_two_failed_checks_file_nothing_and_keep_the_draft() -> None:
    chat = face_fails_twice(at_face())
    chat.taps("later").expects("appeal.draft_kept")
    assert chat.recorded("appeal.file") == []
    chat.says("sanggah").expects("appeal.face_failed", options=["try_again", "handover", "later"])
    chat.says("nanti saja").expects("appeal.draft_kept")
    chat.says("sanggah").taps("try_again")
    face_matches(chat).expects("appeal.summary_data_wrong")
    assert "Meteran itu punya tetangga." in chat.text


def test_an_officer_can_be_asked_about_the_face_and_the_draft_stays() -> None:
    chat = face_fails_twice(at_face())
    chat.taps("later").says("sanggah").taps("handover").expects("handover.open", "appeal.face_failed")
    assert chat.recorded("ticket.open")[-1].data["kind"] == "face"
    assert chat.session.stack[0].dialog == "appeal"


def test_an_identity_card_that_is_no_longer_active_is_no_dead_end() -> None:
    chat = at_face()
    chat.sends_photo("front").job("received", good(901)).sends_photo("turned").job("received", good(902))
    chat.job("ikd_inactive").expects("appeal.face_failed", options=["try_again", "handover", "later"])


def test_a_face_matched_long_ago_is_checked_again_before_filing() -> None:
    chat = at_summary().waits(minutes=16)
    chat.says("ya").expects("appeal.face_again", "selfie.ask_front")
    assert chat.recorded("appeal.file") == []
    face_matches(chat).expects("appeal.summary_data_wrong")
    chat.says("ya").expects("appeal.filed")


def test_who_has_just_shown_their_face_is_not_asked_twice_for_wrong_data() -> None:
    facts = facts_of(BAMBANG, decision=REFUSED)
    chat = face_matches(proven(facts, days_ago=31).says("sanggah").expects("identify.same_person").says("ya"))
    chat.says("1").says("selesai").says("Bukan rumah saya.").expects("appeal.summary_data_wrong")


# --- a misused NIK ---------------------------------------------------------------------------------------------------


def test_the_owner_of_a_misused_nik_says_which_data_are_not_theirs() -> None:
    refused = facts_of(SUMIATI, decision=decision("not_eligible", INCOME, NO_COMPONENT))
    chat = at_reasons(refused).says("NIK saya dipakai orang lain")
    chat.expects("appeal.not_mine", options=["income", "no_component", "all", "back"])
    assert "hanya pemilik NIK yang boleh menyanggah" in chat.text
    chat.says("penghasilan").expects("appeal.photos_nik_misused")
    chat.sends_photo("ktp").job("received", good(51)).says("selesai")
    chat.says("Saya tidak pernah kerja di sana.").expects("selfie.ask_front")
    face_matches(chat).expects("appeal.summary_nik_misused")
    chat.says("ya").expects("appeal.filed")
    assert chat.recorded("appeal.file")[0].data == {
        "code": "4F7A29",
        "decision_id": 21,
        "kind": "nik_misused",
        "reasons": ["income"],
        "statement": "Saya tidak pernah kerja di sana.",
        "photos": [51],
        "not_mine": ["income"],
    }


def test_a_misused_nik_always_needs_a_face_check_made_for_the_appeal() -> None:
    facts = facts_of(SUMIATI, decision=decision("not_eligible", INCOME))
    chat = face_matches(proven(facts, days_ago=31).says("sanggah").says("ya"))
    chat.taps("misused").says("1").says("selesai").says("Bukan saya.").expects("selfie.ask_front")


def test_who_finds_the_data_are_theirs_after_all_goes_back() -> None:
    at_reasons().taps("misused").taps("back").expects("appeal.which_reasons")


def test_saying_that_the_nik_is_misused_leads_straight_there() -> None:
    chat = proven(facts_of(SUMIATI, decision=decision("not_eligible", INCOME)), means(report_misuse="NIK sy dicatut"))
    chat.says("NIK sy dicatut").expects("report.own", "appeal.not_mine")


def test_a_failed_face_check_files_nothing_for_a_misused_nik() -> None:
    chat = at_reasons().taps("misused").says("1").says("selesai").says("Bukan saya.")
    face_fails_twice(chat).taps("later").expects("appeal.draft_kept")
    assert chat.recorded("appeal.file") == []
