"""Status receipts of the providers, from the webhook to the outbox: concurrent ones are written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from backend import metrics
from backend.db import Database
from backend.grouping import Grouped
from backend.repositories import receipts
from backend.repositories.receipts import Word
from bot.handlers.channel import Receipt

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 512
PAUSES = (0.05, 0.2, 1.0)
"""Seconds between tries while a sender is settling the message: that takes as long as a commit."""


@dataclass(slots=True)
class _Told:
    word: Word
    busy: bool = False


class Receipts:
    """`take` returns once the receipt is committed; only then may a webhook answer 2xx.

    One for a message that is not ours is passed over: providers repeat and mix them.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._group: Grouped[_Told] = Grouped(self._flush, MOST_AT_ONCE)

    async def take(self, receipt: Receipt) -> None:
        """Apply a receipt, forward only. Raises what the database raised."""
        told = _Told(Word(receipt.outgoing_id, receipt.provider_id, receipt.status, receipt.error))
        for pause in PAUSES:
            await self._group.add(told)
            if not told.busy:
                return
            await asyncio.sleep(pause)
        # Alone it can wait for the message's lock: who holds a single one stops nobody in a circle.
        await self._apply([told], wait=True)

    @metrics.counted_as("webhooks")
    async def _flush(self, group: list[_Told]) -> None:
        await self._apply(group, wait=False)

    async def _apply(self, group: list[_Told], *, wait: bool) -> None:
        async with self._database.write() as connection:
            now = self._now().astimezone(UTC)
            unknown, busy = await receipts.apply(connection, [told.word for told in group], now, wait=wait)
        for told in group:
            told.busy = told.word in busy
        for word in unknown:
            log.info("receipt_unknown", outgoing=word.outgoing_id, status=word.status)
