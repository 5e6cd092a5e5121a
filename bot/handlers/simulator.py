"""The browser simulator as a channel: messages go to the pages that watch an address, photos wait in the sealed store.

It exists only with the sandbox. It stands where a provider would: the same inbox, turns and outbox as everybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from backend.bus import Bus, Hears
from backend.gateways.photo_store import PhotoMissing, PhotoStore
from bot.events import Choice, Event, PhotoRef, Photos, Started, Text
from bot.handlers.channel import FetchError, Inbound, Limits, Outgoing, Sent

NAME = "simulator"


class SimulatorChannel:
    """`watch` yields the ids of the messages that are sent from then on; what they say is read from the outbox.

    Pages and senders may be different processes: only ids go between them.
    """

    name = NAME
    limits = Limits(text=4096, buttons=10, title=64, per_second=100_000.0)

    def __init__(self, photos: PhotoStore, bus: Bus) -> None:
        self._photos = photos
        self._bus = bus

    async def send(self, message: Outgoing) -> Sent:
        """Tell every page that watches the address; nobody watching is no fault."""
        await self._bus.tell(_name(message.address), message.id)
        return Sent(f"sim-{message.id}", "delivered")

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        if photo.size is not None and photo.size > max_bytes:
            raise FetchError("larger than a photo may be", gone=True)
        try:
            data = await self._photos.get(photo.ref)
        except PhotoMissing as error:
            raise FetchError("not in the simulator's store", gone=True) from error
        if len(data) > max_bytes:
            raise FetchError("larger than a photo may be", gone=True)
        return data

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        for photo in photos:
            await self._photos.delete(photo.ref)

    async def keep(self, photo_id: str, data: bytes, content_type: str) -> PhotoRef:
        """Keep an uploaded photo until the photo job fetches it."""
        key = f"simulator/{photo_id}"
        await self._photos.put(key, data)
        return PhotoRef(key, content_type, len(data))

    def watch(self, address: str) -> AbstractAsyncContextManager[Hears]:
        return self._bus.hear(_name(address))


def _name(address: str) -> str:
    """The chat's name on the bus."""
    return f"simulator.{''.join(letter for letter in address if letter.isalnum())}"


def inbound(address: str, message_id: str, event: Event) -> Inbound:
    """What a page sends, as any other channel's message. `message_id` is unique per page and message."""
    return Inbound(NAME, address, message_id, event, message_ref=message_id)


def spoken(text: str) -> Event:
    """Typed words; `/start` opens the chat as Telegram does."""
    return Started() if text.strip() == "/start" else Text(text)


def tapped(payload: str, title: str) -> Event:
    return Choice(payload, title)


def pictured(photos: Sequence[PhotoRef], caption: str = "") -> Event:
    return Photos(tuple(photos), caption)
