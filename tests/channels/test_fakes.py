"""The fake providers keep the providers' rules: tests that lean on them lean on these."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
import pytest

from backend.gateways.http import HttpClient, Response
from bot.events import Choice, Photos, Text
from bot.handlers.channel import Button, Inbound, Outgoing, Receipt
from bot.handlers.telegram import TelegramChannel, callback_answer, check_secret, parse_update
from bot.handlers.whatsapp import WhatsAppChannel, check_signature, parse_message, parse_status
from tests.channels.conftest import PUBLIC_URL
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fake_twilio import FakeTwilio
from tests.fakes.server import Answer, HttpServer, Request, as_json
from tests.fakes.telegram_html import HtmlError, shown

SECRET = "rahasia-webhook-0123456789"


class Service:
    """The webhooks of a service, with the channels' own checks; `down` answers 503 that many times."""

    def __init__(self, twilio: FakeTwilio) -> None:
        self.inbound: list[Inbound] = []
        self.receipts: list[Receipt] = []
        self.down = 0
        self.server = HttpServer(self._handle)
        self._twilio = twilio

    async def _handle(self, request: Request) -> Answer:
        if self.down:
            self.down -= 1
            return Answer(503)
        if request.path == "/webhooks/telegram":
            return self._telegram(request)
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
        url = PUBLIC_URL + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        if not check_signature(self._twilio.auth_token, url, pairs, request.headers.get("x-twilio-signature")):
            return Answer(403)
        if request.path.endswith("/status"):
            self.receipts.append(parse_status(pairs, request.query))
        else:
            self.inbound += parse_message(pairs)
        return Answer(204)

    def _telegram(self, request: Request) -> Answer:
        if not check_secret(request.headers.get("x-telegram-bot-api-secret-token"), SECRET):
            return Answer(403)
        update = orjson.loads(request.body)
        self.inbound += parse_update(update)
        answer = callback_answer(update)
        return as_json(200, answer) if answer else Answer(200)


@pytest.fixture
async def service(twilio: FakeTwilio, telegram: FakeTelegram) -> AsyncIterator[Service]:
    service = Service(twilio)
    await service.server.start()
    telegram.point_at(service.server.url, SECRET)
    twilio.point_at(service.server.url, PUBLIC_URL)
    yield service
    await twilio.settle()
    await service.server.stop()


async def call(http: HttpClient, telegram: FakeTelegram, method: str, **parameters: Any) -> Response:
    return await http.request("POST", f"{telegram.url}/bot{telegram.token}/{method}", json=parameters)


async def test_a_tap_is_answered_by_the_webhooks_own_answer(
    service: Service, telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    siti = telegram.user(1)
    await siti.starts()
    await telegram_channel.send(Outgoing(1, "1", "Ya?", (Button("1:yes", "Ya"),)))
    await siti.hears()
    await siti.taps("Ya")
    assert service.inbound[-1].event == Choice("1:yes", "Ya")
    assert len(telegram.answered) == 1
    assert telegram.statuses == [200, 200]


async def test_a_webhook_with_another_secret_is_kept_out(service: Service, telegram: FakeTelegram) -> None:
    telegram.point_at(service.server.url, "salah")
    await telegram.user(1).says("halo")
    assert (telegram.statuses, service.inbound) == ([403], [])


async def test_what_was_not_taken_comes_again(twilio: FakeTwilio, telegram: FakeTelegram) -> None:
    async with FakeTelegram(redeliver_for=5) as patient:
        service = Service(twilio)
        await service.server.start()
        patient.point_at(service.server.url, SECRET)
        service.down = 3
        await patient.user(1).says("halo")
        assert [i.event for i in service.inbound] == [Text("halo")]
        await service.server.stop()


@pytest.mark.parametrize(
    ("parameters", "status", "description"),
    [
        ({"chat_id": 404, "text": "a"}, 400, "Bad Request: chat not found"),
        ({"chat_id": 1, "text": ""}, 400, "Bad Request: message text is empty"),
        ({"chat_id": 1, "text": "x" * 4097}, 400, "Bad Request: message is too long"),
        ({"chat_id": 1, "text": "a <b", "parse_mode": "HTML"}, 400, "Bad Request: can't parse entities"),
        (
            {
                "chat_id": 1,
                "text": "a",
                "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "é" * 33}]]},
            },
            400,
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        ({"chat_id": 2, "text": "a"}, 403, "Forbidden: bot was blocked by the user"),
    ],
)
async def test_telegram_refuses(
    telegram: FakeTelegram, http: HttpClient, parameters: dict[str, Any], status: int, description: str
) -> None:
    await telegram.user(1).starts()
    await telegram.user(2).starts()
    await telegram.user(2).blocks()
    response = await call(http, telegram, "sendMessage", **parameters)
    assert response.status == status
    assert response.json()["description"].startswith(description)
    assert telegram.sent == []


async def test_telegram_refuses_other_tokens_and_methods(telegram: FakeTelegram, http: HttpClient) -> None:
    assert (await http.request("POST", f"{telegram.url}/bot1:x/getMe")).status == 401
    assert (await call(http, telegram, "sendTelepathy")).status == 404
    telegram.point_at("https://contoh.go.id", "x")
    assert (await call(http, telegram, "getUpdates")).status == 409


@pytest.mark.parametrize("text", ["a < b", "<b>a", "a</b>", "<b><i>a</b></i>", "<x>a</x>"])
def test_telegram_does_not_guess_at_html(text: str) -> None:
    with pytest.raises(HtmlError):
        shown(text)


def test_telegram_shows_html() -> None:
    assert shown("<b>a &lt; b</b> &amp; <i>c</i> & d") == ("a < b & c & d", ("a < b",))


async def test_a_message_and_its_receipts_carry_our_id(
    service: Service, twilio: FakeTwilio, whatsapp_channel: WhatsAppChannel
) -> None:
    siti = twilio.user("+6281200000001")
    fields = await siti.says("halo")
    assert await siti.again(fields) == 204
    sent = await whatsapp_channel.send(Outgoing(7, siti.address, "Halo"))
    await twilio.settle()
    assert [i.provider_id for i in service.inbound] == [fields["MessageSid"]] * 2
    assert service.receipts == [Receipt(7, sent.provider_id, status) for status in ("sent", "delivered")]


@pytest.mark.parametrize("signature", ["", "c2FsYWg="])
async def test_an_unsigned_webhook_is_kept_out(service: Service, twilio: FakeTwilio, signature: str) -> None:
    fields = await twilio.user("+6281200000001").says("halo")
    assert await twilio.post(twilio.webhook, fields, signature=signature) == 403
    assert len(service.inbound) == 1


async def test_an_album_on_whatsapp_is_one_message_each(service: Service, twilio: FakeTwilio) -> None:
    await twilio.user("+6281200000001").sends_album([b"satu", b"dua"], "rekening")
    assert [type(i.event) for i in service.inbound] == [Photos, Photos]


async def test_a_medium_too_large_for_whatsapp_arrives_empty(service: Service, twilio: FakeTwilio) -> None:
    await twilio.user("+6281200000001").sends_photo(bytes(17 << 20))
    assert [type(i.event).__name__ for i in service.inbound] == ["Unsupported"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Body": "x" * 1601}, 21617),
        ({"Body": ""}, 21619),
        ({}, 21619),
        ({"ContentSid": "HX" + "0" * 32}, 21655),
        ({"Body": "a", "To": "+6281200000001"}, 21211),
        ({"Body": "a", "From": "whatsapp:+6281199999999"}, 63007),
    ],
)
async def test_twilio_refuses(twilio: FakeTwilio, http: HttpClient, fields: dict[str, str], code: int) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    form = {"To": "whatsapp:+6281200000001", "From": twilio.sender, **fields}
    auth = (twilio.account_sid, twilio.auth_token)
    response = await http.request("POST", url, form=form, auth=auth)
    assert (response.status, response.json()["code"]) == (400, code)
    assert (await http.request("POST", url, form=form)).status == 401


@pytest.mark.parametrize("variables", ['{"1": ""}', "not json", "[]", '{"1": 5}', '{"1": "%s"}' % ("x" * 1025)])
async def test_twilio_refuses_variables(
    twilio: FakeTwilio, http: HttpClient, whatsapp_channel: WhatsAppChannel, variables: str
) -> None:
    contents = await whatsapp_channel.sync_contents()
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/Messages.json"
    form = {"To": "whatsapp:+6281200000001", "From": twilio.sender, "ContentVariables": variables}
    form["ContentSid"] = contents["perlinsos_quick_reply_1_v1"]
    response = await http.request("POST", url, form=form, auth=(twilio.account_sid, twilio.auth_token))
    assert response.json()["code"] == 21656


async def test_content_resources_are_json_only(twilio: FakeTwilio, http: HttpClient) -> None:
    auth = (twilio.account_sid, twilio.auth_token)
    response = await http.request("POST", f"{twilio.url}/v1/Content", form={"friendly_name": "x"}, auth=auth)
    assert response.status == 415


async def test_the_fakes_keep_up_with_hundreds_of_chats(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    started = time.perf_counter()

    async def chat(number: int) -> None:
        person = telegram.user(number)
        await person.starts()
        await telegram_channel.send(Outgoing(number, str(number), "Halo"))
        await person.hears()

    await asyncio.gather(*(chat(number) for number in range(1, 301)))
    assert len(telegram.sent) == 300
    assert time.perf_counter() - started < 10
