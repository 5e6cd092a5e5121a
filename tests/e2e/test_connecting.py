"""What an operator does to connect providers: long polling on a laptop, WhatsApp's tappable choices, a look at every part."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.conftest import PUBLIC, settings_for
from tests.e2e.running import SECRET, Service
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fake_twilio import FakeTwilio


async def test_a_laptop_without_a_public_address_fetches_its_messages(tmp_path: Path, nlu_model: Path) -> None:
    async with FakeTelegram() as telegram:
        service = Service(
            tmp_path, telegram_mode="polling", telegram_token=telegram.token, telegram_api_url=telegram.url
        )
        await asyncio.to_thread(service.start)
        try:
            siti = telegram.user(5_300_000_001)
            await siti.starts()
            welcome = await siti.hears()
            assert welcome.text.startswith("Selamat datang")
            await siti.taps("Daftar")
            assert "mengizinkan" in (await siti.hears()).text
            assert telegram.answered, "the tap was answered"
        finally:
            await asyncio.to_thread(service.stop)


async def test_choices_can_be_tapped_on_whatsapp_once_they_are_synchronised(tmp_path: Path, nlu_model: Path) -> None:
    async with FakeTelegram() as telegram, FakeTwilio() as twilio:
        service = Service(tmp_path, **settings_for(telegram, twilio))
        await asyncio.to_thread(service.command, "migrate")
        printed = await asyncio.to_thread(service.command, "whatsapp", "sync")
        again = await asyncio.to_thread(service.command, "whatsapp", "sync")
        assert len(twilio.contents) == 13, "made once, kept the second time"
        assert printed
        assert again
        await asyncio.to_thread(service.start)
        try:
            telegram.point_at(service.url, SECRET)
            twilio.point_at(service.url, PUBLIC)
            siti = twilio.user("+6281299990001")
            await siti.says("daftar")
            question = await siti.hears()
            assert [title for title, _ in question.buttons], "tappable, and numbered in the text as well"
            await siti.taps(question.buttons[0][0])
            assert "NIK" in (await siti.hears()).text
        finally:
            await asyncio.to_thread(service.stop)


async def test_the_doctor_finds_every_part_well_and_the_selection_says_what_it_did(
    tmp_path: Path, nlu_model: Path
) -> None:
    service = Service(tmp_path)
    await asyncio.to_thread(service.start)
    try:
        seen = await asyncio.to_thread(service.command, "doctor")
        for part in ("database", "bus", "store", "nlu", "ikd", "schema"):
            assert part in seen
        assert "ok" in seen
        assert await asyncio.to_thread(service.command, "select")
    finally:
        await asyncio.to_thread(service.stop)
