"""Selections of many: as each alone, whole after a kill, told at the pace of the channels, replayed bit for bit."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.commands.bench_selection import nik, populate
from backend.db import Database
from backend.migrate import migrate
from backend.models import Decision, Job, Outbox, Registration, SelectionRun, SourceRecord, table
from backend.policy.loading import load_baseline
from backend.policy.rulesets import content_of
from backend.repositories import decisions, policies
from backend.repositories import selection_runs as stored
from backend.repositories.selection_runs import RunRow
from backend.sandbox.residents import load_residents
from backend.services import selection_runs
from backend.services.replay import replay
from backend.services.rulebook import Rulebook
from backend.services.selection import select_one
from backend.services.selection_runs import RunMoved
from backend.services.work import Work
from tests.command_line import Runner
from tests.conftest import NOW
from tests.policy.versions import stricter
from tests.services.conftest import Desk

SITI, BAMBANG, _, NURHAYATI = load_residents()[:4]
DECISIONS, REGISTRATIONS, RUNS = table(Decision), table(Registration), table(SelectionRun)


async def begin(desk: Desk, region: str = "") -> RunRow:
    async with desk.database.write() as connection:
        return (await selection_runs.begin(connection, region, "cli:ani", desk.now))[0]


async def to_its_end(work: Work, run: RunRow, desk: Desk) -> RunRow:
    while run.status == "running":
        run = await selection_runs.advance(work, run, desk.now)
    return run


async def outcomes(database: Database) -> dict[str, tuple[Any, ...]]:
    """What was decided about whom, without moments and ids, by the number of the registration."""
    async with database.read() as connection:
        found = await connection.execute(
            select(REGISTRATIONS.c.number, DECISIONS.c.outcome, DECISIONS.c.codes, DECISIONS.c.inputs)
            .join(DECISIONS, DECISIONS.c.registration_id == REGISTRATIONS.c.id)
            .where(DECISIONS.c.current)
        )
        return {row[0]: (row[1], row[2], row[3]["data"], row[3]["results"]) for row in found}


async def test_everybody_of_a_region_is_decided_and_told_afterwards(desk: Desk) -> None:
    chats = [await desk.chat() for _ in range(3)]
    for resident, chat in zip((SITI, BAMBANG, NURHAYATI), chats, strict=True):
        await desk.registered(resident, chat)
    async with desk.database.write() as connection:
        run, queued = await selection_runs.enqueue(connection, "35.10", "key:dinsos", desk.now)
        joined, nothing = await selection_runs.enqueue(connection, "35.10", "key:dinsos", desk.now)
    assert (joined.id, nothing, run.total) == (run.id, [], 2)
    page, tell = queued
    assert (await desk.run(page)).outcome == "page"
    assert [row.outcome for row in await desk.rows(Decision)] == ["eligible", "not_eligible"]
    assert await desk.notices(chats[0]) == []
    told = await desk.run(tell)
    assert [(chat, unique) for chat, unique, _ in told.notices] == [(chats[0], "decision:1"), (chats[1], "decision:2")]
    [row] = await desk.rows(SelectionRun)
    assert (row.eligible, row.not_eligible, row.told, row.status) == (1, 1, 2, "running")
    for job in [job.id for job in await desk.rows(Job) if job.kind == "selection.page" and job.status == "queued"]:
        await desk.run(job)
    [row] = await desk.rows(SelectionRun)
    assert row.status == "done"
    assert [job.kind for job in await desk.rows(Job) if job.status == "queued"].count("selection.tell") == 1


async def test_news_waits_while_messages_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_runs, "PAUSE_S", 0.0)
    chat = await desk.chat()
    await desk.registered(SITI, chat)
    async with desk.database.write() as connection:
        _, [page, tell] = await selection_runs.enqueue(connection, "", "key:dinsos", desk.now)
        rows = [
            {
                "conversation_id": chat,
                "kind": "reply",
                "body": {"text": "x", "buttons": []},
                "status": "queued",
                "created_at": NOW,
            }
            for _ in range(selection_runs.MOST_WAITING)
        ]
        await connection.execute(table(Outbox).insert(), rows)
    await desk.run(page)
    waits = await desk.run(tell)
    assert (waits.outcome, waits.notices) == ("waits", ())
    async with desk.database.write() as connection:
        await connection.execute(table(Outbox).update().values(status="sent"))
    [again] = [job.id for job in await desk.rows(Job) if job.kind == "selection.tell" and job.status == "queued"]
    assert len((await desk.run(again)).notices) == 1


async def test_who_waits_for_a_silent_source_is_looked_at_again(desk: Desk) -> None:
    await desk.control(service="pln", fault="500")
    await desk.registered(SITI, await desk.chat())
    run = await to_its_end(desk.executors.work, await begin(desk), desk)
    assert (run.waiting, run.silent) == (1, 1)
    # What the others said is kept meanwhile, and gone once it is decided.
    assert {row.owner for row in await desk.rows(SourceRecord)} == {
        "dtsen",
        "bank",
        "income",
        "civil_service",
        "dukcapil",
    }
    [again] = [job for job in await desk.rows(Job) if job.kind == "selection.page"]
    assert again.not_before == desk.now + selection_runs.AGAIN_AFTER
    await desk.control(clear=True)
    await desk.control(service="dtsen", fault="500")
    desk.later(minutes=16)
    begun = await desk.run(again.id)
    async with desk.database.read() as connection:
        found = await stored.by_id(connection, begun.data["run_id"])
    assert found is not None
    assert (await to_its_end(desk.executors.work, found, desk)).eligible == 1
    [_, last] = await desk.rows(Decision)
    origins = last.inputs["origins"]
    assert (origins["dtsen"]["from"], origins["pln"]["from"]) == ("kept", "asked")
    assert origins["dtsen"]["consent"] == origins["pln"]["consent"] != ""
    assert await desk.rows(SourceRecord) == []


async def test_an_answer_for_another_consent_is_not_used(desk: Desk) -> None:
    await desk.control(service="pln", fault="500")
    chat = await desk.chat()
    person, [job] = await desk.registered(SITI, chat)
    await desk.run(job)
    await desk.record("consent.withdraw", chat, person, purpose="data_access")
    await desk.record("consent.give", chat, person, purpose="data_access", granted=True, version="2026-1")
    await desk.control(clear=True)
    [registration] = await desk.rows(Registration)
    assert (await select_one(desk.executors.work, registration.id, desk.now)).outcome == "eligible"
    row = (await desk.rows(Decision))[-1]
    assert {origin["from"] for origin in row.inputs["origins"].values()} == {"asked"}


async def test_two_workers_on_one_run_decide_nobody_twice(desk: Desk) -> None:
    await populate(desk.database, 300, desk.now)
    work = local(desk)
    run = await begin(desk)
    results = await asyncio.gather(
        *(selection_runs.advance(work, run, desk.now) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(result, RunMoved) for result in results) == 2
    assert len(await desk.rows(Decision)) == 300


async def test_of_two_that_carry_out_one_run_one_is_told_to_stop(desk: Desk) -> None:
    await populate(desk.database, 2500, desk.now)
    work, run = local(desk), await begin(desk)

    async def carried_out() -> list[RunRow]:
        return [so_far async for so_far in selection_runs.carry_out(work, run, lambda: desk.now)]

    results = await asyncio.gather(carried_out(), carried_out(), return_exceptions=True)
    [seen] = [result for result in results if isinstance(result, list)]
    assert [result for result in results if isinstance(result, RunMoved)]
    assert [one.looked_at for one in seen] == [1000, 2000, 2500, 2500]
    assert seen[-1].status == "done"
    assert len(await desk.rows(Decision)) == 2500


async def test_other_systems_hear_of_each_page_without_a_sweep(desk: Desk) -> None:
    await populate(desk.database, 300, desk.now)
    async with desk.database.write() as connection:
        _, queued = await selection_runs.enqueue(connection, "", "tester", desk.now)
    await desk.run(queued[0])
    assert [job.kind for job in await desk.rows(Job)].count("events.fan_out") == 1


async def test_a_source_that_was_never_imported_is_silent(desk: Desk) -> None:
    await desk.registered(SITI, await desk.chat())
    run = await to_its_end(local(desk), await begin(desk), desk)
    assert (run.waiting, run.silent) == (1, 1)


async def test_thousands_are_decided_as_each_alone_and_replayed_under_other_rules(desk: Desk, tmp_path: Path) -> None:
    count = 10_000 if desk.database.is_sqlite else 2_000
    await populate(desk.database, count, desk.now)
    work = local(desk)
    alone = random.Random(3).sample(range(1, count + 1), 40)
    for registration_id in alone:
        await select_one(work, registration_id, desk.now)
    by_itself = await outcomes(desk.database)
    async with desk.database.write() as connection:
        await connection.execute(DECISIONS.delete())
        await connection.execute(REGISTRATIONS.update().values(status="submitted"))
    run = await to_its_end(work, await begin(desk), desk)
    assert run.looked_at == run.total == count
    assert min(run.eligible, run.not_eligible, run.waiting) > 50
    together = await outcomes(desk.database)
    assert len(by_itself) == len(alone)
    assert all(together[number] == decided for number, decided in by_itself.items())
    rules = stricter(tmp_path, "2026-2", date(2026, 11, 22))
    values = {
        "rule_set": rules.id, "version": rules.version, "digest": rules.digest, "title": "", "content": content_of(rules),
        "starts_on": rules.start, "proposed_by": "ani", "proposed_at": NOW, "activated_by": "budi", "activated_at": NOW,
    }  # fmt: skip
    async with desk.database.write() as connection:
        await policies.add(connection, values)
    book, seen, after = Rulebook(load_baseline()), Counter[str](), 0
    async with desk.database.read() as connection:
        assert (await book.current(connection)).pick("pkh", "35.10", NOW.date()).version == "2026-2"
        while page := await decisions.full(connection, after=after):
            for one in await replay(connection, book, page):
                assert one.differences == ()
                seen[one.version] += 1
            after = page[-1].id
    assert seen == {"2026-1": count}


def test_a_selection_that_is_killed_goes_on_as_if_nothing_had_been(run: Runner, tmp_path: Path) -> None:
    count = 3500
    command = [sys.executable, "-m", "backend.cli", "select", "--no-progress"]
    settings = {**os.environ, "PERLINSOS_SOURCES_IMPORTED": "dtsen,pln,bank,income,civil_service,dukcapil"}

    async def with_database(work: Any, url: str = run.url) -> Any:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    async def runs(database: Database) -> list[Any]:
        async with database.read() as connection:
            return list((await connection.execute(select(RUNS))).all())

    asyncio.run(with_database(lambda database: populate(database, count, NOW)))
    process = subprocess.Popen(command, env=settings)
    seen: list[Any] = []
    while process.poll() is None and not (seen and seen[0].cursor):
        time.sleep(0.05)
        seen = asyncio.run(with_database(runs))
    process.send_signal(signal.SIGKILL)
    process.wait()
    [interrupted] = asyncio.run(with_database(runs))
    assert (interrupted.status, 0 < interrupted.cursor < count) == ("running", True)
    subprocess.run(command, env=settings, check=True, capture_output=True)
    [ended] = asyncio.run(with_database(runs))
    assert (ended.status, ended.eligible + ended.not_eligible + ended.waiting) == ("done", count)

    other = f"sqlite+aiosqlite:///{tmp_path / 'undisturbed.db'}"

    async def prepare(database: Database) -> None:
        await migrate(database)
        await populate(database, count, NOW)

    asyncio.run(with_database(prepare, other))
    subprocess.run(command, env={**settings, "PERLINSOS_DATABASE_URL": other}, check=True, capture_output=True)
    assert asyncio.run(with_database(outcomes)) == asyncio.run(with_database(outcomes, other))


def local(desk: Desk) -> Work:
    work = desk.executors.work
    return replace(work, sources=work.sources.reading_files())


def test_made_up_people_have_different_numbers() -> None:
    assert len({nik(number) for number in range(0, 1_000_000, 7)}) == len(range(0, 1_000_000, 7))
