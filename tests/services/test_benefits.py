"""Quota and payment: brought by files, beside the decision, told as they are and never beyond."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from backend.models import BenefitState, Decision, Job
from backend.sandbox.residents import Resident, load_residents
from backend.services.imports import OLDER, TWICE, Counts, import_file, try_out
from bot.facts import PaymentFacts, QuotaFacts
from tests.services.conftest import Desk

SITI, BAMBANG, SUMIATI, *_, WAHYUNI = load_residents()


async def brought(desk: Desk, folder: Path, kind: str, *rows: str) -> Counts:
    """Import these rows; columns as the kind has them."""
    heads = {"quota": "nik,state,source,as_of", "payments": "nik,period,state,amount,source,as_of"}
    path = folder / f"{kind}.csv"
    path.write_text("\n".join([heads[kind], *rows]) + "\n")
    return await import_file(desk.database, kind, path, folder / "bad.csv", "cli:ani", lambda: desk.now)


def complaints(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "bad.csv").open(encoding="utf-8") as file:
        return [(row["line"], row["column"], row["reason"]) for row in csv.DictReader(file)]


async def test_the_same_file_again_changes_nothing_and_an_older_one_undoes_nothing(desk: Desk, tmp_path: Path) -> None:
    waiting = f"{SITI.nik},waiting,Kemensos,2026-10-01"
    placed = f"{SITI.nik},placed,Kemensos,2026-11-20"
    assert await brought(desk, tmp_path, "quota", waiting, f"{BAMBANG.nik},listed,Kemensos,2026-10-01") == Counts(2)
    assert await brought(desk, tmp_path, "quota", placed) == Counts(changed=1)
    assert await brought(desk, tmp_path, "quota", placed) == Counts(unchanged=1)
    assert await brought(desk, tmp_path, "quota", waiting) == Counts(rejected=1)
    assert complaints(tmp_path) == [("2", "as_of", OLDER)]
    assert {row.state for row in await desk.rows(BenefitState)} == {"placed", "listed"}


async def test_each_stage_has_a_payment_of_its_own(desk: Desk, tmp_path: Path) -> None:
    rows = (
        f"{SITI.nik},2026-3,paid,225000,Himbara,2026-09-15",
        f"{SITI.nik},2026-4,ordered,,Himbara,2026-11-20",
        f"{SITI.nik},2026-4,paid,225000,Himbara,2026-11-21",
        f"{SITI.nik},2026-5,paid,225000,Himbara,2026-11-21",
        f"{SITI.nik},2027-1,given,225000,Himbara,2026-11-21",
        f"{SITI.nik},2027-1,paid,-5,Himbara,2026-11-21",
        f"{SITI.nik},2027-1,paid,5,,2026-11-21",
    )
    tried_file = tmp_path / "tried.csv"
    tried_file.write_text("\n".join(["nik,period,state,amount,source,as_of", *rows]) + "\n")
    tried = await try_out(desk.database, "payments", tried_file, tmp_path / "bad.csv", desk.now)
    assert await desk.rows(BenefitState) == []
    assert await brought(desk, tmp_path, "payments", *rows) == tried == Counts(added=2, rejected=5)
    assert complaints(tmp_path) == [
        ("4", "nik", TWICE),
        ("5", "period", "is not a stage of a year such as 2026-4"),
        ("6", "state", "is none of none, ordered, paid, returned"),
        ("7", "amount", "is not a whole number without signs"),
        ("8", "source", "is empty or longer than 60 characters"),
    ]
    stored = {row.period: (row.state, row.amount) for row in await desk.rows(BenefitState)}
    assert stored == {"2026-3": ("paid", 225000), "2026-4": ("ordered", None)}
    assert await brought(desk, tmp_path, "payments", *rows[:2]) == Counts(unchanged=2)


async def test_the_chat_of_the_eligible_knows_and_the_decision_does_not_change(desk: Desk, tmp_path: Path) -> None:
    chat, person_id, _ = await desk.decided(SITI)
    before = await desk.rows(Decision)
    await brought(desk, tmp_path, "quota", f"{SITI.nik},placed,Kemensos,2026-11-01")
    rows = (
        f"{SITI.nik},2026-3,paid,225000,Himbara,2026-09-15",
        f"{SITI.nik},2026-4,returned,225000,Himbara,2026-11-20",
    )
    await brought(desk, tmp_path, "payments", *rows)
    facts = await desk.facts(chat, person_id)
    assert facts.quota == QuotaFacts("placed", "Kemensos", date(2026, 11, 1))
    assert facts.payment == PaymentFacts(2026, 4, "returned", 225000, "Himbara", date(2026, 11, 20))
    assert await desk.rows(Decision) == before


@pytest.mark.parametrize("resident", [BAMBANG, SUMIATI])
async def test_for_the_refused_nothing_is_told_whatever_a_file_says(
    desk: Desk, tmp_path: Path, resident: Resident
) -> None:
    chat, person_id, _ = await desk.decided(resident)
    await brought(desk, tmp_path, "quota", f"{resident.nik},placed,Kemensos,2026-11-01")
    assert (await desk.facts(chat, person_id)).quota is None


async def told(desk: Desk) -> list[tuple[int, str]]:
    """Whom the jobs that wait tell something: chats and notices."""
    found = []
    while waiting := [row for row in await desk.rows(Job) if row.kind == "benefits.tell" and row.status == "queued"]:
        for row in waiting:
            finished = await desk.run(row.id)
            found += [(chat, notice.kind) for chat, _, notice in finished.notices]
    return found


async def test_the_eligible_are_told_of_what_is_new_and_nobody_else_and_nothing_twice(
    desk: Desk, tmp_path: Path
) -> None:
    chat, _, _ = await desk.decided(SITI)
    await desk.decided(BAMBANG)
    wahyuni, wahyuni_id, _ = await desk.decided(WAHYUNI)
    await desk.record("notifications.set", wahyuni, wahyuni_id, on=False)
    rows = (
        f"{SITI.nik},2026-3,paid,225000,Himbara,2026-09-15",
        f"{SITI.nik},2026-4,ordered,225000,Himbara,2026-11-20",
        f"{BAMBANG.nik},2026-4,ordered,225000,Himbara,2026-11-20",
        f"{WAHYUNI.nik},2026-4,ordered,225000,Himbara,2026-11-20",
    )
    await brought(desk, tmp_path, "payments", *rows)
    assert await told(desk) == [(chat, "benefit")]
    await brought(desk, tmp_path, "payments", *rows)
    assert await told(desk) == []
    desk.later(days=1)
    await brought(desk, tmp_path, "payments", f"{SITI.nik},2026-4,paid,225000,Himbara,2026-11-21", *rows[2:])
    assert await told(desk) == [(chat, "benefit")]


async def test_who_is_erased_leaves_neither_place_nor_payment(desk: Desk, tmp_path: Path) -> None:
    chat, person_id, _ = await desk.decided(SITI)
    await brought(desk, tmp_path, "payments", f"{SITI.nik},2026-3,paid,225000,Himbara,2026-09-15")
    await desk.do("person.erase", chat, person_id, person_id=person_id)
    assert await desk.rows(BenefitState) == []
