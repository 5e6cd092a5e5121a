"""Every kind of update that Telegram posts, recorded, and the one event that it becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.events import Choice, Event, Location, PhotoRef, Photos, Reachability, Started, Text, Unsupported
from bot.handlers.telegram_updates import callback_answer, check_secret, parse_update

PAYLOADS = Path(__file__).parents[1] / "payloads" / "telegram"
LARGE = PhotoRef("AgACAgUAAxkBAAIBgWb-large", size=118210)
ALBUM = "13942518273645198"

EVENTS: dict[str, Event | None] = {
    "text": Text("Saya mau daftar bantuan <PKH> & sembako"),
    "text_nik": Text("3510164503870001"),
    "text_reply_quote": Text("yang ini"),
    "text_emoji": Text("🙏🙏"),
    "text_rtl": Text("\u202e0001\u202c"),
    "text_from_the_future": Text("halo"),
    "start": Started(),
    "start_payload": Started("PRL-7K2M-93"),
    "command": Text("bantuan"),
    "photo": Photos((LARGE,)),
    "photo_caption": Photos((LARGE,), caption="wajah saya"),
    "photo_album_first": Photos((LARGE,), caption="rekening listrik", group=ALBUM),
    "photo_album_second": Photos((PhotoRef("AgACAgUAAxkBAAIChWb-large", size=118210),), group=ALBUM),
    "photo_document": Photos((PhotoRef("BQACAgUAAxkBAAIBhGb-heic", "image/heic", 2310041),)),
    "photo_document_large": Unsupported("file_too_large"),
    "document_pdf": Unsupported("document"),
    "document_untyped": Unsupported("document"),
    "animation": Unsupported("video"),
    "sticker": Unsupported("sticker"),
    "voice": Unsupported("voice"),
    "audio": Unsupported("audio"),
    "video": Unsupported("video"),
    "video_note": Unsupported("video"),
    "contact_own": Unsupported("contact"),
    "contact_other": Unsupported("contact"),
    "poll": Unsupported("poll"),
    "poll_of_an_older_server": Unsupported("other"),
    "location": Location(-8.219233, 114.369225),
    "location_live": Location(-8.219233, 114.369225),
    "venue": Location(-8.2111, 114.3702),
    "dice": Unsupported("other"),
    "story": Unsupported("other"),
    "service_pinned": None,
    "unknown_content": None,
    "edited_at_once": Text("3510164503870001"),
    "edited_later": None,
    "edited_caption": None,
    "edited_live_location": None,
    "callback": Choice("12:no", "Bukan"),
    "callback_inaccessible": Choice("3:yes"),
    "callback_group": None,
    "callback_inline_mode": None,
    "callback_game": None,
    "blocked": Reachability(False),
    "unblocked": Reachability(True),
    "member_group": None,
    "group_message": None,
    "channel_post": None,
    "inline_query": None,
    "update_from_the_future": None,
    "malformed": None,
}


def recorded(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return data


def test_every_recorded_payload_has_its_line() -> None:
    assert {path.stem for path in PAYLOADS.iterdir()} == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_an_update_becomes_its_event(name: str) -> None:
    update = recorded(name)
    expected = EVENTS[name]
    inbound = parse_update(update)
    assert [i.event for i in inbound] == ([] if expected is None else [expected])
    for one in inbound:
        assert (one.channel, one.address, one.provider_id) == ("telegram", "5200000001", str(update["update_id"]))


def test_a_message_can_be_named_for_its_deletion_and_has_its_time() -> None:
    (inbound,) = parse_update(recorded("edited_at_once"))
    assert inbound.message_ref == "41"
    assert inbound.sent_at == datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


def test_a_tap_names_no_message_because_that_one_is_ours() -> None:
    (inbound,) = parse_update(recorded("callback"))
    assert inbound.message_ref == ""


def test_only_the_senders_own_contact_vouches_for_a_phone() -> None:
    assert [i.phone for i in parse_update(recorded("contact_own"))] == ["+6281200000001"]
    assert [i.phone for i in parse_update(recorded("contact_other"))] == [None]


@pytest.mark.parametrize("name", [n for n in EVENTS if n.startswith("callback")])
def test_every_tap_is_answered_wherever_it_came_from(name: str) -> None:
    assert callback_answer(recorded(name)) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "22333445566778899",
    }


@pytest.mark.parametrize("data", [{}, {"callback_query": None}, {"callback_query": {}}, {"message": {"text": "halo"}}])
def test_what_is_no_tap_needs_no_answer(data: dict[str, Any]) -> None:
    assert callback_answer(data) is None


@pytest.mark.parametrize("data", [{}, {"update_id": "x"}, {"update_id": 1, "message": []}, {"message": {"chat": 3}}])
def test_garbage_gives_nothing_and_breaks_nothing(data: dict[str, Any]) -> None:
    assert parse_update(data) == []


@pytest.mark.parametrize(
    ("header", "configured", "enters"),
    [
        ("rahasia-123", "rahasia-123", True),
        ("rahasia-124", "rahasia-123", False),
        ("rahasia-12", "rahasia-123", False),
        ("", "rahasia-123", False),
        (None, "rahasia-123", False),
        ("", "", False),
        (None, None, False),
        ("apa saja", "", False),
        ("käse", "rahasia-123", False),
    ],
)
def test_the_secret_opens_the_webhook(header: str | None, configured: str | None, enters: bool) -> None:
    assert check_secret(header, configured) is enters
