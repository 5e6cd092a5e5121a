"""YAML with line numbers: a policy file is edited by officers, so every complaint names the file and the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Location = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong at `line` (from 1) of `file`."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(ValueError):
    """Policy files that cannot be used: correct the named lines. `problems` lists them all."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one YAML file, and the line at which each part of it begins."""

    file: str
    content: Any
    lines: dict[Location, int]

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at the nearest known place around `location`."""
        while location and location not in self.lines:
            location = location[:-1]
        return Problem(self.file, self.lines.get(location, 1), message)


def read(path: Path) -> Document:
    """Parse one file; raises `PolicyError` for broken YAML and for a key that stands twice."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError([Problem(path.name, line, f"broken YAML: {error.problem}")]) from error
    lines: dict[Location, int] = {}
    problems: list[Problem] = []
    content = _build(node, (), path.name, lines, problems) if node is not None else None
    if problems:
        raise PolicyError(problems)
    return Document(path.name, content, lines)


def check(document: Document, model: type[M]) -> M:
    """The document as `model`; raises `PolicyError` with one problem for each thing that does not fit."""
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        problems = [
            document.problem(found["loc"], f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}")
            for found in error.errors()
        ]
        raise PolicyError(problems) from error


def _build(node: yaml.Node, at: Location, file: str, lines: dict[Location, int], problems: list[Problem]) -> Any:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node)
            if key in built:
                problems.append(Problem(file, key_node.start_mark.line + 1, f"{key} stands here a second time"))
            built[key] = _build(value_node, (*at, key), file, lines, problems)
            lines[(*at, key)] = key_node.start_mark.line + 1
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*at, index), file, lines, problems) for index, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)
