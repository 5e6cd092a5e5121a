from __future__ import annotations

import pytest

from bot.effects import Record
from tests.conversation import Conversation
from tests.dialogs.appeals import good
from tests.dialogs.cases import BAMBANG, REFUSED, SITI, appeal, facts_of, proven

QUESTION = "Boleh minta foto meteran yang terbaca angkanya?"


def news(*statuses: str, outcome: str | None = None, reason: str = "", note: str = "") -> Conversation:
    told = appeal(*statuses, outcome=outcome, reason=reason, note=note)
    return proven(facts_of(BAMBANG, decision=REFUSED, appeal=told)).notice("appeal", {"appeal_id": 31})


def test_a_review_that_begins_is_told_and_needs_no_answer() -> None:
    chat = news("received", "in_review")
    chat.expects("appeal.state_in_review", options=[])
    assert chat.done


def test_a_question_is_shown_in_the_officers_words_and_answered_with_photos_and_words() -> None:
    chat = news("received", "need_more", note=QUESTION)
    chat.expects("appeal.need_more", options=["answer", "handover", "later"])
    assert f'Ada pertanyaan petugas tentang sanggah *SGH-4F7A-29*:\n"{QUESTION}"' in chat.text
    chat.says("jawab").expects("appeal.photos_asked")
    chat.sends_photo("a").job("received", good(61)).says("selesai").expects("appeal.statement_reply")
    chat.says("Ini fotonya, baru diambil tadi.").expects("appeal.added")
    assert chat.done
    added = {"appeal_id": 31, "photos": [61], "statement": "Ini fotonya, baru diambil tadi."}
    assert chat.recorded("appeal.add") == [Record("appeal.add", added)]


def test_an_answer_without_anything_in_it_is_not_sent() -> None:
    chat = news("received", "need_more", note=QUESTION).says("1").says("selesai").taps("skip")
    chat.expects("appeal.nothing_added", "appeal.need_more")
    assert chat.recorded("appeal.add") == []


def test_words_alone_are_an_answer() -> None:
    chat = news("received", "need_more", note=QUESTION).says("1").says("tidak ada foto").says("Meteran sudah dicabut.")
    chat.expects("appeal.added")
    assert chat.recorded("appeal.add")[0].data["photos"] == []


def test_a_question_can_wait_or_go_to_a_human() -> None:
    news("received", "need_more", note=QUESTION).says("nanti saja").expects("appeal.answer_later")
    chat = news("received", "need_more", note=QUESTION).taps("handover").expects("handover.ask_about")
    assert "SGH-4F7A-29" in chat.text


def test_an_answer_that_comes_after_the_decision_is_not_filed() -> None:
    chat = news("received", "need_more", note=QUESTION).says("1")
    chat.facts = facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received", "decided", outcome="rejected"))
    chat.says("selesai").says("Ini jawaban saya.").expects("appeal.not_added", "appeal.state_decided")
    assert chat.recorded("appeal.add") == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("upheld", "*sanggah diterima*"),
        ("partly", "*diterima sebagian*"),
        ("rejected", "*sanggah belum bisa diterima*"),
        ("withdrawn", "*dicabut*"),
        ("redirected", "*diteruskan ke kantor lain*"),
    ],
)
def test_every_outcome_is_told_with_its_reason_and_a_way_to_ask(outcome: str, words: str) -> None:
    chat = news("received", "in_review", "decided", outcome=outcome, reason="Hasil cek PLN 20 November.")
    chat.expects("appeal.state_decided", options=["handover", "enough"])
    assert words in chat.text
    assert "Alasannya: Hasil cek PLN 20 November." in chat.text
    chat.says("1").expects("handover.ask_about")
    assert "*SGH-4F7A-29*" in chat.text


def test_an_outcome_without_a_written_reason_is_told_all_the_same() -> None:
    chat = news("received", "decided", outcome="upheld")
    chat.expects("appeal.state_decided")
    assert "Alasannya" not in chat.text
    chat.says("cukup").expects("appeal.bye")
    assert chat.done


def test_markup_in_an_officers_words_cannot_pose_as_ours() -> None:
    chat = news("received", "need_more", note="*Tolong* kirim\n\n\u202e_foto KK_")
    assert '"Tolong kirim\nfoto KK"' in chat.text


def test_a_chat_that_is_not_the_appellants_learns_only_that_there_is_news() -> None:
    chat = proven(facts_of(SITI))
    chat.facts = facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received", "in_review"))
    chat.notice("appeal", {"appeal_id": 31}).expects("result.news")
    assert chat.done


def test_news_during_a_question_is_followed_by_the_question() -> None:
    chat = proven(facts_of(BAMBANG, decision=REFUSED, appeal=appeal("received", "in_review"))).says("lapor").says("4")
    chat.notice("appeal", {"appeal_id": 31}).expects("appeal.state_in_review", "report.describe_fraud")


def test_opened_without_an_appeal_it_leads_to_the_status() -> None:
    proven(facts_of(BAMBANG, decision=REFUSED)).taps("appeal_news", question=0).expects("result.refused")
