"""docker-compose.yml is what the compose specification calls valid, and starts commands that exist, with few rights."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest
import typer.core
import typer.main
import yaml

from backend.cli import app
from backend.settings import Settings
from tests.repo import source

_COMPOSE = source.ROOT / "docker-compose.yml"
_FILE: dict[str, Any] = yaml.safe_load(_COMPOSE.read_text())
_SERVICES: dict[str, dict[str, Any]] = _FILE["services"]
_OURS = {name: service for name, service in _SERVICES.items() if service["image"] == "perlinsos"}
_DOCKERFILE = (source.ROOT / "Dockerfile").read_text()


def test_it_is_valid_by_the_compose_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(_COMPOSE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", sorted(_OURS))
def test_a_service_starts_a_command_that_exists(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert _OURS[name]["command"][0] in group.commands


def test_the_image_starts_the_console_script() -> None:
    script = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert f'ENTRYPOINT ["{next(iter(script))}"]' in _DOCKERFILE


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = _SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(service["user"]).partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_a_service_that_stays_up_is_watched(name: str) -> None:
    service = _SERVICES[name]
    assert ("restart" in service) == ("healthcheck" in service)
    for needed, condition in service.get("depends_on", {}).items():
        ends = "restart" not in _SERVICES[needed]
        assert condition["condition"] == ("service_completed_successfully" if ends else "service_healthy")


def test_every_setting_that_is_given_exists() -> None:
    known = {f"PERLINSOS_{name}".upper() for name in Settings.model_fields}
    given = {name for service in _OURS.values() for name in service["environment"]}
    given |= set(re.findall(r"\b(PERLINSOS_[A-Z_]+)=", _DOCKERFILE))
    assert len(given) > 5
    assert given <= known


def test_only_the_demo_has_known_passwords() -> None:
    demo = {name for name, service in _OURS.items() if service["environment"].get("PERLINSOS_DEMO") == "on"}
    assert demo == {"demo"}
    assert "production" in _SERVICES["service"]["profiles"]


def test_the_database_is_not_reachable_from_outside() -> None:
    assert "ports" not in _SERVICES["database"]
    assert all(
        port.startswith("${HOST:-127.0.0.1}:") for service in _OURS.values() for port in service.get("ports", ())
    )
