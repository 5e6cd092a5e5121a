"""The commands, as an operator types them."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from backend.cli import app


class Runner:
    """`run("user", "list")` is `perlinsos user list`; `given` is what is typed when it asks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._runner = CliRunner()

    def __call__(self, *words: str, given: str = "") -> Result:
        return self._runner.invoke(app, list(words), input=given, catch_exceptions=False)
