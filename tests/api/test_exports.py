"""Everything in one file: complete, as filtered, harmless in a spreadsheet, and with names only for whom they are meant."""

from __future__ import annotations

import asyncio
import csv
import io
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.models import AuditEvent, Person, Registration, table
from backend.repositories.listing import Filters
from backend.services import exports
from backend.services.exports import ROWS, as_csv, columns
from tests.api.conftest import Api
from tests.api.world import World, drawn_meter, write_world
from tests.command_line import Runner

REGISTRATIONS, PEOPLE = table(Registration), table(Person)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def more(database: Database, world: World, count: int, now: datetime) -> None:
    rows = [
        {
            "number": f"PRL-X{number}", "person_id": world.siti, "channel": "portal", "programme": "PKH",
            "region_code": "35.10.16", "status": "submitted", "details": {}, "created_at": now + timedelta(days=1),
            "updated_at": now,
        }
        for number in range(count)
    ]  # fmt: skip
    async with database.write() as connection:
        await connection.execute(insert(REGISTRATIONS), rows)


@pytest.mark.parametrize("kind", ["registrations", "decisions", "appeals"])
async def test_an_export_holds_what_the_list_shows(api: Api, world: World, kind: str) -> None:
    reader = await api.call("reader")
    listed = (await reader.get(f"/{kind}")).json()["items"]
    answer = await reader.get(f"/exports/{kind}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{kind}.csv"'
    assert answer.headers["cache-control"] == "no-store"
    rows = read(answer.text)
    assert [int(row["id"]) for row in rows] == [item["id"] for item in listed]
    assert [row["region_code"] for row in rows] == [item["region_code"] for item in listed]
    assert not {"name", "nik", "kk"} & rows[0].keys()
    there = read((await (await api.call("reader", "64.71")).get(f"/exports/{kind}")).text)
    assert len(there) == sum(1 for item in listed if item["region_code"].startswith("64.71"))


async def test_it_is_filtered_as_the_lists_are(api: Api, world: World) -> None:
    reader = await api.call("reader")
    refused = read((await reader.get("/exports/decisions", params={"outcome": "not_eligible"})).text)
    assert {row["outcome"] for row in refused} == {"not_eligible"}
    assert read((await reader.get("/exports/registrations", params={"since": "2026-11-23"})).text) == []
    here = read((await reader.get("/exports/registrations", params={"region": "35.10", "status": "decided"})).text)
    assert len(here) == 2
    assert (await reader.get("/exports/registrations", params={"status": "nothing"})).status_code == 422


async def test_all_pages_come_and_what_comes_in_meanwhile_does_not_disturb(
    api: Api, world: World, database: Database, now: datetime
) -> None:
    await more(database, world, 2 * ROWS, now)
    ids: list[int] = []
    async for page in exports.rows(database, "registrations", Filters(), personal=False):
        if not ids:
            async with database.write() as connection:
                late = {"number": "PRL-LATE", "person_id": world.siti, "channel": "portal", "programme": "PKH",
                        "region_code": "35.10.16", "status": "submitted", "details": {}, "created_at": now,
                        "updated_at": now}  # fmt: skip
                await connection.execute(insert(REGISTRATIONS), [late])
        ids += [row[0] for row in page]
    assert len(ids) == len(set(ids)) == 2 * ROWS + 3
    assert ids == sorted(ids, reverse=True)


async def test_it_takes_no_more_memory_for_more_rows(database: Database, world: World, now: datetime) -> None:
    async def peak() -> int:
        tracemalloc.start()
        try:
            async for _ in as_csv(database, "registrations", Filters(), personal=False):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await more(database, world, 3 * ROWS, now)
    await peak()
    few = await peak()
    async with database.write() as connection:
        await connection.execute(update(REGISTRATIONS).values(number=REGISTRATIONS.c.number + "A"))
    await more(database, world, 6 * ROWS, now)
    assert await peak() < 1.3 * few


async def test_personal_columns_are_for_keys_with_that_right_and_noted(
    api: Api, world: World, database: Database
) -> None:
    without = await api.call("admin")
    assert (await without.get("/exports/registrations", params={"personal": True})).status_code == 403
    may = await api.call("reader", personal=True)
    assert "nik" not in (await may.get("/exports/appeals")).text.splitlines()[0].split(",")
    rows = read((await may.get("/exports/appeals", params={"personal": True, "region": "35.10"})).text)
    assert [(row["name"], row["nik"], row["kk"]) for row in rows] == [
        ("Bambang Sutrisno", "3510091708790002", rows[0]["kk"])
    ]
    assert len(rows[0]["kk"]) == 16
    async with database.read() as connection:
        audit = table(AuditEvent).c
        noted = (await connection.execute(select(audit.actor, audit.subject, audit.data).order_by(audit.id))).all()
    assert [(row.actor, row.subject, row.data["personal"]) for row in noted] == [
        ("key:reader-all", "export:appeals", False),
        ("key:reader-all", "export:appeals", True),
    ]
    assert noted[1].data["regions"] == ["35.10"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
async def test_a_formula_arrives_as_a_text(api: Api, world: World, database: Database, sign: str) -> None:
    evil = f'{sign}HYPERLINK("https://x";"a, b")'
    async with database.write() as connection:
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id == world.siti).values(name=evil))
    may = await api.call("reader", personal=True)
    answer = await may.get("/exports/registrations", params={"personal": True})
    [row] = [row for row in csv.DictReader(io.StringIO(answer.text, newline="")) if row["person_id"] == str(world.siti)]
    assert row["name"] == f"'{evil}"


async def test_who_was_erased_has_no_name_any_more(api: Api, world: World, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id == world.siti).values(name=None, nik=None, kk=None))
    may = await api.call("reader", personal=True)
    rows = read((await may.get("/exports/registrations", params={"personal": True})).text)
    [row] = [row for row in rows if row["person_id"] == str(world.siti)]
    assert (row["name"], row["nik"], row["kk"]) == ("", "", "")


def test_every_column_has_a_kind() -> None:
    for kind in ("registrations", "decisions", "appeals"):
        found = columns(kind, personal=True)
        assert found["id"] is int
        assert found["nik"] is str
    assert columns("decisions", personal=False)["current"] is bool


def test_an_operator_writes_a_file(run: Runner, tmp_path: Path, now: datetime) -> None:
    async def prepare() -> None:
        database, ring = Database(run.url), crypto.ring()
        await write_world(database, PhotoStore(f"file:{tmp_path / 'p'}", ring.seal, ring.open), now, drawn_meter())
        await database.close()

    asyncio.run(prepare())
    target = tmp_path / "registrations.csv"
    done = run("export", "registrations", "--region", "35.10", "--personal", "--out", str(target))
    assert done.exit_code == 0, done.output
    rows: Any = read(target.read_text())
    assert [row["name"] for row in rows] == ["Bambang Sutrisno", "Siti Aminah"]
    assert target.stat().st_mode & 0o077 == 0
    shown = run("export", "decisions", "--outcome", "eligible")
    assert "eligible" in shown.stdout
    assert run("export", "decisions", "--since", "yesterday").exit_code == 2
