"""How the console looks."""

from __future__ import annotations

from importlib.resources import files

CSS = (files("backend.console") / "console.css").read_text(encoding="utf-8")
