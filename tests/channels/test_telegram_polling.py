"""Long polling: the way in for a machine that Telegram cannot reach."""

from __future__ import annotations

import asyncio

import pytest

from bot.events import Choice, Event, Text
from bot.handlers.channel import Button, Inbound, Outgoing
from bot.handlers.telegram import TelegramChannel, poll_forever
from tests.fakes.fake_telegram import FakeTelegram

SITI = 5200000001


@pytest.fixture(autouse=True)
async def people(telegram: FakeTelegram) -> None:
    """Two updates wait before anybody polls."""
    for chat, name in ((SITI, "Siti Aminah"), (5200000012, "Wahyuni")):
        await telegram.user(chat, name).starts()


class Received:
    """What polling handed over."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.enough = asyncio.Event()
        self.wanted = 1

    async def __call__(self, batch: list[Inbound]) -> None:
        self.events += [inbound.event for inbound in batch]
        if len(self.events) >= self.wanted:
            self.enough.set()


async def test_polling_hands_over_once_answers_taps_and_stops(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    siti = telegram.user(SITI)
    await telegram_channel.send(Outgoing(1, str(SITI), "Ya?", (Button("1:yes", "Ya"),)))
    await siti.hears()
    received, stop = Received(), asyncio.Event()
    received.wanted = 5  # two greetings from the fixture, then these
    await siti.says("halo")
    await siti.taps("Ya")
    loop = asyncio.create_task(poll_forever(telegram_channel, received, stop))
    await asyncio.sleep(0.1)
    await siti.says("lagi")
    await asyncio.wait_for(received.enough.wait(), 5)
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(loop, 2)
    assert received.events[2:] == [Text("halo"), Choice("1:yes", "Ya"), Text("lagi")]
    assert len(telegram.answered) == 1


async def test_polling_outlives_trouble_and_takes_over_from_a_webhook(
    telegram: FakeTelegram, telegram_channel: TelegramChannel
) -> None:
    telegram.point_at("https://chat.contoh.go.id", "rahasia")
    telegram.fails("getUpdates", 502)
    received, stop = Received(), asyncio.Event()
    loop = asyncio.create_task(poll_forever(telegram_channel, received, stop))
    await asyncio.wait_for(received.enough.wait(), 5)
    stop.set()
    await asyncio.wait_for(loop, 2)
    assert "deleteWebhook" in [method for method, _ in telegram.calls]


async def test_what_was_not_stored_comes_again(
    telegram: FakeTelegram, telegram_channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    received, stop = Received(), asyncio.Event()
    tries = 0

    async def database_away_at_first(batch: list[Inbound]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("no database for NIK 3510164503870001")
        await received(batch)

    loop = asyncio.create_task(poll_forever(telegram_channel, database_away_at_first, stop))
    await asyncio.wait_for(received.enough.wait(), 5)
    stop.set()
    await asyncio.wait_for(loop, 2)
    assert (tries, len(received.events)) == (2, 2)
    assert "3510164503870001" not in caplog.text


async def test_polling_can_be_cancelled(telegram_channel: TelegramChannel) -> None:
    loop = asyncio.create_task(poll_forever(telegram_channel, Received(), asyncio.Event()))
    await asyncio.sleep(0.1)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
