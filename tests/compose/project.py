"""docker-compose.yml as `docker compose` reads it: variables filled in, merges done, services chosen by profile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.repo import source

FILE = source.ROOT / "docker-compose.yml"
DOCKERFILE = source.ROOT / "Dockerfile"
OURS = frozenset({"perlinsos", "perlinsos-face"})
"""The images that we build of the service itself."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VariableMissingError(Exception):
    """A variable that the file demands with `${NAME:?}` is not set."""


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service; `definition` is its part of the file, filled in."""

    name: str
    definition: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        return self.definition["image"] in OURS

    @property
    def stays(self) -> bool:
        """It is meant to run for as long as the project does."""
        return bool(self.definition.get("restart", "no") != "no")

    @property
    def command(self) -> list[str]:
        return [str(part) for part in self.definition.get("command", ())]

    @property
    def environment(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.definition.get("environment", {}).items()}

    @property
    def health(self) -> list[str]:
        """The command of its health check."""
        kind, *command = self.definition["healthcheck"]["test"]
        assert kind == "CMD"
        return [str(part) for part in command]

    @property
    def grace(self) -> float:
        """Seconds between SIGTERM and SIGKILL."""
        return float(str(self.definition["stop_grace_period"]).removesuffix("s"))


def services(variables: Mapping[str, str], *profiles: str) -> dict[str, ComposeService]:
    """The services that run with these variables (what `.env` holds) and profiles."""
    raw = yaml.safe_load(FILE.read_text())["services"]
    found = {}
    for name, definition in raw.items():
        wanted = definition.get("profiles")
        if wanted is None or set(wanted) & set(profiles):
            found[name] = ComposeService(name, _filled(definition, variables))
    return found


def everything() -> dict[str, ComposeService]:
    """Every service of every profile; each variable that is demanded stands for itself."""
    raw = yaml.safe_load(FILE.read_text())["services"]
    variables = dict.fromkeys(re.findall(r"\$\{(\w+):\?", FILE.read_text()), "given")
    return {name: ComposeService(name, _filled(definition, variables)) for name, definition in raw.items()}


def image_environment() -> dict[str, str]:
    """What the image itself sets, by its Dockerfile."""
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    set_there = [line.removeprefix("ENV ") for line in lines if line.startswith("ENV PATH")]
    return dict(pair.split("=", 1) for line in set_there for pair in line.split())


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return "".join(_parts(value, variables))
    if isinstance(value, dict):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    return value


def _parts(text: str, variables: Mapping[str, str]) -> Iterator[str]:
    """`${NAME}`, `${NAME:-otherwise}` (which may hold more of them) and `${NAME:?why}`."""
    while text:
        before, mark, text = text.partition("${")
        yield before
        if not mark:
            return
        end = _end(text)
        inside, text = text[:end], text[end + 1 :]
        named = _NAME.match(inside)
        assert named is not None, inside
        name, rest = named[0], inside[named.end() :]
        if variables.get(name):
            yield variables[name]
        elif rest.startswith(":-"):
            yield from _parts(rest[2:], variables)
        elif rest.startswith(":?"):
            raise VariableMissingError(name)


def _end(text: str) -> int:
    """Where the brace closes that was open at the start."""
    depth = 1
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return place
    raise AssertionError(f"a brace stays open: {text}")
