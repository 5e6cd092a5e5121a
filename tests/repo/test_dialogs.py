"""The dialogs as drawn in the documents are those of the code."""

from __future__ import annotations

from typer.testing import CliRunner

from backend.cli import app
from backend.commands.dialogs import page
from bot.dialogs import DIALOGS
from tests.repo import source

_PAGE = source.ROOT / "docs" / "dialogs.md"


def test_the_drawn_dialogs_are_those_of_the_code() -> None:
    assert _PAGE.read_text() == page(), "run `perlinsos dialogs > docs/dialogs.md`"


def test_the_command_prints_the_page() -> None:
    assert CliRunner().invoke(app, ["dialogs"]).stdout == page()


def test_every_dialog_and_what_its_steps_do_is_on_the_page() -> None:
    drawn = page()
    assert not [name for name in DIALOGS if f"`{name}`" not in drawn and f"## {name}\n" not in drawn]
    assert "    selfie : calls selfie\n" in drawn
    assert "    look_up : waits for ikd.look_up\n" in drawn
    assert "    receive_front : waits for photo.receive\n" in drawn
    assert "    photos : asks for photo.receive\n" in drawn
    assert "    summary : writes appeal.file\n" in drawn
    assert "    activation : opens ikd_help, handover\n" in drawn
