"""The real client and the fake providers, for the channel tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.gateways.http import HttpClient
from bot.handlers.telegram import TelegramChannel
from bot.handlers.whatsapp import WhatsAppChannel
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fake_twilio import FakeTwilio

PUBLIC_URL = "https://chat.contoh.go.id"


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telegram_channel(telegram: FakeTelegram, http: HttpClient, clock: Clock) -> TelegramChannel:
    return TelegramChannel(telegram.token, http, telegram.url, clock=clock)


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio() as fake:
        yield fake


@pytest.fixture
def whatsapp_channel(twilio: FakeTwilio, http: HttpClient) -> WhatsAppChannel:
    return WhatsAppChannel(twilio.account_sid, twilio.auth_token, twilio.sender, http, twilio.url, PUBLIC_URL)
