"""From a webhook to the inbox: concurrent messages are stored in one transaction, then the doorbell rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from backend import crypto
from backend.bus import Bus
from backend.db import Database
from backend.repositories import conversations, inbox
from bot.events import to_json
from bot.handlers.channel import Inbound

MOST_AT_ONCE = 512
MOST_CHATS_KNOWN = 200_000


class Intake:
    """`accept` returns once the messages are committed; only then may a webhook answer 2xx.

    While one transaction is under way, what arrives meanwhile is gathered for the next: the group commit costs no delay
    when it is quiet and grows with the load.
    """

    def __init__(self, database: Database, bus: Bus, now: Callable[[], datetime]) -> None:
        self._database = database
        self._bus = bus
        self._now = now
        self._waiting: list[tuple[Sequence[Inbound], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._known: dict[tuple[str, bytes], int] = {}

    async def accept(self, inbounds: Sequence[Inbound]) -> None:
        """Store these messages. Raises what the database raised: the provider will then deliver them again."""
        if not inbounds:
            return
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((inbounds, stored))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await stored

    async def _flush(self) -> None:
        while self._waiting:
            batch = self._waiting[:MOST_AT_ONCE]
            del self._waiting[:MOST_AT_ONCE]
            try:
                chats = await self._store([inbound for inbounds, _ in batch for inbound in inbounds])
            except Exception as error:  # whatever it was, each webhook must hear of it
                for _, stored in batch:
                    if not stored.done():
                        stored.set_exception(error)
                continue
            for _, stored in batch:
                if not stored.done():
                    stored.set_result(None)
            await self._bus.ring("turns", chats)

    async def _store(self, inbounds: Sequence[Inbound]) -> list[int]:
        now = self._now()
        keys = [(i.channel, crypto.ring().index("address", f"{i.channel}:{i.address}")) for i in inbounds]
        async with self._database.write() as connection:
            unknown = {
                key: {"address": inbound.address, "phone": inbound.phone}
                for key, inbound in zip(keys, inbounds, strict=True)
                if key not in self._known
            }
            if unknown:
                opened = await conversations.open_chats(connection, self._database, unknown, now)
            else:
                opened = {}
            ids = {**opened, **{key: self._known[key] for key in keys if key in self._known}}
            rows = [
                inbox.Arrival(ids[key], i.channel, i.provider_id, to_json(i.event), i.message_ref)
                for key, i in zip(keys, inbounds, strict=True)
            ]
            chats = await inbox.insert_events(connection, self._database, rows, now)
        if len(self._known) > MOST_CHATS_KNOWN:
            self._known.clear()
        self._known.update(opened)
        return chats
