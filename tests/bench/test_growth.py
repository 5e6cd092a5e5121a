"""Growth is measured on two whole services, by people whose conversations are already there."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from backend.cli import app
from backend.commands.bench import script
from backend.commands.bench.grown import SAID, Size
from backend.commands.bench.growth import address_of


def test_everybody_in_the_load_has_a_conversation_far_from_the_next_and_nobody_elses() -> None:
    address = address_of(Size(10_000, 100_000), 600)
    places = [address(number) for number in range(10_000)]
    assert len(set(places)) == 10_000
    numbers = [places.index(str(script.FIRST_CHAT + person)) for person in range(600)]
    assert numbers[-1] > 5_000
    assert all(number % len(SAID) == 0 for number in numbers), "the dialog of each has only begun"


def test_both_sizes_are_measured_and_compared(tmp_path: Path, nlu_model: Path) -> None:
    sizes = ["--small", "200", "--large", "2000", "--rounds", "1", "--people", "20"]
    ran = CliRunner().invoke(
        app, ["bench", "growth", *sizes, "--results", str(tmp_path), "--model", str(nlu_model)], catch_exceptions=False
    )
    assert ran.exit_code == 0, ran.output
    page = (tmp_path / "growth.md").read_text()
    for held in ("| 200 | 2,000 | ", "| 2,000 | 20,000 | ", "of the replies a second", "| PostgreSQL | "):
        assert held in page
    assert (tmp_path / "growth.svg").exists()


def test_too_few_conversations_for_the_load_are_refused() -> None:
    ran = CliRunner().invoke(app, ["bench", "growth", "--small", "100", "--people", "100"])
    assert ran.exit_code == 2
