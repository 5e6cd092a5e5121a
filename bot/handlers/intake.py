"""From a webhook to the inbox: concurrent messages are stored in one transaction, then the doorbell rings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from backend import crypto, metrics
from backend.bus import Bus
from backend.db import Database
from backend.grouping import Grouped
from backend.repositories import conversations, inbox
from backend.tracing import new_trace
from bot.events import to_json
from bot.handlers.channel import Inbound

MOST_AT_ONCE = 512
MOST_CHATS_KNOWN = 200_000

_batch_size = metrics.BATCH_SIZE.labels("webhooks")

_Delivery = tuple[Sequence[Inbound], str]
"""What came together, and its trace."""


class Intake:
    """`accept` returns once the messages are committed; only then may a webhook answer 2xx."""

    def __init__(self, database: Database, bus: Bus, now: Callable[[], datetime]) -> None:
        self._database = database
        self._bus = bus
        self._now = now
        self._group: Grouped[_Delivery] = Grouped(self._flush, MOST_AT_ONCE)
        self._known: dict[tuple[str, bytes], int] = {}

    async def accept(self, inbounds: Sequence[Inbound], trace: str = "") -> None:
        """Store these messages, under this trace or a new one. Raises what the database raised: the provider will then
        deliver them again."""
        if inbounds:
            await self._group.add((inbounds, trace or new_trace()))

    @metrics.counted_as("webhooks")
    async def _flush(self, batch: list[_Delivery]) -> None:
        inbounds = [inbound for delivered, _ in batch for inbound in delivered]
        _batch_size.observe(len(inbounds))
        chats = await self._store(inbounds, [trace for delivered, trace in batch for _ in delivered])
        await self._bus.ring("turns", chats)

    async def _store(self, inbounds: Sequence[Inbound], traces: Sequence[str]) -> list[int]:
        now = self._now()
        keys = [(i.channel, crypto.ring().index("address", f"{i.channel}:{i.address}")) for i in inbounds]
        async with self._database.write() as connection:
            unknown = {
                key: {"address": inbound.address, "phone": inbound.phone}
                for key, inbound in zip(keys, inbounds, strict=True)
                if key not in self._known
            }
            if unknown:
                opened = await conversations.open_chats(connection, unknown, now)
            else:
                opened = {}
            ids = {**opened, **{key: self._known[key] for key in keys if key in self._known}}
            rows = [
                inbox.Arrival(ids[key], i.channel, i.provider_id, to_json(i.event), i.message_ref, trace)
                for key, i, trace in zip(keys, inbounds, traces, strict=True)
            ]
            chats = await inbox.insert_events(connection, self._database, rows, now)
        if len(self._known) > MOST_CHATS_KNOWN:
            self._known.clear()
        self._known.update(opened)
        return chats
