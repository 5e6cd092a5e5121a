"""Becoming a facilitator, as the chat tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.facts import FacilitatorFacts
from tests.bot.people import FACTS, SITI, proven_chat, two_photos
from tests.conversation import Conversation

DUTY = FacilitatorFacts(5, "Siti Aminah", "pkh", ("35.10",), datetime(2027, 5, 31, tzinfo=UTC))


def with_code(chat: Conversation, code: str = "7k2m 93ac") -> Conversation:
    return chat.says("kode pendamping").expects("duty.ask_code").says(code)


def at_bind(chat: Conversation) -> Conversation:
    """From the code to the face that has matched; Siti's."""
    with_code(chat).job("known")
    chat.expects("duty.now_you", "identify.consent_data")
    chat.says("ya").says("3510164503870001").says("3510160101100001")
    chat.job(
        "found",
        {
            "name": "Siti Aminah",
            "sex": "female",
            "birth_date": "1987-03-05",
            "region_code": "35.10.16",
            "ikd": "active",
        },
    )
    return two_photos(chat.says("ya").says("ya")).job("match", person=SITI)


def test_code_then_face_then_bound() -> None:
    chat = at_bind(Conversation(FACTS))
    assert chat.expects_command("facilitator.bind").data == {"code": "7K2M93AC", "person_id": 7}
    chat.job("bound", {"facilitator_id": 5}).expects("duty.bound")
    assert chat.session.duty == 5
    chat.facts = replace(chat.facts, facilitator=DUTY)
    chat.says("kode pendamping").expects("duty.already")


def test_the_face_check_is_made_for_the_duty() -> None:
    chat = at_bind(Conversation(FACTS))
    [check] = [command for command in chat.commands if command.kind == "face.verify"]
    assert check.data["act"] == "duty"


def test_whoever_was_proven_before_shows_their_face_again() -> None:
    chat = proven_chat()
    chat.waits(minutes=1)
    with_code(chat).job("known").expects("selfie.ask_front")
    two_photos(chat).job("match", person=SITI)
    chat.expects_command("facilitator.bind")


def test_what_does_not_fit_is_one_sentence() -> None:
    chat = with_code(Conversation(FACTS)).job("refused").expects("duty.refused")
    said = chat.text
    assert chat.done
    chat = at_bind(Conversation(FACTS)).job("refused").expects("duty.refused")
    assert chat.session.duty is None
    assert chat.text == said.replace("Bapak/Ibu", "Ibu")


def test_a_code_that_cannot_be_one_is_asked_again_and_the_message_vanishes() -> None:
    chat = Conversation(FACTS).says("kode pendamping").says("12345").expects("duty.code_form")
    assert chat.says("7K2M-93AC").turn.forget_message


def test_trouble_is_no_refusal() -> None:
    with_code(Conversation(FACTS)).job("failed").expects("duty.trouble")


def test_a_duty_that_is_over_ends_in_that_very_turn() -> None:
    chat = at_bind(Conversation(FACTS)).job("bound", {"facilitator_id": 5})
    chat.says("menu").expects("duty.ended", "menu.choose")
    assert chat.session.duty is None
    chat.says("menu").expects("menu.choose")
    assert "duty.ended" not in chat.keys
