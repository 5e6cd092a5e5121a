"""A running service with one faithful fake per provider in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from backend.gateways.http import HttpClient
from tests.e2e.people import Citizen, enrol, resident
from tests.e2e.running import SECRET, Service
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fake_twilio import FakeTwilio

PUBLIC = "https://perlinsos.banyuwangikab.example"
SAMPLES = {
    "Bambang Sutrisno": "hopper",
    "Nurhayati": "collins",
    "Andi Saputra": "hopper",
    "Agus Hariyanto": "hopper",
    "Rahmawati": "collins",
    "Aminah Siti": "collins",
    "Joko Prasetyo": "hopper",
    "Wahyuni": "collins",
}


@dataclass
class World:
    """The service, both providers, and people on one of the two."""

    service: Service
    telegram: FakeTelegram
    twilio: FakeTwilio
    http: HttpClient
    channel: str
    _numbers: count[int]

    def citizen(self, name: str) -> Citizen:
        """A resident with a phone of their own."""
        number = next(self._numbers)
        if self.channel == "telegram":
            return Citizen(self.telegram.user(5_200_000_000 + number, name), resident(name))
        return Citizen(self.twilio.user(f"+62812{number:08}", name), resident(name))


def settings_for(telegram: FakeTelegram, twilio: FakeTwilio) -> dict[str, str]:
    """Both providers switched on, at the fakes."""
    return {
        "public_url": PUBLIC,
        "telegram_mode": "webhook",
        "telegram_token": telegram.token,
        "telegram_secret": SECRET,
        "telegram_api_url": telegram.url,
        "twilio_account_sid": twilio.account_sid,
        "twilio_auth_token": twilio.auth_token,
        "twilio_from": twilio.sender,
        "twilio_api_url": twilio.url,
    }


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["telegram", "whatsapp"])
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, nlu_model: Path
) -> AsyncIterator[World]:
    async with FakeTelegram() as telegram, FakeTwilio() as twilio, HttpClient() as http:
        service = Service(
            tmp_path_factory.mktemp("service"), sandbox_recovers_after="8", **settings_for(telegram, twilio)
        )
        await asyncio.to_thread(service.start)
        try:
            telegram.point_at(service.url, SECRET)
            twilio.point_at(service.url, PUBLIC)
            for name, sample in SAMPLES.items():
                await enrol(http, service.url, name, sample)
            yield World(service, telegram, twilio, http, str(request.param), count(1))
        finally:
            await asyncio.to_thread(service.stop)
