"""What import-linter cannot say: a channel knows no other, though only the start of its modules' names tells which they are."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

from tests.repo import source

_CHANNELS = ("simulator", "telegram", "whatsapp")


def _channel(module: str) -> str | None:
    """The channel that `bot.handlers.<channel>…` belongs to."""
    name = module.removeprefix("bot.handlers.")
    return next((channel for channel in _CHANNELS if name != module and name.startswith(channel)), None)


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_channels_do_not_import_each_other() -> None:
    seen = set()
    for path, module in source.modules("bot/handlers"):
        own = _channel(f"bot.handlers.{path.stem}")
        if own is None:
            continue
        seen.add(own)
        others = {name for name in _imported(module) if _channel(name) not in {None, own}}
        assert not others, f"{path.name} imports {others}"
    assert seen == set(_CHANNELS)


def test_every_module_has_its_layer() -> None:
    """import-linter passes over a module that no layer names."""
    contracts = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = set(re.findall(r"[a-z_.]+", " ".join(layers)))
    folders = {path.parent for path, _ in source.modules("bot", "backend") if path.name == "__init__.py"}
    parts = {f"{path.parent.name}.{path.stem}" for path, _ in source.modules("bot", "backend") if path.name[0] != "_"}
    parts |= {f"{folder.parent.name}.{folder.name}" for folder in folders if folder.parent != source.ROOT}
    top = {part for part in parts if part.startswith(("bot.", "backend."))}
    # settings: a contract of its own says who reads them; migrations are Alembic's, not imported by anybody.
    assert top - named == {"backend.settings", "backend.migrations"}
