"""What is installed is what was locked: hashes for everything, no index named, no compiler needed."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repo import source

_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^\s;]+)", re.MULTILINE)
_BUILT_FROM_SOURCE = "dlib"


def _text(name: str) -> str:
    return (source.ROOT / "requirements" / f"{name}.lock").read_text()


def _pins(name: str) -> dict[str, str]:
    return dict(_PINNED.findall(_text(name)))


def _wanted(*extras: str) -> dict[str, Requirement]:
    project = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def test_a_lock_names_no_address() -> None:
    for name in ("run", "test", "rasa", "peers"):
        assert not re.search(r"://|--(extra-)?index|--find-links|@ ", _text(name)), name


def test_every_package_is_pinned_by_version_and_hashes() -> None:
    for name in ("run", "test", "rasa", "peers"):
        entries = [entry for entry in re.split(r"\n(?=\S)", _text(name)) if entry[0].isalnum()]
        assert len(entries) == len(_pins(name)) > 20
        assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_the_test_lock_is_the_run_lock_and_more() -> None:
    run, test = _pins("run"), _pins("test")
    assert run.items() <= test.items()
    assert {"pytest", "ruff", "mypy"} <= test.keys() - run.keys()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    for name, extras in (("run", ("sandbox",)), ("test", ("sandbox", "test"))):
        pins = _pins(name)
        for package, wanted in _wanted(*extras).items():
            assert package in pins, f"{package} is not locked: run `make lock`"
            assert wanted.specifier.contains(pins[package]), f"{wanted} is locked as {pins[package]}: run `make lock`"


def test_dlib_comes_ready_made() -> None:
    for name in ("run", "test"):
        assert _BUILT_FROM_SOURCE not in _pins(name)
        assert "dlib-bin" in _pins(name)


def test_the_dlib_that_the_face_image_builds_is_the_one_that_others_have_ready_made() -> None:
    assert _pins("dlib")[_BUILT_FROM_SOURCE] == _pins("run")["dlib-bin"].partition(".post")[0]
    assert not re.search(r"://|--(extra-)?index|--find-links|@ ", _text("dlib"))
