"""What the documents point at exists, and the two READMEs tell the same story."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.core
import typer.main

from backend.cli import app
from tests.repo import source

_DOCUMENTS = [path for path in source.files() if path.suffix == ".md"]
_LINK = re.compile(r"\]\(([^)#\s]+)")
_BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"`perlinsos ([a-z]+)(?: ([a-z]+))?")


@pytest.mark.parametrize("path", _DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(path: Path) -> None:
    targets = [target for target in _LINK.findall(path.read_text()) if "://" not in target]
    assert not [target for target in targets if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", _DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_named_exist(path: Path) -> None:
    known = _commands()
    assert not {named for named in _COMMAND.findall(path.read_text()) if named not in known}


def _commands() -> set[tuple[str, str]]:
    """Every command with its sub-command, and with none."""
    top = typer.main.get_command(app)
    assert isinstance(top, typer.core.TyperGroup)
    known = {(name, "") for name in top.commands}
    for name, command in top.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            known |= {(name, inner) for inner in command.commands}
    return known


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (source.ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in _DOCUMENTS:
        assert not set(re.findall(r"\bmake ([a-z]+)(?=`|  |\n)", path.read_text())) - targets, path.name


def test_the_indonesian_readme_is_a_twin() -> None:
    english, indonesian = ((source.ROOT / name).read_text() for name in ("README.md", "README.id.md"))

    def outline(text: str) -> list[str]:
        return [line.split(" ")[0] for line in _BLOCK.sub("", text).splitlines() if line.startswith("#")]

    def orders(text: str) -> list[str]:
        lines = "\n".join(_BLOCK.findall(text)).splitlines()
        return [line.split("#")[0].strip() for line in lines]

    assert outline(english) == outline(indonesian)
    assert orders(english) == orders(indonesian)


def test_the_folders_that_the_readme_names_exist() -> None:
    rows = re.findall(r"^\| `([a-z_/]+)/` ", (source.ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(rows) >= 6
    assert not [row for row in rows if not (source.ROOT / row).is_dir()]


def test_the_licence_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]
    assert (source.ROOT / "LICENSE").read_text().startswith(f"{project['license']} License")
