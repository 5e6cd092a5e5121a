"""What the bus has given up on leaves everybody's way: its row is set aside, the citizen is told, a dead letter is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import metrics
from backend.bus import Bus, Topic
from backend.bus.retries import MOST_DELIVERIES
from backend.db import Database
from backend.repositories import dead, inbox, outbox
from bot import events as ev
from bot.effects import Say
from bot.texts import Catalogue


class SetAside:
    """Called with a topic, an id and the reason. Reads no content: that may be what nobody survives."""

    def __init__(self, database: Database, bus: Bus, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self._database = database
        self._bus = bus
        self._catalogue = catalogue
        self._now = now

    async def __call__(self, topic: Topic, known: int, reason: str) -> None:
        now = self._now()
        chats = [known] if topic in {"turns", "sends"} else []
        async with self._database.write() as connection:
            if topic == "turns":
                letter = await self._happening(connection, known, reason, now)
            elif topic == "sends":
                letter = await self._message(connection, known, reason)
            else:
                letter, chats = await self._job(connection, topic, known, reason, now)
            await dead.add(connection, [letter], now)
        metrics.DEAD_LETTERS.labels(topic).inc()
        if topic != "sends":  # what comes after it in this conversation, or the job's outcome
            await self._bus.ring("turns", chats)
        if chats:
            await self._bus.ring("sends", chats)

    async def _happening(self, connection: AsyncConnection, chat: int, reason: str, now: datetime) -> dead.Letter:
        row = await dead.set_aside_happening(connection, chat, reason, now)
        if row is None:
            return dead.Letter("turns", chat, None, "timer", reason, MOST_DELIVERIES)
        body = {"text": self._catalogue.text(Say("common.trouble")), "buttons": []}
        await outbox.add(connection, [outbox.Draft(chat, "reply", "common.trouble", body)], now)
        return dead.Letter("turns", chat, row[0], "unread", reason, row[1] + MOST_DELIVERIES)

    async def _message(self, connection: AsyncConnection, chat: int, reason: str) -> dead.Letter:
        row = await dead.set_aside_message(connection, chat, reason)
        if row is None:
            return dead.Letter("sends", chat, None, "", reason, MOST_DELIVERIES)
        return dead.Letter("sends", chat, row.id, row.texts, reason, row.attempts + MOST_DELIVERIES)

    async def _job(
        self, connection: AsyncConnection, topic: Topic, job_id: int, reason: str, now: datetime
    ) -> tuple[dead.Letter, list[int]]:
        row = await dead.set_aside_job(connection, job_id, reason, now)
        if row is None:
            return dead.Letter(topic, job_id, None, "", reason, MOST_DELIVERIES), []
        letter = dead.Letter(topic, job_id, job_id, row.kind, reason, row.attempts + MOST_DELIVERIES)
        if row.conversation_id is None or not row.token:
            return letter, []
        outcome = ev.to_json(ev.JobFinished(row.kind, row.token, "failed"))
        told = inbox.Arrival(row.conversation_id, "job", str(job_id), outcome, trace=row.trace)
        return letter, await inbox.insert_events(connection, self._database, [told], now)
