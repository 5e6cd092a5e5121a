"""The scripts behind `make run` and `make test`: what they leave behind, and what they say when something is missing."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.crypto import KeyRing
from tests.compose import project
from tests.repo import source

_SCRIPTS = source.ROOT / "scripts"


def _run(
    script: Path, *arguments: str, path: Path | None = None, home: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYENV_ROOT", "ASDF_DATA_DIR"}}
    environment |= {"PATH": str(path)} if path else {}
    environment |= {"HOME": str(home)} if home else {}
    return subprocess.run(
        ["/bin/sh", str(script), *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def _programs(folder: Path, **scripts: str) -> Path:
    """A folder for the PATH with these shell scripts in it and nothing else."""
    folder.mkdir()
    for name, body in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return folder


def _find_python(tmp_path: Path, **scripts: str) -> subprocess.CompletedProcess[str]:
    """The finder where no Python is but those given: it must not look outside of the folders that we made."""
    copy = tmp_path / "find-python"
    copy.write_text((_SCRIPTS / "find-python").read_text().replace("/usr/bin/", f"{tmp_path}/nowhere/"))
    return _run(
        copy, path=_programs(tmp_path / "bin", cat=f'exec {shutil.which("cat")} "$@"', **scripts), home=tmp_path
    )


def test_python_is_found_under_any_of_its_names(tmp_path: Path) -> None:
    found = _find_python(tmp_path, python3=f'exec {sys.executable} "$@"')
    assert found.returncode == 0
    assert found.stdout.strip() == str(tmp_path / "bin" / "python3")


def test_a_python_of_another_version_is_passed_over(tmp_path: Path) -> None:
    found = _find_python(tmp_path, python3="exit 1", python=f'exec {sys.executable} "$@"')
    assert found.stdout.strip() == str(tmp_path / "bin" / "python")


def test_a_python_that_only_pyenv_has_is_found(tmp_path: Path) -> None:
    kept = tmp_path / ".pyenv" / "versions" / "3.11.9"
    kept.mkdir(parents=True)
    _programs(kept / "bin", **{"python3.11": f'exec {sys.executable} "$@"'})
    found = _find_python(tmp_path, python3="exit 1")
    assert found.stdout.strip() == str(kept / "bin" / "python3.11")


def test_without_a_python_it_says_how_to_get_one(tmp_path: Path) -> None:
    found = _find_python(tmp_path, python3="exit 1")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "Python 3.11 was not found" in found.stderr
    assert "apt-get install python3.11" in found.stderr


def test_without_apt_it_says_what_is_missing(tmp_path: Path) -> None:
    text = (_SCRIPTS / "install-services").read_text().replace("/usr/lib/postgresql", str(tmp_path / "none"))
    copy = tmp_path / "install-services"
    copy.write_text(text)
    done = _run(copy, path=_programs(tmp_path / "bin", ls="exit 2"))
    assert done.returncode == 1
    assert "postgresql chromium" in done.stderr


def test_without_root_or_sudo_it_says_what_root_would_do(tmp_path: Path) -> None:
    text = (_SCRIPTS / "install-services").read_text().replace("/usr/lib/postgresql", str(tmp_path / "none"))
    copy = tmp_path / "install-services"
    copy.write_text(text)
    done = _run(copy, path=_programs(tmp_path / "bin", ls="exit 2", id="echo 1000", **{"apt-get": "exit 3"}))
    assert done.returncode == 1
    assert "As root: apt-get install postgresql chromium" in done.stderr


def test_what_is_there_is_not_installed_again() -> None:
    done = _run(_SCRIPTS / "install-services")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ["demo", "production"])
def test_compose_secrets_are_written_once_and_for_the_owner_only(tmp_path: Path, kind: str) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "compose-secrets"
    script.write_text((_SCRIPTS / "compose-secrets").read_text())
    assert _run(script, "elsewhere").returncode == 2
    assert _run(script, kind).returncode == 0
    written = tmp_path / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in written.read_text().splitlines())
    assert re.fullmatch("[0-9a-f]{48}", values["POSTGRES_PASSWORD"])
    # NATS takes what begins like a number for one.
    assert re.fullmatch("n[0-9a-f]{48}", values["NATS_PASSWORD"])
    ring = KeyRing(values["PERLINSOS_SECRET_KEYS"])
    assert ring.open(ring.seal(b"x", b"here"), b"here") == b"x"
    on = "on" if kind == "demo" else "off"
    assert (values["PERLINSOS_SANDBOX"], values["PERLINSOS_DEMO"]) == (on, on)
    assert ("demo" in values["COMPOSE_PROFILES"].split(",")) == (kind == "demo")
    running = project.services(values, *values["COMPOSE_PROFILES"].split(","))
    assert ("sandbox" in running) == (kind == "demo")
    assert _run(script, kind).returncode == 1
    assert dict(line.split("=", 1) for line in written.read_text().splitlines()) == values


@pytest.mark.parametrize(("ending", "status"), [("exit 7", 7), ("kill -TERM $PPID; sleep 30", 143)])
def test_the_tests_database_ends_with_the_tests(ending: str, status: int) -> None:
    """Whether the tests end by themselves or are stopped from outside, PostgreSQL and its folder are gone."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.postgres", "/bin/sh", "-c", f"echo $PERLINSOS_TEST_POSTGRES; {ending}"],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    port = re.search(r"@127\.0\.0\.1:(\d+)/", done.stdout)
    assert port is not None
    with pytest.raises(ConnectionRefusedError):
        _connect(int(port[1]))


def _connect(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        raise AssertionError("PostgreSQL still listens")


def test_ci_runs_what_developers_run() -> None:
    lines = (source.ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "make test"
    assert "set -euo pipefail" in lines
