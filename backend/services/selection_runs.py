"""Selections of a region or of everybody, a page at a time, and the news of them at the pace of the channels.

A page is one transaction: its decisions together with the note how far the run has come. A run that is killed goes on after
the last page and ends like one that was never disturbed. Who is to hear of it hears afterwards, a few at a time: a chat that
somebody is typing in never queues behind a million results.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories import audit, jobs, outbox, registrations, selection_runs
from backend.repositories.jobs import JobDraft, JobRow
from backend.repositories.selection_runs import RunRow
from backend.services.announce import announce
from backend.services.selection import NoticeTo, PreparedPage, Selected, prepare_page, store_page
from backend.services.work import Finished, Work, Write
from bot.events import Notice

PAGE_JOB, TELL_JOB = "selection.page", "selection.tell"
LOCAL_PAGE, ASKED_PAGE = 1000, 32
"""Registrations a page: as many as pay off when nobody is asked, and so few that silent owners cost no lease of a job."""
NEWS, MOST_WAITING = 60, 60
"""How many are told at once, and how many messages may wait in the outbox before the next are."""
PAUSE_S = 1.0
AGAIN_AFTER = timedelta(minutes=15)
"""When those are looked at again whose source was silent."""


class RunMoved(Exception):
    """Another worker has taken this run further: what this one has found is given up."""


async def begin(connection: AsyncConnection, region: str, actor: str, now: datetime) -> tuple[RunRow, bool]:
    """The selection of this region ("": everywhere): the one under way, else a new one; whether it is new."""
    run = await selection_runs.running(connection, region)
    if run is not None:
        return run, False
    try:
        async with connection.begin_nested():
            run = await selection_runs.begin(connection, region, actor, now)
    except IntegrityError:
        run = await selection_runs.running(connection, region)
        if run is None:
            raise
        return run, False
    act = audit.Act(now, actor, "selection.started", f"region:{region}", {"run": run.id, "waiting": run.total})
    await audit.note(connection, [act])
    return run, True


async def enqueue(connection: AsyncConnection, region: str, actor: str, now: datetime) -> tuple[RunRow, list[int]]:
    """Begin a selection that the job workers carry out; the run, and the jobs to ring."""
    run, new = await begin(connection, region, actor, now)
    drafts = [JobDraft(None, kind, {"run_id": run.id}) for kind in (PAGE_JOB, TELL_JOB)] if new else []
    return run, await jobs.add(connection, drafts, now)


async def advance(work: Work, run: RunRow, now: datetime) -> RunRow:
    """Decide the next page of a run, or end it; the run afterwards. Raises RunMoved."""
    page = await _prepare(work, run, run.cursor, now)
    return await _store(work, run, page, now) if page is not None else await _end(work, run, now)


async def carry_out(work: Work, run: RunRow, clock: Callable[[], datetime]) -> AsyncIterator[RunRow]:
    """Decide all the pages of a run; the run after each of them. While the database writes one, the next is read and
    judged: no page depends on what the one before it decides. Raises RunMoved."""
    coming = asyncio.create_task(_prepare(work, run, run.cursor, clock()))
    try:
        while (page := await coming) is not None:
            coming = asyncio.create_task(_prepare(work, run, page.registration_ids[-1], clock()))
            run = await _store(work, run, page, clock())
            yield run
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
    yield await _end(work, run, clock())


async def _prepare(work: Work, run: RunRow, after: int, now: datetime) -> PreparedPage | None:
    """The page of the registrations with ids above `after`, judged; None where there are no more."""
    size = LOCAL_PAGE if work.sources.all_local else ASKED_PAGE
    async with work.database.read() as connection:
        ids = await registrations.submitted(connection, run.region_code, after, size)
    return await prepare_page(work, ids, now) if ids else None


async def _store(work: Work, run: RunRow, page: PreparedPage, now: datetime) -> RunRow:
    values: dict[str, Any] = {}

    async def note(connection: AsyncConnection, results: Sequence[Selected]) -> None:
        counts = Counter(one.outcome for one in results)
        for name in ("eligible", "not_eligible", "waiting", "skipped"):
            values[name] = getattr(run, name) + counts[name]
        values["silent"] = run.silent + sum(1 for one in results if one.silent)
        values.update(cursor=page.registration_ids[-1], updated_at=now)
        if not await selection_runs.advance(connection, run, values):
            raise RunMoved

    await store_page(work, page, now, run_id=run.id, also=note)
    return replace(run, **values)


async def _end(work: Work, run: RunRow, now: datetime) -> RunRow:
    values: dict[str, Any] = {"status": "done", "updated_at": now}
    counts = {"eligible": run.eligible, "not_eligible": run.not_eligible, "waiting": run.waiting}
    async with work.database.write() as connection:
        if not await selection_runs.advance(connection, run, values):
            raise RunMoved
        await audit.note(connection, [audit.Act(now, run.actor, "selection.done", f"region:{run.region_code}", counts)])
        if run.silent:
            again = JobDraft(None, PAGE_JOB, {"region": run.region_code}, not_before=now + AGAIN_AFTER)
            await jobs.add(connection, [again], now)
    return replace(run, **values)


async def run_page(work: Work, job: JobRow, now: datetime) -> Finished:
    """`selection.page` {run_id}, or {region} to begin anew: one page, then the next one as a job of its own."""
    if "region" in job.data:
        async with work.database.write() as connection:
            run, queued = await enqueue(connection, job.data["region"], "clock", now)
        return Finished("begun", {"run_id": run.id}, write=_also(queued))
    async with work.database.read() as connection:
        found = await selection_runs.by_id(connection, job.data["run_id"])
    if found is None or found.status != "running":
        return Finished("over")
    try:
        run = await advance(work, found, now)
    except RunMoved:
        return Finished("moved")

    async def write(connection: AsyncConnection) -> Sequence[int]:
        told_others = await announce(connection, now)
        following = [JobDraft(None, PAGE_JOB, {"run_id": run.id})] if run.status == "running" else []
        return [*await jobs.add(connection, following, now), *told_others]

    return Finished("page", write=write)


async def tell(work: Work, job: JobRow, now: datetime) -> Finished:
    """`selection.tell` {run_id}: the news of some decisions of a run goes to their chats, then the next ones'."""
    async with work.database.read() as connection:
        run = await selection_runs.by_id(connection, job.data["run_id"])
        waiting = await outbox.waiting_now(connection, now, MOST_WAITING)
        news = await selection_runs.untold(connection, run, NEWS) if run is not None else []
    if run is None or (not news and run.status != "running"):
        return Finished("told")
    if not news or waiting >= MOST_WAITING:
        await asyncio.sleep(PAUSE_S)
        return Finished("waits", write=_next(TELL_JOB, run.id, now))
    notices: list[NoticeTo] = [
        (one.conversation_id, f"decision:{one.decision_id}", _notice(one.decision_id, one.person_id))
        for one in news
        if one.conversation_id is not None
    ]
    queue = _next(TELL_JOB, run.id, now)

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await selection_runs.told(connection, run, news[-1].decision_id, len(notices))
        return await queue(connection)

    return Finished("tells", notices=notices, write=write)


def _notice(decision_id: int, person_id: int) -> Notice:
    return Notice("decision", {"decision_id": decision_id}, person_id)


def _next(kind: str, run_id: int, now: datetime) -> Write:
    async def write(connection: AsyncConnection) -> Sequence[int]:
        return await jobs.add(connection, [JobDraft(None, kind, {"run_id": run_id})], now)

    return write


def _also(queued: Sequence[int]) -> Write:
    async def write(connection: AsyncConnection) -> Sequence[int]:
        return queued

    return write
