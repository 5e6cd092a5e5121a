"""The browser simulator as a channel: messages go to the pages that watch an address, photos wait in the sealed store.

It exists only with the sandbox. It stands where a provider would: the same inbox, turns and outbox as everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backend.gateways.photo_store import PhotoMissing, PhotoStore
from bot.events import Choice, Event, PhotoRef, Photos, Started, Text
from bot.handlers.channel import FetchError, Inbound, Limits, Outgoing, Sent

NAME = "simulator"


class SimulatorChannel:
    """`watch` yields the messages that the sender hands over from then on; earlier ones are read from the outbox."""

    name = NAME
    limits = Limits(text=4096, buttons=10, title=64, per_second=100_000.0)

    def __init__(self, photos: PhotoStore) -> None:
        self._photos = photos
        self._watchers: dict[str, set[asyncio.Queue[Outgoing]]] = {}

    async def send(self, message: Outgoing) -> Sent:
        """Hand the message to every page that watches the address; nobody watching is no fault."""
        for queue in self._watchers.get(message.address, ()):
            queue.put_nowait(message)
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

    @asynccontextmanager
    async def watch(self, address: str) -> AsyncIterator[asyncio.Queue[Outgoing]]:
        queue: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._watchers.setdefault(address, set()).add(queue)
        try:
            yield queue
        finally:
            watchers = self._watchers[address]
            watchers.discard(queue)
            if not watchers:
                del self._watchers[address]


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
