"""The news of quota and payments: whoever is eligible hears what an import has changed, at the pace of the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories import benefits, jobs, outbox
from backend.repositories.jobs import JobDraft, JobRow
from backend.repositories.source_records import RunRow
from backend.services.selection_runs import MOST_WAITING, NEWS, PAUSE_S
from backend.services.work import Finished, Work
from bot.events import Notice

TELL_JOB = "benefits.tell"


async def begin_telling(connection: AsyncConnection, run: RunRow, now: datetime) -> None:
    """An import of quota or payments has ended: what it added or changed is told from here on."""
    await _queue(connection, run.id, run.started_at.isoformat(), 0, now)


async def tell(work: Work, job: JobRow, now: datetime) -> Finished:
    """`benefits.tell` {run_id, since, after}: the news of some people goes to their chats, then the next ones'."""
    run_id, since, after = job.data["run_id"], job.data["since"], job.data["after"]
    async with work.database.read() as connection:
        waiting = await outbox.waiting_now(connection, now, MOST_WAITING)
        news = await benefits.news_of(connection, run_id, datetime.fromisoformat(since), after, NEWS)
    if not news:
        return Finished("told")
    held_up = waiting >= MOST_WAITING
    if held_up:
        await asyncio.sleep(PAUSE_S)
    told = [] if held_up else news

    async def write(connection: AsyncConnection) -> Sequence[int]:
        return await _queue(connection, run_id, since, told[-1].id if told else after, now)

    # Several rows of one person are one piece of news: the chat says all that is known.
    chats = {one.person_id: one.conversation_id for one in told}
    notices = [
        (chat, f"benefit:{run_id}:{person_id}", Notice("benefit", {}, person_id)) for person_id, chat in chats.items()
    ]
    return Finished("waits" if held_up else "tells", notices=notices, write=write)


async def _queue(connection: AsyncConnection, run_id: int, since: str, after: int, now: datetime) -> Sequence[int]:
    draft = JobDraft(None, TELL_JOB, {"run_id": run_id, "since": since, "after": after})
    return await jobs.add(connection, [draft], now)
