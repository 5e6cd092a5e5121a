"""Imports: nothing lost, nothing doubled, every bad row told, a killed one goes on as if nothing had been."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.commands.bench_selection import nik
from backend.db import Database
from backend.migrate import migrate
from backend.models import AuditEvent, ImportRun, PkhRecord, SourceRecord, table
from backend.repositories import people, regions
from backend.services import imports
from backend.services.import_reading import BadFile
from backend.services.imports import Counts, ImportRefused, import_file, try_out
from tests.command_line import Runner
from tests.import_files import dtsen

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
RECORDS = table(SourceRecord)


async def load(database: Database, kind: str, path: Path, **options: Any) -> Counts:
    return await import_file(database, kind, path, path.with_suffix(".bad"), "cli:ani", lambda: NOW, **options)


async def stored(database: Database) -> dict[bytes, tuple[Any, ...]]:
    async with database.read() as connection:
        found = await connection.execute(select(RECORDS.c.nik_hash, RECORDS.c.owner, RECORDS.c.data, RECORDS.c.as_of))
        return {bytes(row[0]): tuple(row[1:]) for row in found}


def complaints(path: Path) -> list[tuple[str, str, str]]:
    with path.with_suffix(".bad").open(encoding="utf-8") as file:
        return [(row["line"], row["column"], row["reason"]) for row in csv.DictReader(file)]


async def test_a_file_is_imported_once_however_often_it_is_brought(database: Database, tmp_path: Path) -> None:
    path = dtsen(tmp_path / "dtsen.csv", 6000)
    assert await load(database, "dtsen", path) == Counts(added=6000)
    before = await stored(database)
    assert await load(database, "dtsen", path) == Counts(unchanged=6000)
    newer = dtsen(tmp_path / "newer.csv", 6000, first=3000, seed=2)
    counts = await load(database, "dtsen", newer)
    assert (counts.added, counts.changed + counts.unchanged) == (3000, 3000)
    assert counts.changed > 2000
    after = await stored(database)
    assert len(after) == 9000
    assert after[people.nik_hash(nik(7))] == before[people.nik_hash(nik(7))]
    async with database.read() as connection:
        raw = (await connection.execute(select(RECORDS.c.data).where(RECORDS.c.id == 1))).scalar_one()
        acts = (await connection.execute(select(table(AuditEvent).c.action))).scalars().all()
    assert set(raw) == {"decile", "components"}
    assert acts == ["import.begun", "import.done"] * 3


async def test_every_bad_row_is_told_with_line_column_and_reason_and_no_value(
    database: Database, tmp_path: Path
) -> None:
    rows = [
        "\ufeffNIK;decile;Components;as_of",
        f"{nik(1)};2;sd, smp;2026-10-01",
        f"{nik(2)};11;sd;2026-10-01",
        "351016;1;sd;2026-10-01",
        f"{nik(3)[:6]}9999{nik(3)[10:]};1;sd;2026-10-01",
        f"{nik(4)};1;kuda;2026-10-01",
        f"{nik(5)};1;sd;2027-10-01",
        f"{nik(6)};1;sd",
        f'{nik(7)};1;"sd;2026-10-01',
        "",
        f"{nik(1)};3;;2026-10-01",
        f"{nik(8)};4;;2026-10-01",
        f"{nik(9)};1;sd;1 Oktober",
        "x" * 12_000,
        f"{nik(10)};5;lansia;2026-10-01",
    ]
    path = tmp_path / "dtsen.csv"
    path.write_bytes("\r\n".join(rows).encode() + b"\r\n\xff\xfe;1;sd;2026-10-01\r\n")
    counts = await load(database, "dtsen", path)
    assert (counts.added, counts.rejected) == (3, 11)
    told = complaints(path)
    assert told == [
        ("3", "decile", "is not a decile from 1 to 10"),
        ("4", "nik", "is not a number of 16 digits"),
        ("5", "nik", "has no possible date of birth"),
        ("6", "components", told[3][2]),
        ("7", "as_of", "lies in the future"),
        ("8", "", "3 columns instead of 4"),
        ("9", "", "3 columns instead of 4"),
        ("11", "nik", imports.TWICE),
        ("13", "as_of", "is not a day such as 2026-09-30"),
        ("14", "", "is longer than 10000 bytes"),
        ("16", "", "is not written in UTF-8"),
    ]
    assert told[3][2].startswith("knows only pregnancy, balita")
    assert not any(nik(number) in path.with_suffix(".bad").read_text() for number in range(11))
    kept = await stored(database)
    assert kept[people.nik_hash(nik(1))][1] == {"decile": 2, "components": ["sd", "smp"]}
    assert kept[people.nik_hash(nik(8))][1] == {"decile": 4, "components": []}


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"nik,decile,as_of\n", "lacks the columns components"),
        (b"nik,nik,decile,components,as_of\n", "twice"),
        (b"\xff\xfen\x00i\x00k\x00\n", "not written in UTF-8"),
        (b"", "lacks the columns nik, decile"),
    ],
)
async def test_a_file_of_another_shape_is_refused(database: Database, tmp_path: Path, header: bytes, told: str) -> None:
    path = tmp_path / "dtsen.csv"
    path.write_bytes(header + b"1,2,3,4\n")
    with pytest.raises(BadFile, match=told):
        await load(database, "dtsen", path)


async def test_a_dry_run_counts_the_same_and_stores_nothing(database: Database, tmp_path: Path) -> None:
    await load(database, "dtsen", dtsen(tmp_path / "first.csv", 3000))
    path = dtsen(tmp_path / "second.csv", 4000, first=1000, seed=2)
    with path.open("a") as file:
        file.write(f"{nik(1500)},1,sd,2026-10-01\n{nik(1)},99,sd,2026-10-01\n")
    before = await stored(database)
    tried = await try_out(database, "dtsen", path, tmp_path / "tried.bad", NOW)
    assert await stored(database) == before
    assert await load(database, "dtsen", path) == tried
    assert (tried.added, tried.rejected) == (2000, 2)
    assert (tmp_path / "tried.bad").read_text() == path.with_suffix(".bad").read_text()


async def test_pkh_and_regions_come_into_their_tables(database: Database, tmp_path: Path) -> None:
    pkh, places = tmp_path / "pkh.csv", tmp_path / "regions.csv"
    pkh.write_text(f"nik,bank,account,components\n{nik(1)},BRI,123456789,sd|sd\n{nik(2)},,,\n{nik(3)},BRI,12-3,\n")
    places.write_text("code,name\n35,Jawa Timur\n35.10,Banyuwangi\n3510,Salah\n35,Dua kali\n")
    assert await load(database, "pkh", pkh) == Counts(added=2, rejected=1)
    assert await load(database, "pkh", pkh) == Counts(unchanged=2, rejected=1)
    assert await load(database, "regions", places) == Counts(added=2, rejected=2)
    places.write_text("code,name\n35,Jawa Timur\n35.10,Kabupaten Banyuwangi\n")
    assert await load(database, "regions", places) == Counts(changed=1, unchanged=1)
    async with database.read() as connection:
        kept = (
            (await connection.execute(select(table(PkhRecord).c.data).order_by(table(PkhRecord).c.id))).scalars().all()
        )
        names = await regions.names(connection)
    assert kept[0] == {"components": ["sd", "sd"], "bank": "BRI", "account": "123456789"}
    assert names == {"35": "Jawa Timur", "35.10": "Kabupaten Banyuwangi"}


async def test_the_report_of_an_interrupted_import_must_be_there(database: Database, tmp_path: Path) -> None:
    path = dtsen(tmp_path / "dtsen.csv", 6000)

    def crash(done: int, of: int) -> None:
        raise KeyError("crash")

    with pytest.raises(KeyError):
        await load(database, "dtsen", path, progress=crash)
    path.with_suffix(".bad").unlink()
    with pytest.raises(ImportRefused, match="--restart"):
        await load(database, "dtsen", path)
    counts = await load(database, "dtsen", path, restart=True)
    assert (counts.rows, counts.added > 0, counts.unchanged > 0) == (6000, True, True)


def test_an_import_that_is_killed_goes_on_as_if_nothing_had_been(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dtsen(tmp_path / "dtsen.csv", 20_000)
    with path.open("a") as file:
        file.writelines(f"{nik(number)},0,sd,2026-10-01\n" for number in range(50_000, 52_000))
    command = [sys.executable, "-m", "backend.cli", "import", "dtsen", str(path), "--no-progress"]

    async def progress() -> list[Any]:
        database = Database(run.url)
        async with database.read() as connection:
            runs = (await connection.execute(select(table(ImportRun)))).all()
        await database.close()
        return list(runs)

    async def state() -> dict[bytes, Any]:
        database = Database(run.url)
        found = await stored(database)
        await database.close()
        return found

    for _ in range(2):
        process = subprocess.Popen(command, env=os.environ.copy())
        seen = asyncio.run(progress())
        started = seen[0].position if seen else 0
        while process.poll() is None and (not seen or seen[0].position <= started):
            time.sleep(0.05)
            seen = asyncio.run(progress())
        process.send_signal(signal.SIGKILL)
        process.wait()
    [interrupted] = asyncio.run(progress())
    assert interrupted.status == "running"
    assert 0 < interrupted.position < path.stat().st_size
    assert subprocess.run(command, check=True, capture_output=True, text=True).returncode == 0
    after_kills, [ended] = asyncio.run(state()), asyncio.run(progress())

    async def undisturbed() -> tuple[dict[bytes, Any], Counts]:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'other.db'}")
        await migrate(database)
        counts = await import_file(database, "dtsen", path, tmp_path / "other.bad", "x", lambda: NOW)
        found = await stored(database)
        await database.close()
        return found, counts

    found, counts = asyncio.run(undisturbed())
    assert after_kills == found
    assert (
        (ended.status, ended.added, ended.rejected) == ("done", counts.added, counts.rejected) == ("done", 20_000, 2000)
    )
    assert (tmp_path / "dtsen.csv.rejected.csv").read_bytes() == (tmp_path / "other.bad").read_bytes()
