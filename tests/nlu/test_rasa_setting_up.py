"""How Rasa comes to be there: its Python, its lock, its files, its image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from nlu.understanding import INTENTS
from tests.nlu.rasa_server import ROOT

_SCRIPT = (ROOT / "scripts" / "rasa").read_text()
_DOCKERFILE = (ROOT / "Dockerfile.rasa").read_text()


def test_rasa_knows_the_intents_of_the_project() -> None:
    assert tuple(yaml.safe_load((ROOT / "nlu" / "domain.yml").read_text())["intents"]) == INTENTS


def test_without_a_python_it_says_how_to_get_one(tmp_path: Path) -> None:
    copy = tmp_path / "find-python"
    copy.write_text((ROOT / "scripts" / "find-python").read_text().replace("/usr/bin/", f"{tmp_path}/nowhere/"))
    (tmp_path / "cat").symlink_to("/bin/cat")
    done = subprocess.run(
        ["/bin/sh", str(copy), "3.10"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Python 3.10 was not found" in done.stderr
    assert "pyenv install 3.10" in done.stderr


def test_a_word_that_it_does_not_know_gets_the_list() -> None:
    done = subprocess.run([ROOT / "scripts" / "rasa", "fly"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["install", "train", "serve"]


def test_the_image_installs_trains_and_serves_as_the_script_does() -> None:
    for words in (
        "--no-deps --use-pep517 --require-hashes",
        "--config nlu/config.yml --domain nlu/domain.yml --nlu nlu/data",
    ):
        assert words in _SCRIPT
        assert words in _DOCKERFILE
    assert '"run", "--enable-api"' in _DOCKERFILE
    assert "rasa run --enable-api" in _SCRIPT
    for name in ("RASA_TELEMETRY_ENABLED=false", "TF_CPP_MIN_LOG_LEVEL=3", "CUDA_VISIBLE_DEVICES="):
        assert name in _SCRIPT
        assert _DOCKERFILE.count(name) == 2


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", _DOCKERFILE, re.MULTILINE):
        for path in copied.split():
            assert (ROOT / path).exists()
            assert {path, path.split("/")[0]} & allowed, path


def test_the_component_needs_nothing_that_the_image_does_not_copy(tmp_path: Path) -> None:
    """Imported where only what the image copies is."""
    for line in re.findall(r"^COPY (?!--)((?:nlu|bot|backend).*) \S+$", _DOCKERFILE, re.MULTILINE):
        for copied in line.split():
            (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / copied).symlink_to(ROOT / copied)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    script = "import nlu.embedded, nlu.training, bot, sys; sys.exit(bot.__file__ != sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bot" / "__init__.py")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
