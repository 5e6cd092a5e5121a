"""Every kind of webhook that Twilio posts for WhatsApp, recorded, and the event or receipt that it becomes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from bot.events import Choice, Event, Location, PhotoRef, Photos, Text, Unsupported
from bot.handlers.channel import Receipt
from bot.handlers.whatsapp_messages import check_signature, parse_message, parse_status, status_url

PAYLOADS = Path(__file__).parents[1] / "payloads" / "whatsapp"
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
URL = "https://chat.contoh.go.id/webhooks/whatsapp"


def medium(number: int, content_type: str = "image/jpeg") -> PhotoRef:
    return PhotoRef(f"MM{0x900 + number:032x}/Media/ME{0xE00 + number:032x}", content_type)


EVENTS: dict[str, Event | None] = {
    "text": Text("Saya mau daftar bantuan & sembako + PKH"),
    "text_empty": Text(""),
    "text_reply_quote": Text("yang ini"),
    "text_opaque_sender": Text("halo"),
    "text_without_type": Text("halo"),
    "text_forwarded": Text("info bansos"),
    "referral": Text("Halo, saya lihat iklan"),
    "button": Choice("12:no", "Bukan"),
    "button_without_payload": Text("Ya"),
    "list": Choice("4:result", "Lihat hasil"),
    "image": Photos((medium(0),)),
    "image_caption": Photos((medium(0),), caption="wajah saya"),
    "images_several": Photos((medium(0), medium(1, "image/png"), medium(3)), caption="rekening"),
    "image_heic_document": Photos((medium(0, "image/heic"),)),
    "image_without_media": Unsupported("other"),
    "image_foreign_address": Unsupported("other"),
    "sticker": Unsupported("sticker"),
    "voice": Unsupported("voice"),
    "audio": Unsupported("audio"),
    "video": Unsupported("video"),
    "document_pdf": Unsupported("document"),
    "contact": Unsupported("contact"),
    "location": Location(-8.219233, 114.369225),
    "location_named": Location(-8.2111, 114.3702),
    "location_blank": Text("halo"),
    "poll": Unsupported("poll"),
    "order": Unsupported("other"),
    "unsupported": Unsupported("other"),
    "reaction": None,
}

STATUSES: dict[str, tuple[str, str]] = {
    "status_queued": ("queued", ""),
    "status_sent": ("sent", ""),
    "status_delivered": ("delivered", ""),
    "status_read": ("read", ""),
    "status_undelivered": ("undelivered", "63024"),
    "status_failed_window": ("failed", "63016"),
}


def recorded(name: str) -> list[tuple[str, str]]:
    return parse_qsl((PAYLOADS / f"{name}.txt").read_text().strip(), keep_blank_values=True)


def signature(params: list[tuple[str, str]], url: str = URL, token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, dict(params)))


def test_every_recorded_payload_has_its_line() -> None:
    assert {path.stem for path in PAYLOADS.iterdir()} == set(EVENTS) | set(STATUSES)


@pytest.mark.parametrize("name", EVENTS)
def test_a_webhook_becomes_its_event(name: str) -> None:
    params = recorded(name)
    expected = EVENTS[name]
    inbound = parse_message(params)
    assert [i.event for i in inbound] == ([] if expected is None else [expected])
    sid = dict(params)["MessageSid"]
    for one in inbound:
        assert (one.channel, one.provider_id, one.message_ref) == ("whatsapp", sid, sid)


def test_a_conversation_is_keyed_on_the_address_whatever_it_is() -> None:
    (known,) = parse_message(recorded("text"))
    assert (known.address, known.phone) == ("whatsapp:+6281200000001", "+6281200000001")
    (opaque,) = parse_message(recorded("text_opaque_sender"))
    assert (opaque.address, opaque.phone) == ("whatsapp:ID.1357924680135792468", None)


@pytest.mark.parametrize("name", STATUSES)
def test_a_receipt_carries_our_id_and_theirs(name: str) -> None:
    status, error = STATUSES[name]
    sid = f"SM{0xABC:032x}"
    query = parse_qsl(status_url("https://chat.contoh.go.id/", 42).partition("?")[2])
    assert parse_status(recorded(name), query) == Receipt(42, sid, status, error)


@pytest.mark.parametrize("query", [[], [("outgoing", "")], [("outgoing", "-1")], [("outgoing", "x")], [("other", "1")]])
def test_a_receipt_without_our_id_is_known_by_theirs(query: list[tuple[str, str]]) -> None:
    receipt = parse_status(recorded("status_sent"), query)
    assert (receipt.outgoing_id, receipt.provider_id) == (None, f"SM{0xABC:032x}")


def test_receipts_come_to_a_public_address() -> None:
    assert (
        status_url("https://chat.contoh.go.id/", 7) == "https://chat.contoh.go.id/webhooks/whatsapp/status?outgoing=7"
    )


@pytest.mark.parametrize("name", ["text", "text_empty", "images_several", "location_blank", "status_read"])
def test_twilios_signature_opens_the_webhook(name: str) -> None:
    params = recorded(name)
    assert check_signature(TOKEN, URL, params, signature(params))


def test_the_signature_covers_the_query() -> None:
    params = recorded("status_sent")
    url = status_url("https://chat.contoh.go.id", 7)
    assert check_signature(TOKEN, url, params, signature(params, url))
    assert not check_signature(TOKEN, url.replace("=7", "=8"), params, signature(params, url))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://chat.contoh.go.id/webhooks/whatsapp", TOKEN),
        ("https://chat.contoh.go.id/webhooks/whatsapp/", TOKEN),
        ("https://chat.contoh.go.id/webhooks/whatsapp?a=1", TOKEN),
        ("https://lain.contoh.go.id/webhooks/whatsapp", TOKEN),
        (URL, "another account's token"),
    ],
)
def test_a_signature_for_another_address_or_account_is_refused(url: str, token: str) -> None:
    params = recorded("text")
    assert not check_signature(TOKEN, URL, params, signature(params, url, token))


@pytest.mark.parametrize("header", [None, "", "x", "=" * 28, "tanda-tangan-ä"])
def test_a_missing_or_wrong_signature_is_refused(header: str | None) -> None:
    assert not check_signature(TOKEN, URL, recorded("text"), header)


def test_blank_parameters_are_signed_and_changed_ones_are_refused() -> None:
    params = recorded("text_empty")
    without_blanks = [(name, value) for name, value in params if value]
    assert len(without_blanks) < len(params)
    assert not check_signature(TOKEN, URL, without_blanks, signature(params))
    assert not check_signature(TOKEN, URL, [*params, ("Body", "setuju")], signature(params))
    assert not check_signature(TOKEN, URL, [], signature(params))


def test_without_a_token_of_ours_nothing_is_signed() -> None:
    params = recorded("text")
    assert not check_signature("", URL, params, signature(params, token=""))
