"""`perlinsos bench selection`: how fast everybody who waits is decided, over people who do not exist."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import collector
from backend.commands.common import err, fail, load_settings, out
from backend.db import Database
from backend.domain.consents import TEXT_VERSIONS, Purpose
from backend.domain.household import Component
from backend.migrate import migrate
from backend.models import Consent, ImportRun, Person, Registration, SourceRecord, table
from backend.parts import Parts
from backend.repositories import people
from backend.repositories.sets import InsertSet
from backend.services import selection_runs
from backend.services.sources import ALL

PEOPLE = InsertSet(
    table(Person),
    each=("nik", "nik_hash", "kk", "kk_hash", "name", "birth_date"),
    same=("sex", "region_code", "level", "notifications", "created_at", "updated_at"),
    returning="id",
)
REGISTRATIONS = InsertSet(
    table(Registration),
    each=("number", "person_id"),
    same=("channel", "programme", "region_code", "status", "details", "created_at", "updated_at"),
)
CONSENTS = InsertSet(table(Consent), each=("person_id",), same=("purpose", "granted", "version", "channel", "at"))
RECORDS = InsertSet(
    table(SourceRecord), each=("owner", "nik_hash", "data", "digest", "as_of"), same=("consent_reference", "stored_at")
)
BATCH = 1000
REGION = "35.10.16"
AS_OF = date(2026, 10, 1)
SEED = 1


def nik(number: int) -> str:
    """The NIK of the made-up person with this number, the same every time: of Banyuwangi, born from 1950 to 1999."""
    day, rest = number % 28 + 1, number // 28
    month, rest = rest % 12 + 1, rest // 12
    year, serial = rest % 50 + 50, rest // 50 + 1
    return f"351016{day:02}{month:02}{year:02}{serial:04}"


def knowledge(chance: random.Random) -> Mapping[str, Mapping[str, Any]]:
    """What each owner knows about somebody, by chance; now and then an owner knows nothing."""
    known: dict[str, Mapping[str, Any]] = {
        "dtsen": {
            "decile": chance.choice((1, 1, 1, 2, 2, 2, 3, 4, 5, 9)),
            "components": chance.sample(list(map(str, Component)), chance.choice((0, 1, 1, 2, 3))),
        },
        "pln": {"power_va": chance.choice((450, 450, 900, 900, 900, 1300, 2200, 3500))},
        "bank": {"account_turnover": chance.choice((0, 1, 3, 10, 70)) * 1_000_000},
        "income": {"income": chance.choice((0, 0, 1, 2, 4, 9)) * 1_000_000},
        "civil_service": {name: chance.random() < 0.01 for name in ("civil_servant", "army", "police")},
        "dukcapil": {"nik_active": chance.random() > 0.01},
    }
    return {owner: data for owner, data in known.items() if chance.random() > 0.02}


async def populate(database: Database, count: int, now: datetime, progress: Any = None, *, first: int = 0) -> None:
    """People with a submitted registration, their consent, and what all owners know about them; always the same ones."""
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        async with database.write() as connection:
            await _people(connection, numbers, now)
        if progress is not None:
            progress(len(numbers))
    run = {"fingerprint": "0" * 64, "status": "done", "actor": "bench", "started_at": now, "updated_at": now}
    counts = dict.fromkeys(("position", "line", "report_size", "added", "changed", "unchanged", "rejected"), 0)
    async with database.write() as connection:
        await connection.execute(table(ImportRun).insert(), [{"kind": owner, **run, **counts} for owner in sorted(ALL)])


async def _people(connection: AsyncConnection, numbers: range, now: datetime) -> None:
    keys = [(number, nik(number), people.nik_hash(nik(number))) for number in numbers]
    # Every hundredth household is registered twice: the second one is refused.
    cards = [f"3510160101{number - (number % 100 == 99):06}" for number in numbers]
    ids = await PEOPLE(
        connection,
        [
            (number, key, card, people.kk_hash(card), f"Warga {at}", "1980-01-01")
            for (at, number, key), card in zip(keys, cards, strict=True)
        ],
        ("female", REGION, "chat_precheck", True, now, now),
    )
    since = now - timedelta(days=1)
    filed = [(f"PRL-B{number}", row_id) for (number, _, _), row_id in zip(keys, ids, strict=True)]
    await REGISTRATIONS(connection, filed, ("portal", "PKH", REGION, "submitted", {}, since, since))
    purpose = Purpose.DATA_ACCESS
    consents = [(row_id,) for row_id in ids]
    await CONSENTS(connection, consents, (purpose.value, True, TEXT_VERSIONS[purpose], "portal", since))
    await RECORDS(connection, list(_records(keys)), ("", since))


def _records(keys: list[tuple[int, str, bytes]]) -> Iterator[tuple[Any, ...]]:
    for number, _, key in keys:
        for owner, data in knowledge(random.Random(SEED * 10_000_019 + number)).items():  # noqa: S311 - made-up people
            yield owner, key, data, b"", AS_OF


def bench_selection(
    count: Annotated[int, typer.Option("--people", min=1000, help="made-up applicants")] = 1_000_000,
    progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True,
) -> None:
    """Decisions a second when all sources are local tables. Needs a database of its own: it is filled with made-up people."""
    settings = load_settings()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())

    async def run() -> str:
        parts = Parts(settings)
        database, work = parts.database, parts.executors.work
        work = replace(work, sources=work.sources.reading_files())
        try:
            await migrate(database)
            now = datetime.now(UTC)
            async with database.read() as connection:
                if (await connection.execute(table(Person).select().limit(1))).first() is not None:
                    fail("there are people in this database: give PERLINSOS_DATABASE_URL of an empty one")
            with Progress(*columns, console=err, disable=not progress) as bar:
                task = bar.add_task("people", total=count)
                await populate(database, count, now, lambda done: bar.advance(task, done))
                if not database.is_sqlite:
                    async with database.write() as connection:
                        await connection.execute(text("ANALYZE"))
                async with database.write() as connection:
                    selection, _ = await selection_runs.begin(connection, "", "bench", now)
                task = bar.add_task("decisions", total=count)
                started, used = time.perf_counter(), time.process_time()
                with collector.seldom_within():
                    async for so_far in selection_runs.carry_out(work, selection, lambda: datetime.now(UTC)):
                        selection = so_far
                        bar.update(task, completed=selection.looked_at)
                took, used = time.perf_counter() - started, time.process_time() - used
        finally:
            await parts.close()
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        counts = f"{selection.eligible:,} | {selection.not_eligible:,} | {selection.waiting:,}"
        return f"| {kind} | {count:,} | {counts} | {took:,.0f} s | {used:,.0f} s | {count / took:,.0f} |"

    line = asyncio.run(run())
    out.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n", soft_wrap=True)
    out.print(
        "| database | applicants | eligible | not eligible | waiting | time | CPU | decisions/s |", soft_wrap=True
    )
    out.print("|---|---|---|---|---|---|---|---|\n" + line, soft_wrap=True)
