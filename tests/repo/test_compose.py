"""docker-compose.yml is what the compose specification calls valid, and starts commands that exist, with few rights."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
import typer.core
import typer.main
import yaml

from backend.cli import app
from backend.roles import Role
from backend.settings import Settings
from tests.compose import project
from tests.compose.project import ComposeService
from tests.repo import source

_ALL = project.everything()
_OURS = {name: service for name, service in _ALL.items() if service.ours}
_DOCKERFILE = project.DOCKERFILE.read_text()
_AS_ROOT = {"prepare-volumes"}  # makes new volumes belong to those who use them, and ends
_MADE_BY_OTHERS = re.compile(r"(AWS|POSTGRES|NATS|PG|DB|AUTH|POOL|MAX|DEFAULT|GF)_?[A-Z_]*")


def test_it_is_valid_by_the_compose_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(project.FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", sorted(_OURS))
def test_a_service_starts_a_command_that_exists_with_options_that_it_takes(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    verb, *arguments = _OURS[name].command
    command = group.commands[verb]
    command.make_context(verb, list(arguments), resilient_parsing=False)
    with pytest.raises(Exception, match=r"no-such-option|No such option"):
        command.make_context(verb, [*arguments, "--no-such-option"])


def test_every_role_is_a_service_of_its_own() -> None:
    served = {name: service.command[2:] for name, service in _OURS.items() if service.command[0] == "serve"}
    assert served == {role.value: [role.value] for role in Role}


def test_the_images_start_the_console_script() -> None:
    script = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert f'ENTRYPOINT ["{next(iter(script))}"]' in _DOCKERFILE
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", _DOCKERFILE, re.MULTILINE))
    assert {service.definition["build"]["target"] for service in _OURS.values()} <= stages


def test_the_final_images_hold_no_compiler() -> None:
    final = _DOCKERFILE[_DOCKERFILE.index(" AS base") :]
    assert not re.search(r"g\+\+|cmake|-dev\b|pip ", final)


@pytest.mark.parametrize("name", sorted(_ALL))
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = _ALL[name].definition
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in _AS_ROOT:
        assert not _ALL[name].stays
        assert service["network_mode"] == "none"
        return
    assert "cap_add" not in service
    assert str(service["user"]).partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(_ALL))
def test_a_service_has_limits_and_cannot_fill_the_disk_with_its_log(name: str) -> None:
    service = _ALL[name].definition
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[MG]", limits["memory"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(_ALL))
def test_a_service_that_stays_up_is_watched_and_may_end_in_order(name: str) -> None:
    service = _ALL[name]
    watched = "test" in service.definition.get("healthcheck", {})
    assert service.stays == watched
    if service.stays:
        assert service.grace >= 10
    for needed, condition in service.definition.get("depends_on", {}).items():
        ends = not _ALL[needed].stays
        assert condition["condition"] == ("service_completed_successfully" if ends else "service_healthy")
        profiles = set(_ALL[needed].definition.get("profiles", ()))
        assert not profiles or profiles <= set(service.definition.get("profiles", ())), f"{needed} may not be there"


def test_every_setting_that_is_given_exists() -> None:
    known = {f"PERLINSOS_{name}".upper() for name in Settings.model_fields}
    given = {name for service in _OURS.values() for name in service.environment}
    given |= set(project.image_environment())
    ours = {name for name in given if name.startswith("PERLINSOS_")}
    assert len(ours) > 10
    assert ours <= known
    others = given - ours - {"PATH", "HOME", "NICEGUI_STORAGE_PATH"}
    assert not {n for n in others if not _MADE_BY_OTHERS.fullmatch(n) and not n.startswith(("PYTHON", "O"))}


def test_versions_are_pinned() -> None:
    images = {service.definition["image"] for service in _ALL.values() if "build" not in service.definition}
    bases = set(re.findall(r"^FROM (\S+:\S+)", _DOCKERFILE, re.MULTILINE))
    bases |= set(re.findall(r"^FROM (\S+:\S+)", (source.ROOT / "Dockerfile.rasa").read_text(), re.MULTILINE))
    assert not [image for image in images | bases if not re.search(r":v?\d+\.\d+(\.\d+)?\b", image)]


def test_what_is_mounted_from_here_exists() -> None:
    mounts = [str(mount) for service in _ALL.values() for mount in service.definition.get("volumes", ())]
    local = [mount.split(":") for mount in mounts if mount.startswith("./")]
    assert local
    for path, _, mode in local:
        assert (source.ROOT / path).exists()
        assert mode == "ro"
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert named == set(yaml.safe_load(project.FILE.read_text())["volumes"])


def test_known_passwords_are_off_unless_somebody_asks_for_them() -> None:
    assert {s.environment["PERLINSOS_DEMO"] for s in _OURS.values() if "PERLINSOS_DEMO" in s.environment} == {"off"}
    serving = [service for service in _OURS.values() if service.stays and service.name != "sandbox"]
    assert {service.environment["PERLINSOS_SANDBOX"] for service in serving} == {"off"}
    assert _ALL["sandbox"].definition["profiles"] == ["demo"]


def test_only_the_proxy_and_the_dashboards_are_reachable_and_only_from_this_machine() -> None:
    ports = {name: s.definition["ports"] for name, s in _ALL.items() if "ports" in s.definition}
    assert set(ports) == {"proxy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for listed in ports.values() for port in listed)


@pytest.mark.parametrize("name", ["database", "nats", "store", "prometheus", "console", "sandbox"])
def test_what_holds_data_has_no_way_out(name: str) -> None:
    assert _ALL[name].definition["networks"] == ["inside"]
    assert yaml.safe_load(project.FILE.read_text())["networks"]["inside"] == {"internal": True}


def test_what_must_be_given_is_demanded_by_name() -> None:
    with pytest.raises(project.VariableMissingError, match="POSTGRES_PASSWORD"):
        project.services({"NATS_PASSWORD": "x"})


def fill(service: ComposeService) -> str:
    return " ".join([*service.command, *service.environment.values()])


def test_nothing_is_left_to_fill_in() -> None:
    assert not [service.name for service in _ALL.values() if "$" in fill(service)]
