"""The repository as text and as syntax trees: what the tests that guard the whole look at."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def texts() -> Iterator[tuple[Path, str]]:
    """Path and content of every file that is text."""
    for path in files():
        try:
            yield path, path.read_bytes().decode()
        except UnicodeDecodeError:
            continue


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python module under these folders or files of the repository."""
    wanted = tuple(ROOT / folder for folder in folders)
    for path in files():
        if path.suffix == ".py" and any(path == place or place in path.parents for place in wanted):
            yield path, tree(path)


def calls(module: ast.Module, name: str) -> Iterator[ast.Call]:
    """Every call of a function or class by its plain name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def constant(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def pattern(node: ast.JoinedStr) -> re.Pattern[str] | None:
    """What an f-string may come out as, each replacement at least one character; None if it does not start with words."""
    if constant(node.values[0]) is None:
        return None
    parts = (re.escape(words) if (words := constant(part)) is not None else ".+" for part in node.values)
    return re.compile("".join(parts))
