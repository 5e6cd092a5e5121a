"""What holds for every dialog: global words, interruptions, old buttons, pauses, lateness, repetition."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot import events as ev
from bot import session as sessions
from bot.dialogs import DIALOGS, INTENTS, NOTICES
from bot.engine import advance
from bot.prompts import option_payload, read_payload
from tests.bot.people import ANDI_FOUND, ANDI_KK, ANDI_NIK, FACTS, SITI_FOUND, SITI_KK, SITI_NIK, siti_is_proven
from tests.conversation import CATALOGUE, START, Conversation, means

MAIN = ["registration", "status", "appeal", "more"]


def at_the_nik(**intents: str) -> Conversation:
    return Conversation(FACTS, means(**intents)).says("daftar").says("ya")


# --- global words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["menu", "MENU", "Menu utama", "menuu", "menu dong"])
def test_menu_at_any_step_keeps_the_journey(word: str) -> None:
    chat = at_the_nik().says(word).expects("menu.choose", options=["resume", *MAIN])
    chat.says("1").expects("identify.ask_nik")


def test_ulang_repeats_the_question_without_counting_as_a_mistake() -> None:
    chat = at_the_nik().says("ulang").expects("identify.ask_nik")
    assert chat.session.misses == 0


def test_bantuan_explains_the_step_and_asks_again() -> None:
    at_the_nik().says("bantuan").expects("identify.nik_help", "identify.ask_nik")
    Conversation(FACTS).says("bantuan").expects("menu.help", "menu.choose", options=MAIN)


def test_batal_asks_first_and_keeps_or_drops_the_whole_journey() -> None:
    chat = at_the_nik().says("batal").expects("flow.cancel", options=["yes", "no"])
    assert "Mau membatalkan pendaftaran?" in chat.text
    chat.says("tidak, lanjutkan").expects("identify.ask_nik")
    chat.says("batal").says("ya").expects("common.cancelled")
    assert chat.done


def test_batal_in_other_words_is_understood_too() -> None:
    at_the_nik(cancel="gak jadi ah males").says("gak jadi ah males").expects("flow.cancel")


def test_petugas_at_any_step_leads_to_a_human_and_back() -> None:
    chat = at_the_nik().says("petugas")
    assert chat.session.stack[-1].dialog == "handover"
    chat.says("batal")
    assert chat.session.stack[-1].dialog in {"cancel", "resume", "identify"}


def test_batal_with_nothing_open_shows_the_menu() -> None:
    Conversation(FACTS).says("batal").expects("menu.choose", options=MAIN)
    Conversation(FACTS, means(cancel="gak jadi ah")).says("gak jadi ah").expects("menu.choose", options=MAIN)


# --- interruptions -----------------------------------------------------------------------------------------------


def test_a_question_of_another_kind_is_answered_and_the_own_question_follows() -> None:
    chat = at_the_nik(ask_requirements="syaratnya apa").says("syaratnya apa")
    assert chat.keys == ["info.requirements", "identify.ask_nik"]


def test_small_talk_is_answered_in_a_word() -> None:
    at_the_nik(thanks="makasih").says("makasih").expects("small_talk.thanks", "identify.ask_nik")


def test_another_journey_first_then_the_interrupted_one_is_offered_again() -> None:
    chat = at_the_nik(complaint="lambat sekali").says("lambat sekali")
    assert chat.session.stack[-1].dialog == "complaint"
    chat.says("Sudah tiga hari tidak ada kabar").expects("flow.resume", options=["yes", "no"])
    assert "pendaftaran" in chat.text
    chat.says("ya").expects("identify.ask_nik")


def test_an_interrupted_journey_may_be_left() -> None:
    chat = at_the_nik(complaint="lambat sekali").says("lambat sekali").says("Sudah tiga hari tidak ada kabar")
    chat.says("tidak").expects("flow.left")
    assert chat.done


def test_a_text_that_may_mean_two_things_is_asked_back() -> None:
    unsure = ev.Understanding("nlu_fallback", 0.3, (("check_status", 0.3), ("ask_reason", 0.25), ("greet", 0.2)))
    chat = Conversation(FACTS, lambda _text: unsure).says("gimana ini saya kok belum")
    chat.expects("flow.clarify", options=["check_status", "ask_reason", "something_else"])
    assert chat.text == (
        "Maaf, saya belum paham. Maksud Bapak/Ibu yang mana?\n1. Melihat hasil pendaftaran\n"
        "2. Menanyakan alasan ditolak\n3. Yang lain"
    )
    chat.says("yang lain").expects("menu.choose", options=MAIN)
    chat.says("gimana ini saya kok belum").says("1")
    assert chat.session.stack[0].dialog == "status"


def test_what_is_hardly_meant_is_no_button() -> None:
    unsure = ev.Understanding("nlu_fallback", 0.6, (("out_of_scope", 0.6), ("complaint", 0.3), ("register", 0.02)))
    chat = Conversation(FACTS, lambda _text: unsure).says("waduh piye iki kok ngene")
    chat.expects("flow.clarify", options=["complaint", "something_else"])


@pytest.mark.parametrize("text", ["", "   ", "\U0001f600\U0001f600", "\u202e\u200b", "x" * 10_000, "?!"])
def test_a_text_that_means_nothing_gets_the_menu(text: str) -> None:
    chat = Conversation(FACTS).says(text).expects("menu.not_understood", "menu.choose", options=MAIN)
    assert len(chat.text) < 500


def test_lanjut_goes_on_with_the_registration_when_the_chat_is_at_rest() -> None:
    Conversation(FACTS).says("lanjut").expects("identify.consent_data")


def test_an_id_number_vanishes_from_the_chat_wherever_it_was_sent() -> None:
    assert Conversation(FACTS).says(f"cek nik saya {SITI_NIK}").turn.forget_message
    assert Conversation(FACTS).says("daftar").says(SITI_NIK).turn.forget_message
    assert not Conversation(FACTS).says("cek 123456").turn.forget_message


# --- buttons -----------------------------------------------------------------------------------------------------


def test_a_button_of_an_older_message_says_so_and_asks_the_present_question() -> None:
    chat = Conversation(FACTS).says("daftar")
    old = chat.session.asked
    assert old is not None
    chat.taps("yes").says(SITI_NIK).says(SITI_KK).job("found", SITI_FOUND)
    chat.taps("yes", question=old.number).expects("common.old_button", "identify.confirm", options=["yes", "no"])


def test_a_button_with_nothing_open_opens_its_dialog_or_the_menu() -> None:
    Conversation(FACTS).taps("registration", question=1).expects("identify.consent_data")
    for option_id in ("no", "resume", "identify", "selfie"):
        Conversation(FACTS).taps(option_id, question=1).expects("menu.old_button", "menu.choose")


def test_the_same_button_twice_is_one_answer() -> None:
    chat = Conversation(FACTS).says("daftar")
    number = chat.session.asked.number if chat.session.asked else 0
    chat.taps("yes", question=number).taps("yes", question=number).expects("common.old_button", "identify.ask_nik")
    assert len(chat.recorded("consent.give")) == 1


def test_a_payload_that_no_question_made() -> None:
    assert read_payload("menu") == (0, "menu")
    assert read_payload("x:y") == (0, "x:y")
    assert read_payload(option_payload(12, "yes")) == (12, "yes")


# --- what cannot be used -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["video", "voice", "audio", "document", "sticker", "contact", "poll", "file_too_large"]
)
def test_what_cannot_be_read_is_said_in_its_own_words(kind: str) -> None:
    at_the_nik().sends(kind).expects(f"common.unsupported_{kind}", "identify.ask_nik")
    Conversation(FACTS).sends(kind).expects(f"menu.unexpected_{kind}", "menu.choose")


def test_a_photo_where_words_are_needed() -> None:
    at_the_nik().sends_photo().expects("common.photo_not_now", "identify.ask_nik")
    Conversation(FACTS).sends_photo().expects("menu.unexpected_photo", "menu.choose")


def test_a_location_where_words_are_needed() -> None:
    at_the_nik().happens(ev.Location(-8.2, 114.3)).expects("common.location_not_now", "identify.ask_nik")
    Conversation(FACTS).happens(ev.Location(-8.2, 114.3)).expects("menu.unexpected_location", "menu.choose")


# --- pauses ------------------------------------------------------------------------------------------------------


def test_after_two_days_the_journey_is_offered_again_with_all_that_was_answered() -> None:
    chat = at_the_nik().says(SITI_NIK).waits(days=2).says("halo").expects("flow.resume_after_pause")
    assert "pendaftaran" in chat.text
    chat.says("ya").expects("identify.ask_kk")


def test_a_plain_answer_after_two_days_is_taken_at_once() -> None:
    at_the_nik().waits(days=2).says(SITI_NIK).expects("identify.ask_kk")
    Conversation(FACTS).says("daftar").waits(days=2).taps("yes").expects("identify.ask_nik")


def test_words_after_two_days_are_no_complaint() -> None:
    chat = Conversation(FACTS, means(complaint="lambat sekali")).says("lambat sekali").waits(days=2)
    chat.says("halo lagi").expects("flow.resume_after_pause")


def test_waiting_for_two_days_is_no_reason_to_ask_anything() -> None:
    at_the_nik().says(SITI_NIK).says(SITI_KK).waits(days=2).says("halo").expects("identify.look_up_busy")


def test_a_menu_left_open_is_simply_answered() -> None:
    Conversation(FACTS).opens().waits(days=2).says("1").expects("identify.consent_data")


# --- outcomes ----------------------------------------------------------------------------------------------------


def test_an_outcome_nobody_waits_for_any_more_changes_nothing() -> None:
    chat = at_the_nik().says(SITI_NIK).says(SITI_KK)
    late = chat.commands[-1]
    chat.says("batal").says("ya")
    before = chat.state
    chat.job("found", SITI_FOUND, command=late).expects_silence()
    assert chat.state == before


def test_an_outcome_of_an_earlier_look_up_is_not_taken_for_the_later_one() -> None:
    chat = at_the_nik().says(SITI_NIK).says(SITI_KK)
    first = chat.commands[-1]
    chat.job("not_together").says(ANDI_NIK).says(ANDI_KK)
    chat.job("found", SITI_FOUND, command=first).expects_silence()
    chat.job("found", ANDI_FOUND)
    assert "A*** S******" in chat.text


def test_blocking_the_bot_is_recorded_and_says_nothing() -> None:
    chat = at_the_nik().happens(ev.Reachability(False)).expects_silence()
    assert chat.recorded("conversation.reachable")[0].data == {"reachable": False}


# --- the whole ---------------------------------------------------------------------------------------------------


def test_a_turn_depends_on_its_arguments_alone() -> None:
    chat = siti_is_proven(Conversation(FACTS))
    before = chat.session
    event = CATALOGUE.resolve(ev.Text("3, 4"), before)
    assert advance(before, event, chat.facts, START) == advance(before, event, chat.facts, START)


def test_a_session_survives_json() -> None:
    chat = siti_is_proven(Conversation(FACTS))
    assert sessions.from_json(json.loads(json.dumps(sessions.to_json(chat.session)))) == chat.session
    assert sessions.from_json(None) == sessions.Session()
    with pytest.raises(ValueError, match="version"):
        sessions.from_json({"v": 99})


@pytest.mark.parametrize(
    "event",
    [
        ev.Started("x"), ev.Text("a", ev.Understanding("greet", 0.5, (("greet", 0.5),))), ev.Choice("1:yes", "Ya"),
        ev.Photos((ev.PhotoRef("r", "image/png", 3),), "c", "g"), ev.Location(1.0, 2.0), ev.Unsupported("video"),
        ev.JobFinished("a", "1", "b", {"c": 1}, 2), ev.Notice("decision", {"decision_id": 1}, 3), ev.Timeout("slow"),
        ev.Reachability(True),
    ],
)  # fmt: skip
def test_an_event_survives_json(event: ev.Event) -> None:
    assert ev.from_json(json.loads(json.dumps(ev.to_json(event)))) == event


def test_every_step_leads_only_to_steps_that_exist() -> None:
    for dialog in DIALOGS.values():
        assert dialog.start in dialog.steps
        for step in dialog.steps.values():
            assert set(step.to) <= set(dialog.steps), dialog.name


def test_every_intent_and_notice_opens_a_dialog_that_exists() -> None:
    assert {call.dialog for call in INTENTS.values()} <= set(DIALOGS)
    assert set(NOTICES.values()) <= set(DIALOGS)


def test_an_undeclared_step_is_refused_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    identify = DIALOGS["identify"]
    narrow = replace(identify.steps["consent"], to=())
    monkeypatch.setitem(DIALOGS, "identify", replace(identify, steps={**identify.steps, "consent": narrow}))
    with pytest.raises(ValueError, match="does not declare"):
        Conversation(FACTS).says("daftar").says("ya")
