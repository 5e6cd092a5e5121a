"""The simulator as a channel: the same contract as a provider's, with pages in its place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend import crypto
from backend.bus import Hears
from backend.bus.memory import MemoryBus
from backend.gateways.photo_store import PhotoStore
from bot import events as ev
from bot.handlers.channel import Button, FetchError, Outgoing
from bot.handlers.simulator import SimulatorChannel, inbound, pictured, spoken, tapped

PHOTO = b"contoh foto"


@pytest.fixture
def channel(tmp_path: Path) -> SimulatorChannel:
    ring = crypto.ring()
    return SimulatorChannel(PhotoStore(f"file:{tmp_path}", ring.seal, ring.open), MemoryBus())


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def message(number: int, address: str = "a") -> Outgoing:
    return Outgoing(number, address, f"pesan {number}", (Button("1:yes", "Ya"),))


async def silent(page: Hears) -> bool:
    try:
        await asyncio.wait_for(page.get(), 0.02)
    except TimeoutError:
        return True
    return False


async def test_every_page_of_an_address_gets_each_message_in_order_and_nobody_else(channel: SimulatorChannel) -> None:
    async with channel.watch("a") as one, channel.watch("a") as two, channel.watch("b") as other:
        for number in (1, 2):
            assert (await channel.send(message(number))).status == "delivered"
        for page in (one, two):
            assert [await page.get(), await page.get()] == [1, 2]
        assert await silent(other)


async def test_a_page_that_was_closed_is_no_fault(channel: SimulatorChannel) -> None:
    async with channel.watch("a") as closed:
        pass
    assert (await channel.send(message(3))).provider_id == "sim-3"
    assert await silent(closed)


async def test_an_uploaded_photo_waits_sealed_until_it_is_fetched_and_forgotten(
    channel: SimulatorChannel, tmp_path: Path
) -> None:
    kept = await channel.keep("p1", PHOTO, "image/jpeg")
    assert (kept.content_type, kept.size) == ("image/jpeg", len(PHOTO))
    [file] = files(tmp_path)
    assert PHOTO not in file
    assert await channel.fetch(kept, 100) == PHOTO
    await channel.forget([kept])
    with pytest.raises(FetchError) as gone:
        await channel.fetch(kept, 100)
    assert gone.value.gone


@pytest.mark.parametrize("size", [len(PHOTO), None])
async def test_a_photo_larger_than_allowed_is_not_handed_out(channel: SimulatorChannel, size: int | None) -> None:
    kept = await channel.keep("p1", PHOTO, "image/jpeg")
    with pytest.raises(FetchError) as refused:
        await channel.fetch(ev.PhotoRef(kept.ref, kept.content_type, size), len(PHOTO) - 1)
    assert refused.value.gone


def test_what_a_page_sends_is_an_event_like_any_other() -> None:
    assert spoken(" /start ") == ev.Started()
    assert spoken("daftar") == ev.Text("daftar")
    assert tapped("1:yes", "Ya") == ev.Choice("1:yes", "Ya")
    photo = ev.PhotoRef("simulator/p1")
    assert pictured([photo], "ini") == ev.Photos((photo,), "ini")
    sent = inbound("a", "m1", ev.Text("halo"))
    assert (sent.channel, sent.address, sent.provider_id, sent.message_ref) == ("simulator", "a", "m1", "m1")
