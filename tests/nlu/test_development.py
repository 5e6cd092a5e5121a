"""How well authors are understood who wrote none of the training examples. The floors are a little below what was measured
(docs/decisions/0005-classifier.md), so that a change which loses something shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu import corpus
from nlu.corpus import DEV
from nlu.embedded import EmbeddedEngine
from nlu.parse import evaluate


@pytest.mark.parametrize("file", sorted(DEV.glob("*.yml")), ids=lambda file: file.stem)
async def test_other_authors_are_understood_and_seldom_misunderstood(engine: EmbeddedEngine, file: Path) -> None:
    result = await evaluate(engine, list(corpus.read_file(file)))
    assert result.accuracy >= 0.965
    assert result.confident_errors <= 0.015
    assert result.asked_back <= 0.07
    assert result.out_of_scope_accepted <= 0.05
