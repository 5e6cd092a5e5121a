"""`perlinsos policy`, as officers type it: from a mistake in a file to a version that two people put into force."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

from PIL import Image

from backend.db import Database
from backend.models import table
from backend.models.cases import Decision, Registration
from backend.policy.evaluation import evaluate
from backend.policy.loading import load_baseline
from backend.repositories import people
from backend.repositories.people import Identity
from backend.sandbox.residents import load_residents
from tests.command_line import Runner
from tests.policy import stories
from tests.policy.versions import with_version

PASSWORDS = {"ani": "kata-sandi-ani", "budi": "kata-sandi-budi"}
RESIDENTS = load_residents()[:4]
NAME = "pkh-pilot@2099-1"


async def decided(url: str) -> None:
    """Four residents with a decision of today."""
    database = Database(url)
    now = datetime.now(UTC)
    rules = load_baseline().get("pkh-pilot", "2026-1")
    async with database.write() as connection:
        for number, resident in enumerate(RESIDENTS):
            one = Identity(resident.nik, str(resident.kk), resident.name, resident.sex, "1980-01-01", "35.10.16")
            await people.add(connection, database, [one], "chat_precheck", now)
            person = (await people.by_nik_hashes(connection, [people.nik_hash(one.nik)])).popitem()[1]
            added = await connection.execute(
                table(Registration).insert().values(
                    number=f"PRL-{number}", person_id=person.id, channel="portal", programme="PKH",
                    region_code="35.10.16", status="decided", details={}, created_at=now, updated_at=now,
                ).returning(table(Registration).c.id)
            )  # fmt: skip
            inputs = stories.resident(resident.name)
            verdict = evaluate(rules, inputs, region="35.10.16")
            await connection.execute(
                table(Decision).insert().values(
                    registration_id=added.scalar_one(), person_id=person.id, outcome=verdict.outcome,
                    rule_set=rules.id, rule_set_version=rules.version, decided_at=now,
                    reasons=[reason.to_json() for reason in verdict.reasons],
                    inputs={
                        "region": "35.10.16", "digest": rules.digest, "disputed": [],
                        "data": {name: datum.to_json() for name, datum in inputs.items()},
                        "results": dict(verdict.results),
                    },
                )
            )  # fmt: skip
    await database.close()


def test_a_mistake_is_told_with_file_and_line(run: Runner, tmp_path: Path) -> None:
    folder = with_version(tmp_path, "2099-1", date(2099, 1, 1), thresholds="decile_highest: three")
    failed = run("policy", "check", str(folder))
    assert failed.exit_code == 1
    assert "pkh-pilot-2099-1.yaml:" in failed.stderr or "pkh-2026-1.yaml:" in failed.stderr


def test_a_rule_without_words_is_no_rule(run: Runner, tmp_path: Path) -> None:
    rule = "\nrules:\n  - {code: power, kind: against, order: 40, datum: power_va, when: power_va > 9}\n"
    folder = with_version(tmp_path, "2099-1", date(2099, 1, 1), more=rule)
    failed = run("policy", "check", str(folder))
    assert failed.exit_code == 1
    assert "reasons.power.against" in failed.stderr


def test_from_a_file_to_a_rule_in_force(run: Runner, tmp_path: Path) -> None:
    asyncio.run(decided(run.url))
    for login, password in PASSWORDS.items():
        assert run("user", "add", login, "--role", "admin", "--ask", given=f"{password}\n{password}\n").exit_code == 0
    folder = str(with_version(tmp_path, "2099-1", date(2099, 1, 1), thresholds="power_va_limit: 440"))
    told = run("policy", "diff", "pkh-pilot@2026-1", NAME, "--folder", folder)
    assert "The threshold power_va_limit is 440 instead of 1,300." in told.stdout

    chart = tmp_path / "chart.png"
    shown = run("policy", "simulate", NAME, "--folder", folder, "--chart", str(chart), "--no-progress")
    assert "4 applicants" in shown.stdout
    assert "4 of them are concerned" in shown.stdout
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert ["│", "electricity", "│", "1", "│", "4", "│", "+3", "│"] in rows
    assert ["│", "eligible", "│", "not_eligible", "│", "1", "│"] in rows
    with Image.open(chart) as picture:
        assert picture.format == "PNG"
        assert picture.width == 1200
        assert len(picture.convert("RGB").resize((60, 60)).getcolors(3600) or []) > 20

    by_ani, by_budi = f"{PASSWORDS['ani']}\n", f"{PASSWORDS['budi']}\n"
    assert run("policy", "propose", NAME, "--by", "ani", "--folder", folder, given=by_ani).exit_code == 0
    assert "same_person" in run("policy", "activate", NAME, "--by", "ani", given=by_ani).stderr
    assert "password is wrong" in run("policy", "activate", NAME, "--by", "budi", given=by_ani).stderr
    done = run("policy", "activate", NAME, "--by", "budi", given=by_budi)
    assert (done.exit_code, "decides from 2099-01-01 on" in done.stdout) == (0, True)
    assert "budi" in run("policy", "list").stdout
