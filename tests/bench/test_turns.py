"""The benchmark measures what it says: every turn of every person is answered, and its cost is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.commands.bench import script
from backend.domain.kk import Kk, parse_kk
from backend.domain.nik import Nik, parse_nik


def test_people_in_the_load_are_distinct_and_their_numbers_well_formed() -> None:
    today = date(2026, 11, 22)
    people = [*range(2_000), *range(10_000_000, 10_001_000), *range(150_000_000, 150_001_000)]
    known = set()
    for person in people:
        nik, kk = script.numbers(person)
        assert isinstance(parse_nik(nik, today), Nik)
        assert isinstance(parse_kk(kk, nik=nik), Kk)
        known |= {nik, kk}
    assert len(known) == 2 * len(people)


def test_a_persons_turns_come_in_order_and_no_update_twice() -> None:
    said = list(script.says(100, first=7, at=0))
    for person in range(7, 107):
        assert [one.step for one in said if one.person == person] == list(range(script.STEPS))
    assert len({one.body for one in said}) == 600


@pytest.mark.parametrize("options", [["--connections", "8"], ["--mode", "latency", "--rate", "40"]], ids=lambda o: o[0])
def test_every_turn_is_answered_and_told(options: list[str], tmp_path: Path, nlu_model: Path) -> None:
    words = [
        "bench",
        "turns",
        "--people",
        "16",
        "--warm-up",
        "0",
        "--results",
        str(tmp_path),
        "--model",
        str(nlu_model),
    ]
    ran = CliRunner().invoke(app, [*words, *options], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    (page,) = tmp_path.glob("*.md")
    rows = dict(line.strip("| ").split(" | ")[:2] for line in page.read_text().splitlines() if line.startswith("| "))
    assert rows["turns (webhooks acknowledged)"] == rows["replies delivered"] == "96"
    assert float(rows["service"]) > 0
    assert page.with_suffix(".svg").read_text().startswith("<?xml")
