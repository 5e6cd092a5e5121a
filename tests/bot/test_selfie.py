from __future__ import annotations

from typing import Any

import pytest

from tests.bot.people import FACTS, SITI, received, siti_at_her_selfie, siti_is_found, two_photos
from tests.conversation import CATALOGUE, Conversation, means

FACE_PROBLEMS = [
    "unreadable", "too_large", "too_many_pixels", "video", "pdf", "animated", "too_small", "gone", "no_face",
    "many_faces", "small", "dark", "bright", "blurred", "cut_off", "turned", "ktp", "covered",
]  # fmt: skip


def at_the_selfie(**intents: str) -> Conversation:
    return siti_at_her_selfie(Conversation(FACTS, means(**intents)))


def test_the_instructions_are_those_of_a_clerk() -> None:
    chat = at_the_selfie().expects("selfie.ask_front", options=[])
    assert chat.text == (
        "Sekarang tolong kirim foto wajah Ibu.\n• Di tempat terang, menghadap kamera\n• Tanpa masker atau kacamata "
        "hitam\n• Hanya wajah Ibu, bukan foto KTP"
    )


def test_a_refused_consent_for_the_face_ends_with_another_way() -> None:
    chat = siti_is_found(Conversation(FACTS)).says("ya").expects("selfie.consent", options=["yes", "no"])
    chat.says("tidak").expects("selfie.consent_refused")
    assert chat.recorded("consent.give")[-1].data == {"purpose": "face", "granted": False, "version": "2026-1"}
    assert "petugas kecamatan" in chat.text
    assert chat.done


@pytest.mark.parametrize("problem", FACE_PROBLEMS)
def test_each_problem_has_its_own_sentence_and_keeps_the_step(problem: str) -> None:
    chat = at_the_selfie().sends_photo("one")
    assert chat.expects_command("photo.receive").data["purpose"] == "selfie"
    chat.job("received", received(None, problem))
    assert chat.keys == [f"selfie.problem_{problem}"]
    assert len(chat.text) <= 200
    chat.sends_photo("two").job("received", received(5)).expects("selfie.ask_turned")


def test_no_two_problems_are_told_alike() -> None:
    assert len({CATALOGUE.raw(f"selfie.problem_{problem}") for problem in FACE_PROBLEMS}) == len(FACE_PROBLEMS)


def test_a_dark_photo_in_the_very_words() -> None:
    chat = at_the_selfie().sends_photo().job("received", received(None, "dark"))
    assert chat.text == (
        "Fotonya terlalu gelap, wajah Ibu belum terlihat jelas. Coba dekat jendela atau di luar rumah, lalu kirim lagi."
    )


def test_a_bad_second_photo_is_asked_again_and_the_first_is_kept() -> None:
    chat = at_the_selfie().sends_photo().job("received", received(1)).sends_photo()
    assert chat.expects_command("photo.receive").data["purpose"] == "turned"
    chat.job("received", received(None, "blurred")).expects("selfie.problem_blurred")
    chat.sends_photo().job("received", received(2))
    data = chat.expects_command("face.verify").data
    assert (data["front"], data["turned"], data["person"]["name"]) == (1, 2, "Siti Aminah")


def test_an_album_of_twelve_uses_the_first_and_says_so() -> None:
    chat = at_the_selfie().sends_photo(*(f"photo-{n}" for n in range(12)))
    photos = chat.expects_command("photo.receive").data["photos"]
    assert [photo["ref"] for photo in photos] == ["photo-0"]
    chat.job("received", received(1)).expects("selfie.only_first", "selfie.front_good", "selfie.ask_turned")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("video", "Video belum bisa kami buka"),
        ("voice", "pesan suara belum bisa kami dengar"),
        ("document", "tolong potret"),
        ("file_too_large", "terlalu besar"),
        ("sticker", "perlu foto"),
    ],
)
def test_what_is_no_photo_is_told_and_the_question_stays(kind: str, words: str) -> None:
    chat = at_the_selfie().sends(kind)
    assert words in chat.text
    assert chat.keys[-1] == "selfie.ask_front"


@pytest.mark.parametrize("text", ["siap", "3510164503870001", "x" * 10_000, "\U0001f600", ""])
def test_words_where_a_photo_is_needed(text: str) -> None:
    at_the_selfie().says(text).expects("selfie.photo_please")


def test_a_question_in_between_is_answered_and_the_photo_asked_again() -> None:
    chat = at_the_selfie(ask_payment="kapan cairnya").says("kapan cairnya")
    assert chat.keys[-1] == "selfie.ask_front"
    assert len(chat.keys) > 1


def test_a_photo_sent_twice_while_the_first_is_opened() -> None:
    chat = at_the_selfie().sends_photo("one").sends_photo("one").expects("selfie.receive_busy")
    assert len([c for c in chat.commands if c.kind == "photo.receive"]) == 1


# --- the comparison ----------------------------------------------------------------------------------------------


def test_a_slow_comparison_says_what_is_happening() -> None:
    chat = two_photos(at_the_selfie()).expects_silence()
    chat.waits(seconds=7).expects("selfie.verify_slow")
    chat.says("bagaimana?").expects("selfie.verify_busy")
    chat.job("match", person=SITI).expects("selfie.match", "registration.ask_household")
    assert chat.session.person_id == SITI.id


@pytest.mark.parametrize("outcome", ["no_match", "borderline"])
def test_two_failures_lead_to_another_way_and_never_to_a_third_try(outcome: str) -> None:
    chat = two_photos(at_the_selfie()).job(outcome).expects("selfie.no_match_first")
    two_photos(chat).job(outcome).expects("selfie.failed", options=["yes", "later"])
    assert "Ibu tidak bersalah" in chat.text
    assert chat.session.person_id is None
    chat.sends_photo("again").expects("common.photo_not_now", "selfie.failed")
    chat.says("ya").expects("selfie.ticket_opened")
    assert chat.recorded("ticket.open")[0].data["kind"] == "face"
    assert chat.recorded("registration.hold")[0].data["reason"] == "face_failed"
    assert chat.done


def test_not_now_after_the_second_failure_keeps_the_case() -> None:
    chat = two_photos(two_photos(at_the_selfie()).job("no_match")).job("no_match").says("nanti saja")
    chat.expects("selfie.failed_later")
    assert not chat.recorded("ticket.open")
    assert chat.recorded("registration.hold")[0].data["name"] == "Siti Aminah"


def test_photos_of_two_people_count_as_a_failure() -> None:
    two_photos(at_the_selfie()).job("other_person").expects("selfie.other_person")


@pytest.mark.parametrize("outcome", ["not_turned", "same_photo"])
def test_a_head_that_is_not_turned_is_asked_for_again_with_the_first_photo_kept(outcome: str) -> None:
    chat = two_photos(at_the_selfie()).job(outcome).expects(f"selfie.{outcome}")
    chat.sends_photo("turned-2").job("received", received(9))
    data = chat.expects_command("face.verify").data
    assert (data["front"], data["turned"]) == (1, 9)


def test_a_fault_of_the_second_photo_asks_for_that_one_alone() -> None:
    chat = two_photos(at_the_selfie()).job("problem", {"problem": "blurred", "photo": "turned"})
    chat.expects("selfie.problem_blurred").sends_photo().job("received", received(8))
    assert chat.expects_command("face.verify").data["front"] == 1


def test_photos_that_cannot_be_compared_are_not_asked_for_without_end() -> None:
    chat = two_photos(at_the_selfie()).job("not_turned")
    chat.sends_photo().job("received", received(3)).job("same_photo")
    chat.sends_photo().job("received", received(4)).job("problem", {"problem": "dark"}).expects("selfie.slipped")
    chat.says("ya").expects("selfie.ticket_opened")


def test_a_pdf_for_the_second_photo_is_not_praised() -> None:
    chat = at_the_selfie().sends_photo().job("received", received(1)).sends("document")
    assert chat.keys == ["common.photo_step_document", "selfie.ask_turned"]


@pytest.mark.parametrize(
    ("outcome", "key"), [("ikd_inactive", "identify.ikd_inactive"), ("inactive_nik", "identify.inactive_nik")]
)
def test_what_ikd_learned_meanwhile_is_told(outcome: str, key: str) -> None:
    two_photos(at_the_selfie()).job(outcome).expects(key)


def test_a_comparison_out_of_order_keeps_the_photos() -> None:
    chat = two_photos(at_the_selfie()).job("failed").expects("selfie.unavailable", options=["continue", "later"])
    chat.says("lanjut")
    assert chat.expects_command("face.verify").data["front"] == 1


def test_the_outcome_that_comes_while_another_dialog_is_open_waits_for_its_turn() -> None:
    chat = two_photos(at_the_selfie())
    verify = chat.commands[-1]
    chat.says("menu").expects("menu.choose")
    chat.job("match", person=SITI, command=verify).expects_silence()
    chat.says("lanjutkan yang tadi").expects("selfie.match", "registration.ask_household")


def test_an_outcome_that_comes_twice_counts_once() -> None:
    chat = two_photos(at_the_selfie())
    verify = chat.commands[-1]
    chat.job("no_match", command=verify).expects("selfie.no_match_first")
    chat.job("no_match", command=verify).expects_silence()


def test_the_face_is_asked_for_by_a_photo_that_a_lost_job_never_brought() -> None:
    data: dict[str, Any] = {}
    at_the_selfie().sends_photo().job("failed", data).expects("selfie.problem_gone")
