from __future__ import annotations

import pytest

from bot.effects import Command
from tests.conversation import means
from tests.dialogs.appeals import at_photos, at_statement, bad, good
from tests.dialogs.cases import face_matches

# --- photos ----------------------------------------------------------------------------------------------------------


def test_photos_go_out_to_be_fetched_and_are_answered_once_they_were_looked_at() -> None:
    chat = at_photos().sends_photo("a", "b")
    chat.expects_silence()
    command = chat.expects_command("photo.receive")
    assert command.data["purpose"] == "evidence"
    assert [photo["ref"] for photo in command.data["photos"]] == ["a", "b"]
    chat.job("received", good(51, 52)).expects("appeal.photos_more", options=["done"])
    assert chat.text.startswith("Sudah ada 2 foto yang terbaca jelas.")


def test_an_album_in_separate_messages_gets_one_answer() -> None:
    chat = at_photos()
    for ref in ("a", "b", "c"):
        chat.sends_photo(ref, group="album").expects_silence()
    first, second, third = chat.commands[-3:]
    chat.job("received", good(52), command=second).expects_silence()
    chat.job("received", good(53), command=third).expects_silence()
    chat.job("received", good(51), command=first).expects("appeal.photos_more")
    assert "3 foto" in chat.text


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("dark", "terlalu gelap"),
        ("bright", "terlalu silau"),
        ("blurred", "buram"),
        ("small", "terlalu kecil"),
        ("too_small", "terlalu kecil"),
        ("too_large", "terlalu besar"),
        ("too_many_pixels", "terlalu besar"),
        ("unreadable", "tidak bisa kami buka"),
        ("video", "video"),
        ("pdf", "PDF"),
        ("animated", "gambar bergerak"),
        ("gone", "tidak sampai"),
    ],
)
def test_each_problem_of_a_photo_has_its_sentence_and_the_step_stays(problem: str, words: str) -> None:
    chat = at_photos().sends_photo().job("received", bad(problem))
    chat.expects(f"appeal.photo_{problem}", "appeal.photos_wanted")
    assert words in chat.text.split("\n")[0]


def test_the_right_photo_is_named_whatever_order_they_come_back_in() -> None:
    chat = at_photos().sends_photo("a").sends_photo("b").sends_photo("c")
    first, second, third = chat.commands[-3:]
    chat.job("received", good(53), command=third).job("received", bad("dark"), command=second)
    chat.job("received", bad("blurred"), command=first)
    chat.expects("appeal.photo_blurred", "appeal.photo_dark", "appeal.photos_more")
    assert chat.text.startswith("Foto nomor 1 buram")
    assert "Foto nomor 2 terlalu gelap" in chat.text
    assert "Sudah ada 1 foto" in chat.text


def test_photos_with_the_same_problem_share_a_sentence() -> None:
    problems = [{"id": None, "problem": "dark"}, {"id": 52, "problem": None}, {"id": None, "problem": "dark"}]
    chat = at_photos().sends_photo("a", "b", "c").job("received", {"photos": problems})
    chat.expects("appeal.photo_dark", "appeal.photos_more")
    assert chat.text.startswith("Foto nomor 1 dan 3 terlalu gelap.")


def test_an_album_of_twelve_keeps_ten_and_says_so() -> None:
    chat = at_photos().sends_photo(*(f"p{n}" for n in range(12)))
    chat.expects("appeal.photos_full")
    assert len(chat.expects_command("photo.receive").data["photos"]) == 10
    chat.job("received", good(*range(10))).expects("appeal.photos_enough")
    chat.sends_photo("more").expects("appeal.photos_full", "appeal.photos_enough")
    assert chat.turn.commands == ()


def test_twelve_single_photos_are_told_once_that_it_is_enough() -> None:
    chat = at_photos()
    for n in range(10):
        chat.sends_photo(f"p{n}").expects_silence()
    chat.sends_photo("p10").expects("appeal.photos_full")
    chat.sends_photo("p11").expects_silence()


def test_selesai_while_photos_are_still_fetched_goes_on_by_itself() -> None:
    chat = at_photos().sends_photo("a").sends_photo("b")
    first, second = chat.commands[-2:]
    chat.says("selesai").expects("appeal.photos_still")
    chat.job("received", good(51), command=first).expects_silence()
    chat.job("received", good(52), command=second).expects("appeal.statement_data_wrong")


def test_selesai_said_twice_waits_no_longer_and_a_late_photo_still_counts() -> None:
    chat = at_photos().sends_photo("a").says("selesai").says("selesai").expects("appeal.statement_data_wrong")
    chat.job("received", good(51)).expects_silence()
    face_matches(chat.says("Itu bukan rumah saya.")).expects("appeal.summary_data_wrong")
    assert "Foto: 1" in chat.text


def test_a_late_photo_that_is_bad_is_told_at_the_statement() -> None:
    chat = at_photos().sends_photo("a").says("selesai").says("selesai")
    chat.job("received", bad("dark")).expects("appeal.photo_dark", "appeal.statement_data_wrong")
    chat.sends_photo("b").expects_silence()
    chat.job("received", good(52)).expects_silence()
    chat.says("Itu bukan rumah saya.").expects("selfie.ask_front")
    assert chat.session.stack[0].answers["photos"] == [52]


def test_the_words_are_there_before_the_photo_is() -> None:
    chat = at_photos().sends_photo("a").says("selesai").says("selesai").says("Itu bukan rumah saya.")
    chat.expects("appeal.photos_still", options=["continue"])
    chat.job("received", good(51)).expects("selfie.ask_front")
    assert chat.session.stack[0].answers["photos"] == [51]


def test_nobody_waits_for_a_photo_that_never_comes() -> None:
    chat = at_photos().sends_photo("a").says("selesai").says("selesai").says("Itu bukan rumah saya.")
    chat.says("lanjut").expects("selfie.ask_front")
    assert chat.session.stack[0].answers["photos"] == []


def test_the_same_outcome_twice_counts_once() -> None:
    chat = at_photos().sends_photo("a")
    command = chat.commands[-1]
    chat.job("received", good(51), command=command).job("received", good(51), command=command).expects_silence()
    chat.says("selesai").says("cukup sekian ceritanya")
    assert chat.session.stack[0].answers["photos"] == [51]


def test_a_job_that_gave_up_is_a_photo_that_did_not_arrive() -> None:
    at_photos().sends_photo("a", "b").job("failed").expects("appeal.photo_gone", "appeal.photos_wanted")


def test_photos_of_a_cancelled_appeal_end_up_nowhere() -> None:
    chat = at_photos().sends_photo("a")
    late = chat.commands[-1]
    chat.says("batal").says("ya").says("sanggah").says("1")
    chat.job("received", good(51), command=late).expects_silence()
    assert chat.session.stack[-1].answers.get("photos", []) == []


def test_words_in_place_of_a_photo_are_answered_and_the_step_stays() -> None:
    chat = at_photos().says("listriknya punya orang lain").expects("appeal.photo_wanted", options=["done"])
    chat.sends("video").expects("common.photo_step_video", "appeal.photos_wanted")


@pytest.mark.parametrize("text", ["ini fotonya", "bentar ya saya foto dulu", "oke"])
def test_words_about_the_photos_lead_nowhere_else(text: str) -> None:
    chat = at_photos()
    chat.understands = means(face_problem="ini fotonya", appeal="bentar ya saya foto dulu", affirm="oke")
    chat.says(text).expects("appeal.photo_wanted", options=["done"])


@pytest.mark.parametrize("text", ["gak punya foto", "tidak ada bukti", "lanjut", "tidak ada"])
def test_there_are_many_ways_to_say_that_there_is_no_photo(text: str) -> None:
    at_photos().says(text).expects("appeal.without_photos", "appeal.statement_data_wrong")


def test_without_any_photo_one_may_go_on() -> None:
    at_photos().says("tidak ada foto").expects("appeal.without_photos", "appeal.statement_data_wrong")
    at_photos().says("selesai").expects("appeal.without_photos", "appeal.statement_data_wrong")


def test_a_caption_becomes_part_of_the_statement() -> None:
    chat = at_photos().sends_photo("a", caption="ini meteran saya").job("received", good(51))
    face_matches(chat.says("selesai").taps("skip")).expects("appeal.summary_data_wrong")
    assert "Penjelasan: ini meteran saya" in chat.text


def test_help_at_the_photos_says_how_to_take_one() -> None:
    at_photos().says("bantuan").expects("appeal.help_photos", "appeal.photos_wanted")


def test_an_interruption_keeps_photos_that_arrive_meanwhile() -> None:
    chat = at_photos().sends_photo("a")
    chat.understands = means(check_authenticity="ini resmi?", thanks="oke makasih")
    command = chat.commands[-1]
    chat.says("petugas").expects("handover.ask")
    chat.job("received", bad("dark"), command=command).expects_silence()
    chat.taps("skip").expects("handover.open", "flow.resume")
    chat.says("ya").expects("appeal.photo_dark", "appeal.photos_wanted")
    chat.says("ini resmi?").expects("info.authenticity", "appeal.photos_wanted")


def test_days_later_it_goes_on_where_it_was() -> None:
    chat = at_photos().sends_photo("a").job("received", good(51)).waits(days=3)
    chat.says("halo").expects("flow.resume_after_pause")
    chat.says("ya").expects("appeal.photos_more")


def test_the_wish_to_appeal_during_an_appeal_asks_the_open_question_again() -> None:
    chat = at_photos().sends_photo("a").job("received", good(51))
    chat.says("sanggah").expects("appeal.photos_more")


# --- own words -------------------------------------------------------------------------------------------------------


def test_a_story_that_is_too_long_is_not_cut_but_asked_to_be_shortened() -> None:
    chat = at_statement().says("x" * 10_000)
    chat.expects("appeal.statement_long")
    assert "10.000 huruf, paling banyak 1.500" in chat.text
    chat.says("Pendek saja.").expects("selfie.ask_front")


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "\u202e\u202d", "..."])
def test_no_words_are_no_statement(text: str) -> None:
    at_statement().says(text).expects("appeal.statement_words")


def test_a_statement_is_not_searched_for_other_wishes() -> None:
    chat = at_statement()
    chat.understands = means(ask_payment="Kapan cair, listrik itu bukan punya saya")
    chat.says("Kapan cair, listrik itu bukan punya saya").expects("selfie.ask_front")


def test_the_statement_may_be_left_out() -> None:
    chat = face_matches(at_statement().says("tanpa penjelasan")).expects("appeal.summary_data_wrong")
    assert "Penjelasan: tidak ada" in chat.text


def test_a_long_statement_is_shortened_in_the_summary_only() -> None:
    story = "kata " * 100
    chat = face_matches(at_statement().says(story)).expects("appeal.summary_data_wrong")
    assert "…" in chat.text
    chat.says("1")
    assert chat.recorded("appeal.file")[0].data["statement"] == story.strip()


def test_the_command_of_a_photo_names_it_and_carries_no_bytes() -> None:
    command = at_photos().sends_photo("telegram-file-id").expects_command("photo.receive")
    assert command == Command(
        "photo.receive",
        {"photos": [{"ref": "telegram-file-id", "content_type": "image/jpeg", "size": None}], "purpose": "evidence"},
        token=command.token,
        note=0,
    )
