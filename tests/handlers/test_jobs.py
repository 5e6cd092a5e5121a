"""The job worker: an outcome once, whatever fails, waits, hangs or is repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from backend.db import Database
from backend.loops import Duty, Loops
from backend.models import Job, table
from backend.repositories import dead, jobs
from backend.repositories.jobs import JobDraft, JobRow
from backend.services.work import Finished, TryLater
from bot import events as ev
from bot.handlers.jobs import LONGEST_BACK_OFF, MOST_AT_ONCE, MOST_LOSSES, MOST_TRIES, WORN_OUT, JobWorker
from tests.handlers.support import INBOX, Bench

JOBS = table(Job)
NIK = "3510164503870001"
Act = Callable[[JobRow], Awaitable[Finished]]


async def done(_: JobRow) -> Finished:
    return Finished("received")


class Desk:
    """A worker whose jobs do what the test says, and one chat `a` that asks for them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.act: Act = done
        self.acts: dict[int, Act] = {}
        self.ran: list[int] = []
        self.worker = self.another()

    def another(self) -> JobWorker:
        """A worker as in another process."""
        return JobWorker(self.bench.database, self.bench.bus, {"photo.receive": self._execute}, self.bench.clock)

    async def _execute(self, job: JobRow, _now: datetime) -> Finished:
        self.ran.append(job.id)
        return await self.acts.get(job.id, self.act)(job)

    async def queue(self, *tokens: str) -> list[int]:
        async with self.bench.database.write() as connection:
            drafts = [JobDraft(1, "photo.receive", {"nik": NIK}, token) for token in tokens]
            return await jobs.add(connection, drafts, self.bench.clock())

    async def work(self, *ids: int) -> None:
        await self.worker.run(ids)

    async def begins(self, *ids: int) -> asyncio.Task[None]:
        """Until all of them are under way."""
        before = len(self.ran)
        task = asyncio.create_task(self.worker.run(ids))
        async with asyncio.timeout(5):
            while len(self.ran) < before + len(ids):  # noqa: ASYNC110 - a job has no event
                await asyncio.sleep(0.005)
        return task

    async def outcomes(self) -> list[tuple[str, str]]:
        """(token, outcome) of every outcome that the chat has been told, in order."""
        async with self.bench.database.read() as connection:
            found = await connection.execute(select(INBOX.c.event).where(INBOX.c.channel == "job").order_by(INBOX.c.id))
            told = [ev.from_json(event) for event in found.scalars()]
        return [(event.token, event.outcome) for event in told if isinstance(event, ev.JobFinished)]

    async def row(self, job_id: int) -> dict[str, Any]:
        async with self.bench.database.read() as connection:
            return dict((await connection.execute(select(JOBS).where(JOBS.c.id == job_id))).mappings().one())


@pytest.fixture
async def desk(database: Database) -> Desk:
    bench = Bench(database)
    await bench.arrives("a", ev.Started())
    await bench.work()
    return Desk(bench)


async def test_an_outcome_comes_once_and_the_data_of_the_job_are_gone(desk: Desk) -> None:
    [job] = await desk.queue("1")
    await desk.work(job)
    await desk.work(job, job)
    assert (await desk.outcomes(), desk.ran) == ([("1", "received")], [job])
    assert ((await desk.row(job))["status"], (await desk.row(job))["data"]) == ("done", {})
    assert await desk.bench.rung("turns") == [1]


async def test_two_workers_on_the_same_jobs_run_each_once(desk: Desk) -> None:
    ids = await desk.queue(*map(str, range(8)))
    other = desk.another()
    await asyncio.gather(desk.worker.run(ids), other.run(ids), desk.worker.run(ids))
    assert sorted(desk.ran) == ids
    assert sorted(await desk.outcomes()) == [(str(n), "received") for n in range(8)]


async def test_a_job_whose_worker_came_back_late_is_told_once(desk: Desk) -> None:
    """A worker is silent for so long that another one takes the job; then both finish, and both would write."""
    [job] = await desk.queue("1")
    written: list[str] = []
    release = asyncio.Event()

    def writing(name: str) -> Finished:
        async def write(_: AsyncConnection) -> Sequence[int]:
            written.append(name)
            return ()

        return Finished("received", write=write)

    async def slow(_: JobRow) -> Finished:
        await release.wait()
        return writing("slow")

    async def quick(_: JobRow) -> Finished:
        return writing("quick")

    desk.act = slow
    late = await desk.begins(job)
    desk.bench.clock.time += jobs.LEASE + timedelta(seconds=1)
    desk.act = quick
    other = desk.another()
    await other.run([job])
    release.set()
    await late
    assert (await desk.outcomes(), written) == ([("1", "received")], ["quick"])


async def test_outside_trouble_is_waited_for_as_long_as_it_takes_with_growing_pauses(desk: Desk) -> None:
    async def busy(_: JobRow) -> Finished:
        raise TryLater("IKD does not answer")

    desk.act = busy
    [job] = await desk.queue("1")
    pauses = []
    for _ in range(12):
        await desk.work(job)
        due = (await desk.row(job))["not_before"]
        pauses.append((due - desk.bench.clock()).total_seconds())
        tries = len(desk.ran)
        await desk.work(job)
        assert len(desk.ran) == tries, "not before its time"
        desk.bench.clock.time = due
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(pauses) == pauses[-1] == LONGEST_BACK_OFF
    assert await desk.outcomes() == []
    desk.act = done
    await desk.work(job)
    assert await desk.outcomes() == [("1", "received")]


async def test_the_pause_that_the_other_side_names_is_kept(desk: Desk) -> None:
    async def told(_: JobRow) -> Finished:
        raise TryLater("rate limited", after=42)

    desk.act = told
    [job] = await desk.queue("1")
    await desk.work(job)
    assert (await desk.row(job))["not_before"] - desk.bench.clock() == timedelta(seconds=42)


async def fails(_: JobRow) -> Finished:
    raise RuntimeError(f"cannot read {NIK}")


async def test_five_failures_end_in_an_outcome_that_says_so_and_no_value_is_logged(desk: Desk) -> None:
    desk.act = fails
    [job] = await desk.queue("1")
    with capture_logs() as lines:
        for _ in range(MOST_TRIES + 2):
            await desk.work(job)
            desk.bench.clock.passes(minutes=10)
    assert (await desk.outcomes(), len(desk.ran)) == ([("1", "failed")], MOST_TRIES)
    row = await desk.row(job)
    assert (row["status"], row["error"], row["data"]) == ("failed", "RuntimeError", {})
    assert [line["cause"] for line in lines if line["event"] == "job_failed"] == ["RuntimeError"] * MOST_TRIES
    assert NIK not in str(lines)


async def test_the_dialogs_have_a_sentence_for_a_job_that_failed(desk: Desk) -> None:
    """From the chat's own words to the answer: the look-up fails five times, and the person is told, once."""
    for words in ("daftar", "ya", NIK, "3510160101100001"):
        await desk.bench.arrives("a", words)
    await desk.bench.work()
    [job] = await desk.bench.rung("jobs")
    worker = JobWorker(
        desk.bench.database, desk.bench.bus, {"ikd.look_up": lambda job, now: fails(job)}, desk.bench.clock
    )
    for _ in range(MOST_TRIES):
        await worker.run([job])
        desk.bench.clock.passes(minutes=10)
    await desk.bench.work()
    assert "IKD sedang tidak bisa dihubungi" in desk.bench.channel.sent[-1].text
    assert (await desk.bench.outbox())[-1][1].split()[-1] == "identify.unavailable"


async def test_one_write_that_fails_stops_no_other_of_its_group(desk: Desk) -> None:
    ids = await desk.queue(*map(str, range(6)))
    gate = asyncio.Event()

    async def together(job: JobRow) -> Finished:
        await gate.wait()

        async def write(connection: AsyncConnection) -> Sequence[int]:
            if job.id == ids[2]:
                await connection.execute(text("INSERT INTO nowhere VALUES (1)"))
            return ()

        return Finished("received", write=write)

    desk.act = together
    task = await desk.begins(*ids)
    gate.set()
    await task
    assert sorted(token for token, _ in await desk.outcomes()) == ["0", "1", "3", "4", "5"]
    assert (await desk.row(ids[2]))["status"] == "queued"
    desk.act = done
    desk.bench.clock.passes(minutes=1)
    await desk.work(ids[2])
    assert sorted(token for token, _ in await desk.outcomes()) == ["0", "1", "2", "3", "4", "5"]


async def test_slow_jobs_hold_up_nobody_until_there_are_very_many(desk: Desk) -> None:
    release = asyncio.Event()

    async def slow(_: JobRow) -> Finished:
        await release.wait()
        return Finished("received")

    desk.act = slow
    stopping = asyncio.Event()
    loops = Loops(desk.bench.bus, [Duty("jobs", MOST_AT_ONCE, desk.worker.run, apart=True)], stopping)
    loops.start()
    await desk.bench.bus.ring("jobs", await desk.queue(*(f"slow-{n}" for n in range(MOST_AT_ONCE - 1))))
    async with asyncio.timeout(5):
        while len(desk.ran) < MOST_AT_ONCE - 1:  # noqa: ASYNC110 - a job has no event
            await asyncio.sleep(0.01)
        desk.act = done
        await desk.bench.bus.ring("jobs", await desk.queue("quick"))
        while ("quick", "received") not in await desk.outcomes():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await desk.outcomes() == [("quick", "received")]
    release.set()
    await loops.stop(5)
    assert len(await desk.outcomes()) == MOST_AT_ONCE


async def test_what_a_killed_process_had_begun_is_found_and_finished_once(desk: Desk) -> None:
    first, second = await desk.queue("1", "2")
    async with desk.bench.database.write() as connection:
        [claim] = await jobs.claim(connection, [first], {"photo.receive"}, desk.bench.clock())
    assert claim.job is not None
    async with desk.bench.database.read() as connection:
        assert await jobs.waiting(connection, desk.bench.clock(), desk.bench.clock(), 10) == [second]
    async with desk.bench.database.write() as connection:
        assert await jobs.recover(connection) == 1
    async with desk.bench.database.read() as connection:
        waiting = await jobs.waiting(connection, desk.bench.clock(), desk.bench.clock(), 10)
    assert waiting == [first, second]
    await desk.work(*waiting)
    assert sorted(await desk.outcomes()) == [("1", "received"), ("2", "received")]


async def test_a_job_of_a_dead_worker_is_taken_up_after_its_lease(desk: Desk) -> None:
    async def hangs(_: JobRow) -> Finished:
        await asyncio.Event().wait()
        return Finished("received")

    desk.act = hangs
    [job] = await desk.queue("1")
    task = await desk.begins(job)
    desk.act = done
    other = desk.another()
    desk.bench.clock.time += jobs.LEASE / 2
    await other.run([job])
    assert await desk.outcomes() == [], "somebody may still be at it"
    desk.bench.clock.time += jobs.LEASE
    await other.run([job])
    assert await desk.outcomes() == [("1", "received")]
    task.cancel()


async def test_a_worker_that_lives_keeps_its_long_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.handlers.jobs.HELD_EVERY", 0.01)
    release = asyncio.Event()

    async def long(_: JobRow) -> Finished:
        await release.wait()
        return Finished("received")

    desk.act = long
    [job] = await desk.queue("1")
    task, holding = await desk.begins(job), asyncio.create_task(desk.worker.hold())
    desk.bench.clock.time += 3 * jobs.LEASE
    async with asyncio.timeout(5):
        while (await desk.row(job))["claimed_at"] != desk.bench.clock():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await desk.another().run([job])
    release.set()
    await task
    holding.cancel()
    assert (await desk.outcomes(), len(desk.ran)) == ([("1", "received")], 1)


async def test_what_a_stopping_worker_cannot_finish_goes_to_another_at_once(desk: Desk) -> None:
    async def hangs(_: JobRow) -> Finished:
        await asyncio.Event().wait()
        return Finished("received")

    desk.act = hangs
    [job] = await desk.queue("1")
    task = await desk.begins(job)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await desk.worker.give_back()
    assert await desk.bench.rung("jobs") == [job]
    desk.act = done
    await desk.another().run([job])
    assert (await desk.outcomes(), (await desk.row(job))["attempts"]) == ([("1", "received")], 1)


async def test_a_job_over_which_every_worker_dies_is_given_up_on(desk: Desk) -> None:
    async def dies(_: JobRow) -> Finished:
        await asyncio.Event().wait()
        return Finished("received")

    desk.act = dies
    [job] = await desk.queue("1")
    for _ in range(MOST_LOSSES):
        (await desk.begins(job)).cancel()
        desk.worker = desk.another()
        desk.bench.clock.time += jobs.LEASE + timedelta(seconds=1)
    await desk.work(job)
    assert (await desk.outcomes(), len(desk.ran)) == ([("1", "failed")], MOST_LOSSES)
    async with desk.bench.database.read() as connection:
        [stored] = await dead.page(connection, 0, 10)
    assert (stored.letter.topic, stored.letter.row_id, stored.letter.reason) == ("jobs", job, WORN_OUT)
