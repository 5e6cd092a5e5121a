"""The words of the console and the simulator: from the same catalogue as the conversation's."""

from __future__ import annotations

from typing import Any

from bot.effects import Say
from bot.texts import Catalogue


class Words:
    """`words("key", …)` is the text `<prefix>.<key>`; `of` gives the words of another page."""

    def __init__(self, catalogue: Catalogue, prefix: str = "console") -> None:
        self._catalogue = catalogue
        self._prefix = prefix

    def __call__(self, key: str, **params: Any) -> str:
        return self._catalogue.text(Say(f"{self._prefix}.{key}", params))

    def of(self, prefix: str) -> Words:
        return Words(self._catalogue, prefix)
