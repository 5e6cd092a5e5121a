"""The engine inside the process: a linear classifier over words and letters, far faster than a call to a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.events import Understanding
from nlu.corpus import DATA
from nlu.features import Analyser, analyser
from nlu.model import Model
from nlu.understanding import FALLBACK

if TYPE_CHECKING:
    from nlu.training import Report

RANKED = 5
MOST_REMEMBERED = 4096
LONGEST_REMEMBERED = 24
"""Characters: "ya", "daftar", "lihat hasil", "makasih pak" are most of what people write, each of them many times a second."""


def train(out: Path, data: Path = DATA) -> Report:
    """Trains on the corpus below `data` and writes one file, `out`."""
    from nlu.training import train as learn  # scikit-learn takes a second to import: only training pays for it

    return learn(out, data)


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """Answers in well under a millisecond a message, so it is called on the event loop itself."""

    model: Model
    analyser: Analyser
    name: str = "embedded"
    _remembered: dict[str, Understanding] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> EmbeddedEngine:
        """Raises NluError when there is no usable model at `path`."""
        return cls(Model.load(path), analyser())

    async def understand(self, texts: Sequence[str]) -> list[Understanding]:
        return [self.classify(text) for text in texts]

    def classify(self, text: str) -> Understanding:
        """The intent of one text with a calibrated confidence; `nlu_fallback` where acting on it would be a guess.

        Answers to short texts without a digit (which could be personal) are remembered: it is the same few thousand.
        """
        if len(text) > LONGEST_REMEMBERED or any(char.isdigit() for char in text):
            return self._classify(text)
        known = self._remembered.get(text)
        if known is None:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[text] = self._classify(text)
        return known

    def _classify(self, text: str) -> Understanding:
        ranking, coverage = self.rank(text)
        return self.model.rule.decide(text, ranking[:RANKED], coverage) if ranking else Understanding(FALLBACK, 0.0)

    def rank(self, text: str) -> tuple[list[tuple[str, float]], float]:
        """Every intent with its probability, best first, and the share of known words; nothing if no word is known."""
        blocks = self.analyser.features(text)
        row = self.model.vectoriser.row(blocks)
        if not len(row[0]):
            return [], 0.0
        scaled = self.model.logits(row) / self.model.temperature
        chances = np.exp(scaled - scaled.max())
        chances /= chances.sum()
        order = np.argsort(-chances)
        return [(self.model.intents[i], round(float(chances[i]), 4)) for i in order], self._coverage(blocks[0])

    def _coverage(self, words: Sequence[str]) -> float:
        """Share of the words (not pairs, stems or edges) that occur in the corpus: an unknown language is nobody's request."""
        plain = [word for word in words if word.replace("-", "").isalnum()]
        known = sum(f"0{word}" in self.model.vectoriser.index for word in plain)
        return known / len(plain) if plain else 0.0
