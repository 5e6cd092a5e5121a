from __future__ import annotations

from pathlib import Path

import pytest

from nlu.embedded import EmbeddedEngine, train
from nlu.training import Report


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    path = tmp_path_factory.mktemp("nlu") / "embedded.model"
    return path, train(path)


@pytest.fixture(scope="session")
def engine(trained: tuple[Path, Report]) -> EmbeddedEngine:
    return EmbeddedEngine.load(trained[0])
