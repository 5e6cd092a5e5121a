"""The Telegram channel against a Bot API that refuses what the real one refuses."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from telegram.error import TelegramError

from backend.gateways.http import HttpClient
from bot.events import Choice, PhotoRef, Photos, Reachability
from bot.handlers import telegram_transport
from bot.handlers.channel import Button, FetchError, Outgoing, SendError
from bot.handlers.telegram import TelegramChannel, parse_update, to_html
from tests.channels.conftest import Clock
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.server import Answer, Fault

SITI = 5200000001
WAHYUNI = 5200000012


def outgoing(text: str = "Halo", *buttons: Button, chat: int = SITI, **rest: Any) -> Outgoing:
    return Outgoing(id=1, address=str(chat), text=text, buttons=buttons, **rest)


async def refused(channel: TelegramChannel, message: Outgoing) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(message)
    return caught.value


@pytest.fixture(autouse=True)
async def people(telegram: FakeTelegram) -> None:
    for chat, name in ((SITI, "Siti Aminah"), (WAHYUNI, "Wahyuni")):
        await telegram.user(chat, name).starts()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tolong kirim *NIK* Ibu.", "Tolong kirim <b>NIK</b> Ibu."),
        ("*Perlinsos*", "<b>Perlinsos</b>"),
        ("(*belum bisa menerima*).", "(<b>belum bisa menerima</b>)."),
        ("*a* dan *b*", "<b>a</b> dan <b>b</b>"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("*<b>*", "<b>&lt;b&gt;</b>"),
        ("5 * 3 * 2", "5 * 3 * 2"),
        ("satu bintang * saja", "satu bintang * saja"),
        ("*tak ditutup", "*tak ditutup"),
        ("S*** A*****", "S*** A*****"),
        ("nama *S*** A*****, Kecamatan", "nama *S*** A*****, Kecamatan"),
        ("2*3*4", "2*3*4"),
        ("*dua\nbaris*", "*dua\nbaris*"),
        ("**", "**"),
        ('"kutip"', '"kutip"'),
    ],
)
def test_bold_marks_become_html_and_nothing_else_does(text: str, expected: str) -> None:
    assert to_html(text) == expected


async def test_a_message_arrives_as_written(telegram: FakeTelegram, telegram_channel: TelegramChannel) -> None:
    sent = await telegram_channel.send(outgoing("Daya <1.300 VA> & *hasil*: S*** A*****"))
    message = await telegram.user(SITI).hears()
    assert message.text == "Daya <1.300 VA> & hasil: S*** A*****"
    assert message.bold == ("hasil",)
    assert (sent.provider_id, sent.status) == (str(message.id), "sent")
    assert telegram.calls[-1][1]["link_preview_options"] == {"is_disabled": True}


async def test_a_tapped_button_comes_back_with_its_title(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    await telegram_channel.send(outgoing("Ya?", Button("12:yes", "Ya, saya izinkan"), Button("12:no", "Tidak")))
    siti = telegram.user(SITI)
    message = await siti.hears()
    assert message.buttons == (("Ya, saya izinkan", "12:yes"), ("Tidak", "12:no"))
    keyboard = telegram.calls[-1][1]["reply_markup"]["inline_keyboard"]
    assert [len(row) for row in keyboard] == [1, 1]
    (inbound,) = parse_update(await siti.taps("Tidak"))
    assert inbound.event == Choice("12:no", "Tidak")


async def test_html_that_telegram_cannot_read_goes_plain(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    telegram.fails("sendMessage", 400, 'Bad Request: can\'t parse entities: unsupported start tag "x" at byte offset 3')
    await telegram_channel.send(outgoing("Ini *tebal*", Button("1:a", "A")))
    message = await telegram.user(SITI).hears()
    assert (message.text, message.bold, message.buttons) == ("Ini *tebal*", (), (("A", "1:a"),))


@pytest.mark.parametrize("text", ["x" * 4096, "a"])
async def test_text_up_to_the_limit_is_taken(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, text: str
) -> None:
    await telegram_channel.send(outgoing(text))
    assert telegram.sent[-1].text == text


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (outgoing(""), "text_length"),
        (outgoing(" \n "), "text_length"),
        (outgoing("x" * 4097), "text_length"),
        (outgoing("a", Button("x" * 65, "A")), "button_size"),
        (outgoing("a", Button("", "A")), "button_size"),
        (outgoing("a", Button("1:a", " ")), "button_size"),
    ],
)
async def test_what_telegram_would_refuse_is_not_even_sent(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, message: Outgoing, cause: str
) -> None:
    calls = len(telegram.calls)
    error = await refused(telegram_channel, message)
    assert (error.cause, error.retryable, error.maybe_sent) == (cause, False, False)
    assert len(telegram.calls) == calls


async def test_a_person_who_blocked_the_bot_is_unreachable(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    (gone,) = parse_update(await telegram.user(SITI).blocks())
    assert gone.event == Reachability(False)
    error = await refused(telegram_channel, outgoing())
    assert error.unreachable
    assert not error.retryable
    assert error.cause == "Forbidden: bot was blocked by the user"
    await telegram.user(SITI).unblocks()
    await telegram_channel.send(outgoing())


async def test_a_chat_that_never_was_is_unreachable(telegram_channel: TelegramChannel) -> None:
    assert (await refused(telegram_channel, outgoing(chat=404))).unreachable


@pytest.mark.parametrize(
    ("status", "description", "flags"),
    [
        (500, "Internal Server Error", {"maybe_sent": True}),
        (502, "Bad Gateway", {"maybe_sent": True}),
        (401, "Unauthorized", {"retryable": True, "whole_channel": True}),
        (400, "Bad Request: BUTTON_DATA_INVALID", {}),
        (418, "I'm a teapot", {}),
    ],
)
async def test_a_refusal_says_what_to_do(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, status: int, description: str, flags: dict[str, bool]
) -> None:
    telegram.fails("sendMessage", status, description)
    error = await refused(telegram_channel, outgoing())
    names = ("retryable", "maybe_sent", "unreachable", "whole_channel")
    assert {name: getattr(error, name) for name in names} == {**dict.fromkeys(names, False), **flags}


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>proxy</html>"), (200, b"[]"), (200, b'{"ok": true}'), (200, b""), (403, b"<html>proxy</html>")],
)
async def test_an_answer_that_is_not_the_bot_apis_may_have_been_a_success(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, status: int, body: bytes
) -> None:
    telegram.faults.add(Fault("sendMessage", Answer(status, body), processed=True))
    error = await refused(telegram_channel, outgoing())
    assert (error.maybe_sent, error.unreachable) == (True, False)


async def test_a_timeout_may_have_been_delivered(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_transport, "_TIMEOUT_S", 0.1)
    telegram.hangs("sendMessage", 0.4)
    error = await refused(telegram_channel, outgoing())
    assert (error.maybe_sent, error.retryable) == (True, False)
    assert len(telegram.sent) == 1


async def test_where_nobody_listens_nothing_was_sent(http: HttpClient) -> None:
    channel = TelegramChannel("1:a", http, "http://127.0.0.1:9")
    error = await refused(channel, outgoing())
    assert (error.maybe_sent, error.retryable) == (False, True)


async def test_a_chats_own_flood_pauses_that_chat(telegram: FakeTelegram, telegram_channel: TelegramChannel) -> None:
    telegram.fails("sendMessage", 429, "Too Many Requests: retry after 7", retry_after=7)
    error = await refused(telegram_channel, outgoing())
    assert (error.retryable, error.retry_after, error.whole_channel) == (True, 7, False)


async def test_two_quiet_chats_refused_at_once_mean_the_whole_bot(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, clock: Clock
) -> None:
    telegram.fails("sendMessage", 429, "Too Many Requests: retry after 3", retry_after=3, times=3)
    assert not (await refused(telegram_channel, outgoing(chat=SITI))).whole_channel
    assert (await refused(telegram_channel, outgoing(chat=WAHYUNI))).whole_channel
    clock.now += 10
    assert not (await refused(telegram_channel, outgoing(chat=SITI))).whole_channel


async def test_people_who_tap_like_mad_do_not_stop_the_others(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    for chat in (SITI, WAHYUNI):
        await telegram_channel.send(outgoing(chat=chat))
    telegram.fails("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30, times=2)
    for chat in (SITI, WAHYUNI):
        assert not (await refused(telegram_channel, outgoing(chat=chat))).whole_channel


async def test_a_429_of_something_in_between_still_says_wait(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    telegram.fails("sendMessage", 429, "slow down")
    assert (await refused(telegram_channel, outgoing())).retry_after == 1


async def test_the_message_with_the_nik_is_deleted(telegram: FakeTelegram, telegram_channel: TelegramChannel) -> None:
    (inbound,) = parse_update(await telegram.user(SITI).says("3510164503870001"))
    delete = outgoing("", kind="delete", delete_ref=inbound.message_ref)
    assert (await telegram_channel.send(delete)).status == "deleted"
    assert telegram.deleted == [(SITI, int(inbound.message_ref))]
    assert (await telegram_channel.send(delete)).status == "deleted"  # gone already


async def test_a_message_too_old_to_delete_is_no_trouble(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    (inbound,) = parse_update(await telegram.user(SITI).says("3510164503870001"))
    telegram.advance(49 * 3600)
    await telegram_channel.send(outgoing("", kind="delete", delete_ref=inbound.message_ref))
    assert telegram.deleted == []


async def test_a_deletion_that_fails_otherwise_is_told(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    telegram.fails("deleteMessage", 429, "Too Many Requests: retry after 2", retry_after=2)
    assert (await refused(telegram_channel, outgoing("", kind="delete", delete_ref="5"))).retryable


async def photo_of(telegram: FakeTelegram, data: bytes) -> PhotoRef:
    (inbound,) = parse_update(await telegram.user(SITI).sends_photo(data))
    assert isinstance(inbound.event, Photos)
    return inbound.event.photos[0]


async def test_the_largest_photo_is_fetched(telegram: FakeTelegram, telegram_channel: TelegramChannel) -> None:
    data = bytes(range(256)) * 40
    photo = await photo_of(telegram, data)
    assert photo.size == len(data)
    assert await telegram_channel.fetch(photo, len(data)) == data


async def test_an_album_keeps_together_and_files_keep_their_type(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    updates = await telegram.user(SITI).sends_album([b"satu", b"dua", b"tiga"], "listrik")
    events = [parse_update(update)[0].event for update in updates]
    assert all(isinstance(event, Photos) for event in events)
    assert len({event.group for event in events if isinstance(event, Photos)}) == 1
    (file,) = parse_update(await telegram.user(SITI).sends_file(b"heic", "image/heic", "a.heic"))
    assert isinstance(file.event, Photos)
    assert await telegram_channel.fetch(file.event.photos[0], 10) == b"heic"


async def test_a_photo_that_never_can_be_fetched_is_gone(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    photo = await photo_of(telegram, b"x" * 101)
    with pytest.raises(FetchError) as caught:
        await telegram_channel.fetch(photo, 100)
    assert (caught.value.gone, caught.value.cause) == (True, "too_large")
    telegram.fails("getFile", 400, "Bad Request: file is too big")
    with pytest.raises(FetchError) as caught:
        await telegram_channel.fetch(photo, 1000)
    assert (caught.value.gone, caught.value.cause) == (True, "File is too big")


@pytest.mark.parametrize(
    ("method", "status"), [("getFile", 502), ("getFile", 429), ("download", 404), ("download", 500)]
)
async def test_a_photo_may_come_with_another_try(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, method: str, status: int
) -> None:
    photo = await photo_of(telegram, b"foto")
    telegram.fails(method, status)
    with pytest.raises(FetchError) as caught:
        await telegram_channel.fetch(photo, 100)
    assert not caught.value.gone
    assert await telegram_channel.fetch(photo, 100) == b"foto"


async def test_no_token_and_no_words_in_errors_or_logs(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    photo = await photo_of(telegram, b"foto")
    secret_words = "NIK 3510164503870001"
    caplog.set_level(logging.DEBUG)
    shown = ""
    for method, status in (("sendMessage", 400), ("sendMessage", 500), ("sendMessage", 401), ("getFile", 400)):
        telegram.fails(method, status, f'Bad Request: wrong "{secret_words}" at {telegram.token}')
        try:
            await (telegram_channel.fetch(photo, 9) if method == "getFile" else telegram_channel.send(outgoing("a")))
        except (SendError, FetchError):
            shown += traceback.format_exc()
    telegram.faults.add(Fault("download", Answer(500, telegram.token.encode())))
    with pytest.raises(FetchError) as caught:
        await telegram_channel.fetch(photo, 9)
    shown += "".join(traceback.format_exception(caught.value)) + caplog.text
    assert telegram.token not in shown
    assert secret_words not in shown


async def test_the_webhook_is_set_with_its_secret(telegram: FakeTelegram, telegram_channel: TelegramChannel) -> None:
    await telegram_channel.set_webhook("https://chat.contoh.go.id/webhooks/telegram", "rahasia")
    method, parameters = telegram.calls[-1]
    assert method == "setWebhook"
    assert parameters["secret_token"] == "rahasia"
    assert parameters["allowed_updates"] == ["message", "edited_message", "callback_query", "my_chat_member"]
    with pytest.raises(TelegramError):
        await telegram_channel.set_webhook("http://tidak.aman/", "rahasia")


async def test_the_granted_rate_can_be_set(http: HttpClient) -> None:
    assert TelegramChannel("1:a", http).limits.per_second == 30
    assert TelegramChannel("1:a", http, per_second=1000).limits.per_second == 1000
