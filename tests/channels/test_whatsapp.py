"""The WhatsApp channel against a Twilio that refuses what the real one refuses."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from backend.gateways.http import HttpClient
from bot.events import Choice, PhotoRef, Photos
from bot.handlers import whatsapp_transport
from bot.handlers.channel import Button, FetchError, Outgoing, SendError
from bot.handlers.whatsapp import SyncError, WhatsAppChannel, error_for, parse_message
from bot.handlers.whatsapp_contents import definitions, fill
from tests.fakes.fake_twilio import FakeTwilio
from tests.fakes.server import Answer, Fault

SITI = "whatsapp:+6281200000001"
YES, NO = Button("12:yes", "Ya"), Button("12:no", "Tidak")
MENU = tuple(Button(f"4:menu{n}", f"Pilihan nomor {n} di sini") for n in range(1, 5))  # 23 characters each


def outgoing(text: str = "Halo", *buttons: Button, **rest: Any) -> Outgoing:
    return Outgoing(**{"id": 42, "address": SITI, "text": text, "buttons": buttons, **rest})


async def refused(channel: WhatsAppChannel, message: Outgoing) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(message)
    return caught.value


@pytest.fixture(autouse=True)
async def conversation(twilio: FakeTwilio) -> None:
    await twilio.user("+6281200000001").says("halo")


async def test_a_message_arrives_as_written_and_asks_for_its_receipt(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    sent = await whatsapp_channel.send(outgoing("Tolong kirim *NIK* <16 angka> & tunggu +1"))
    message = await twilio.user("+6281200000001").hears()
    assert message.text == "Tolong kirim *NIK* <16 angka> & tunggu +1"
    assert (sent.provider_id, sent.status) == (message.sid, "queued")
    assert message.callback == "https://chat.contoh.go.id/webhooks/whatsapp/status?outgoing=42"


@pytest.mark.parametrize("sender", ["+6281100000000", "whatsapp:+6281100000000"])
async def test_the_sender_is_named_either_way(twilio: FakeTwilio, http: HttpClient, sender: str) -> None:
    channel = WhatsAppChannel(twilio.account_sid, twilio.auth_token, sender, http, twilio.url)
    await channel.send(outgoing())
    assert (twilio.sent[-1].text, twilio.sent[-1].callback) == ("Halo", "")


async def test_opaque_addresses_are_answered_too(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    person = twilio.user("ID.1357924680135792468")
    (inbound,) = parse_message(list((await person.says("halo")).items()))
    await whatsapp_channel.send(outgoing(address=inbound.address))
    assert (await person.hears()).text == "Halo"


@pytest.mark.parametrize("length", [1, 1600])
async def test_text_up_to_the_limit_is_taken(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, length: int
) -> None:
    await whatsapp_channel.send(outgoing("x" * length))
    assert len(twilio.sent[-1].text) == length


@pytest.mark.parametrize("text", ["", " \n", "x" * 1601])
async def test_text_beyond_the_limits_is_not_even_sent(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, text: str
) -> None:
    error = await refused(whatsapp_channel, outgoing(text))
    assert (error.cause, error.retryable, twilio.calls) == ("text_length", False, [])


async def test_outside_the_window_free_text_stays_here(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    error = await refused(whatsapp_channel, outgoing(in_window=False))
    assert error.cause == "outside_window (63016)"
    assert (error.retryable, error.unreachable, error.maybe_sent) == (False, False, False)
    assert twilio.calls == []


async def test_a_deletion_does_nothing_successfully(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    await whatsapp_channel.send(outgoing("", kind="delete", delete_ref="SM1", in_window=False))
    assert twilio.calls == []


async def test_two_options_are_buttons_and_come_back(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    await whatsapp_channel.sync_contents()
    await whatsapp_channel.send(outgoing("Apakah itu Ibu sendiri?\n1. Ya\n2. Tidak", YES, NO))
    siti = twilio.user("+6281200000001")
    message = await siti.hears()
    assert (message.kind, message.text) == ("quick-reply", "Apakah itu Ibu sendiri?\n1. Ya\n2. Tidak")
    assert message.buttons == (("Ya", "12:yes"), ("Tidak", "12:no"))
    assert "Body" not in twilio.calls[-1][2]
    (inbound,) = parse_message(list((await siti.taps("Tidak")).items()))
    assert inbound.event == Choice("12:no", "Tidak")


async def test_many_or_longer_options_are_a_list_and_come_back(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    await whatsapp_channel.sync_contents()
    await whatsapp_channel.send(outgoing("Mau mulai dari mana?", *MENU))
    siti = twilio.user("+6281200000001")
    message = await siti.hears()
    assert (message.kind, len(message.buttons)) == ("list-picker", 4)
    (inbound,) = parse_message(list((await siti.taps(MENU[2].title)).items()))
    assert inbound.event == Choice("4:menu3", "Pilihan nomor 3 di sini")


async def test_without_resources_the_numbers_in_the_text_must_do(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    await whatsapp_channel.send(outgoing("Ya?\n1. Ya\n2. Tidak", YES, NO))
    assert (twilio.sent[-1].kind, twilio.sent[-1].text) == ("text", "Ya?\n1. Ya\n2. Tidak")


def titled(*titles: str) -> tuple[Button, ...]:
    return tuple(Button(f"1:{n}", title) for n, title in enumerate(titles))


@pytest.mark.parametrize(
    ("body", "buttons", "name"),
    [
        ("a", titled("Ya"), "perlinsos_quick_reply_1_v1"),
        ("a", titled("Ya", "x" * 20), "perlinsos_quick_reply_2_v1"),
        ("a", titled("Ya", "x" * 21), "perlinsos_list_2_v1"),
        ("a", titled("Ya", "x" * 24), "perlinsos_list_2_v1"),
        ("a", titled("Ya", "x" * 25), None),
        ("a", titled(*"abc"), "perlinsos_quick_reply_3_v1"),
        ("a", titled(*"abcd"), "perlinsos_list_4_v1"),
        ("a", titled(*"abcdefghij"), "perlinsos_list_10_v1"),
        ("a", titled(*"abcdefghijk"), None),
        ("a", titled("Ya", "Ya"), None),
        ("a", titled("Ya", " "), None),
        ("a", (Button("", "Ya"),), None),
        ("a", (), None),
        ("x" * 1019, titled("Ya"), "perlinsos_quick_reply_1_v1"),
        ("x" * 1020, titled("Ya"), None),
    ],
)
def test_which_resource_shows_which_options(body: str, buttons: tuple[Button, ...], name: str | None) -> None:
    filled = fill({name: name for name in definitions()}, body, buttons)
    assert (filled.sid if filled else None) == name


@pytest.mark.parametrize("count", range(1, 11))
@pytest.mark.parametrize("longest", [20, 24])
async def test_every_resource_shows_what_it_is_given(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, count: int, longest: int
) -> None:
    await whatsapp_channel.sync_contents()
    buttons = titled(*(f"{n:0{longest}d}" for n in range(count)))
    await whatsapp_channel.send(outgoing("Pilih {{1}}", *buttons))
    message = await twilio.user("+6281200000001").hears()
    assert message.buttons == tuple((b.title, b.payload) for b in buttons)


async def test_syncing_again_makes_nothing_twice(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    first = await whatsapp_channel.sync_contents()
    assert set(first) == set(definitions())
    assert len(twilio.contents) == 13
    del twilio.contents[first["perlinsos_list_3_v1"]]
    second = await whatsapp_channel.sync_contents()
    assert {name for name in first if first[name] != second[name]} == {"perlinsos_list_3_v1"}
    assert len(twilio.contents) == 13


async def test_a_refused_sync_says_so_without_details(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    twilio.fails("content", 429, 20429)
    with pytest.raises(SyncError):
        await whatsapp_channel.sync_contents()
    twilio.fails("content", 401, 20003, times=99)
    with pytest.raises(SyncError):
        await whatsapp_channel.sync_contents()


@pytest.mark.parametrize("code", [21655, 21656, 63021])
async def test_buttons_that_are_refused_become_plain_text(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, code: int
) -> None:
    await whatsapp_channel.sync_contents()
    twilio.fails("messages", 400, code)
    await whatsapp_channel.send(outgoing("Ya?\n1. Ya\n2. Tidak", YES, NO))
    assert [(m.kind, m.text) for m in twilio.sent] == [("text", "Ya?\n1. Ya\n2. Tidak")]


async def test_a_timeout_with_buttons_is_not_followed_by_plain_text(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whatsapp_channel.sync_contents()
    monkeypatch.setattr(whatsapp_transport, "_TIMEOUT_S", 0.1)
    twilio.hangs("messages", 0.4)
    error = await refused(whatsapp_channel, outgoing("Ya?", YES, NO))
    assert (error.maybe_sent, error.retryable) == (True, False)
    assert len(twilio.sent) == 1


NAMES = ("retryable", "unreachable", "maybe_sent", "whole_channel")


@pytest.mark.parametrize(
    ("status", "code", "flags"),
    [
        (400, 63016, set()),
        (400, 63024, {"unreachable"}),
        (400, 63003, {"unreachable"}),
        (400, 63014, {"unreachable"}),
        (400, 21610, {"unreachable"}),
        (400, 21211, {"unreachable"}),
        (400, 63007, {"retryable", "whole_channel"}),
        (429, 63018, {"retryable"}),
        (429, 20429, {"retryable", "whole_channel"}),
        (429, 429, {"retryable", "whole_channel"}),
        (429, 30001, {"retryable", "whole_channel"}),
        (400, 21611, {"retryable", "whole_channel"}),
        (401, 20003, {"retryable", "whole_channel"}),
        (400, 21617, set()),
        (400, 21656, set()),
        (400, 63028, set()),
        (400, 99999, set()),
        (500, 20500, {"maybe_sent"}),
        (503, 503, {"maybe_sent"}),
    ],
)
async def test_an_error_code_says_what_to_do(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, status: int, code: int, flags: set[str]
) -> None:
    twilio.fails("messages", status, code)
    error = await refused(whatsapp_channel, outgoing())
    assert {name for name in NAMES if getattr(error, name)} == flags
    assert (error.retry_after is not None) == error.retryable
    assert [call[:2] for call in twilio.calls] == [("messages", "POST")]  # never repeated here


async def test_a_wrong_token_of_ours_loses_nothing(twilio: FakeTwilio, http: HttpClient) -> None:
    channel = WhatsAppChannel(twilio.account_sid, "wrong", twilio.sender, http, twilio.url)
    error = await refused(channel, outgoing())
    assert (error.retryable, error.whole_channel) == (True, True)


async def test_an_unreadable_success_may_have_been_sent(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    twilio.faults.add(Fault("messages", Answer(201, b"<html>"), processed=True))
    assert (await refused(whatsapp_channel, outgoing())).maybe_sent


async def test_where_nobody_listens_nothing_was_sent(http: HttpClient) -> None:
    channel = WhatsAppChannel("AC1", "t", "+62811", http, "http://127.0.0.1:9")
    error = await refused(channel, outgoing())
    assert (error.retryable, error.maybe_sent) == (True, False)


@pytest.mark.parametrize(("blocked", "late", "error"), [(True, 0, "63024"), (False, 25 * 3600, "63016")])
async def test_what_whatsapp_refuses_later_is_known_by_its_code(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, blocked: bool, late: int, error: str
) -> None:
    twilio.user("+6281200000001").blocked = blocked
    twilio.advance(late)
    await whatsapp_channel.send(outgoing())
    await twilio.settle()
    assert twilio.sent[-1].error == error
    assert error_for(int(twilio.sent[-1].error)).unreachable is blocked


async def photo_of(twilio: FakeTwilio, data: bytes) -> PhotoRef:
    (inbound,) = parse_message(list((await twilio.user("+6281200000001").sends_photo(data)).items()))
    assert isinstance(inbound.event, Photos)
    return inbound.event.photos[0]


async def test_photos_are_fetched_and_credentials_stay_with_the_account(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    data = bytes(range(256)) * 40
    photo = await photo_of(twilio, data)
    assert "http" not in photo.ref
    assert await whatsapp_channel.fetch(photo, len(data)) == data
    assert twilio.leaks == []


async def test_a_photo_that_never_can_be_fetched_is_gone(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    photo = await photo_of(twilio, b"x" * 101)
    with pytest.raises(FetchError) as caught:
        await whatsapp_channel.fetch(photo, 100)
    assert (caught.value.gone, caught.value.cause) == (True, "too_large")
    await whatsapp_channel.forget([photo])
    with pytest.raises(FetchError) as caught:
        await whatsapp_channel.fetch(photo, 1000)
    assert (caught.value.gone, caught.value.cause) == (True, "download_404")


@pytest.mark.parametrize("ref", ["https://contoh.example/foto.jpg", "../Messages", "MM1/Media/ME1", ""])
async def test_only_the_accounts_own_media_are_asked_for(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, ref: str
) -> None:
    with pytest.raises(FetchError) as caught:
        await whatsapp_channel.fetch(PhotoRef(ref), 100)
    assert caught.value.gone
    await whatsapp_channel.forget([PhotoRef(ref)])
    assert twilio.calls == []


@pytest.mark.parametrize(("target", "status"), [("media", 500), ("media", 429), ("store", 503)])
async def test_a_photo_may_come_with_another_try(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, target: str, status: int
) -> None:
    photo = await photo_of(twilio, b"foto")
    twilio.fails(target, status)
    with pytest.raises(FetchError) as caught:
        await whatsapp_channel.fetch(photo, 1000)
    assert not caught.value.gone
    assert await whatsapp_channel.fetch(photo, 1000) == b"foto"


async def test_media_are_deleted_at_twilio(twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel) -> None:
    photos = [await photo_of(twilio, b"satu"), await photo_of(twilio, b"dua")]
    await whatsapp_channel.forget(photos)
    assert [photo.ref.rpartition("/")[2] for photo in photos] == twilio.forgotten
    await whatsapp_channel.forget(photos)  # gone already


async def test_media_that_could_not_be_deleted_are_tried_again(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    photo = await photo_of(twilio, b"foto")
    twilio.fails("media", 500)
    with pytest.raises(FetchError) as caught:
        await whatsapp_channel.forget([photo])
    assert not caught.value.gone


async def test_no_token_number_or_words_in_errors_or_logs(
    twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    photo = await photo_of(twilio, b"foto")
    await whatsapp_channel.send(outgoing("rahasia Ibu"))
    shown = ""
    for target, status, code in (("messages", 400, 99999), ("messages", 500, 0), ("media", 500, 0)):
        answer = Answer(status, f'{{"code": {code}, "message": "rahasia Ibu to {SITI}", "status": {status}}}'.encode())
        twilio.faults.add(Fault(target, answer))
        try:
            await (whatsapp_channel.fetch(photo, 9) if target == "media" else whatsapp_channel.send(outgoing("a")))
        except (SendError, FetchError):
            shown += traceback.format_exc()
    shown += caplog.text
    assert "SendError" in shown
    assert "FetchError" in shown
    assert "rahasia" not in shown
    assert SITI not in shown
    assert twilio.auth_token not in shown
