"""A broadcast is measured from its list to its last message, also while processes are killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app


@pytest.mark.parametrize("kills", [0, 1])
def test_everybody_on_the_list_gets_it_once_and_it_is_told(tmp_path: Path, nlu_model: Path, kills: int) -> None:
    sizes = ["--people", "3000", "--messages", "1200", "--kills", str(kills)]
    ran = CliRunner().invoke(app, ["bench", "broadcast", *sizes, "--results", str(tmp_path)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    page = next(tmp_path.glob("*.md")).read_text()
    assert "| people of whom a list was frozen | 3,000 |" in page
    assert "of 1,200, none twice" in page
    assert ("| PostgreSQL | " in page) is not bool(kills)
