"""Every setting is documented, with its default, and no document speaks of one that does not exist."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from backend.settings import Settings
from tests.repo import source

_MANUAL = (source.ROOT / "docs" / "operations.md").read_text()
_NAME = re.compile(r"\bPERLINSOS_[A-Z_]+[A-Z]\b")
_KNOWN = {f"PERLINSOS_{name}".upper() for name in Settings.model_fields}
# Read by the tests themselves.
_OF_TESTS = re.compile(r"PERLINSOS_TEST_")


def test_every_setting_has_a_line_in_the_manual() -> None:
    rows = "\n".join(line for line in _MANUAL.splitlines() if line.startswith("|"))
    assert not _KNOWN - set(_NAME.findall(rows))


def test_what_is_written_about_exists() -> None:
    for path, text in source.texts():
        if path.suffix in {".md", ".yml"} or path.name in {"Makefile", "Dockerfile"}:
            unknown = {name for name in _NAME.findall(text) if name not in _KNOWN and not _OF_TESTS.match(name)}
            assert not unknown, f"{path.relative_to(source.ROOT)} speaks of {unknown}"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_manual_gives_the_default(name: str) -> None:
    default = Settings.model_fields[name].default
    row = next(line for line in _MANUAL.splitlines() if line.startswith("|") and f"`PERLINSOS_{name.upper()}`" in line)
    shown = default.get_secret_value() if isinstance(default, SecretStr) else default
    if isinstance(shown, bool | float):
        shown = str(shown).lower().removesuffix(".0")
    said = row.split("|")[2]
    assert f"`{shown}`" in said if shown != "" else "`" not in said
