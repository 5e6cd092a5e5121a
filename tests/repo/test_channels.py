"""A channel knows no other: import-linter cannot say "all modules whose names start alike", so it is said here."""

from __future__ import annotations

import ast
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
