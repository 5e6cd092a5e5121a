"""Every metric stands in one module, is named as Prometheus's conventions say, and is counted somewhere."""

from __future__ import annotations

import ast
import re

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from backend import metrics
from tests.repo import source

_DEFINED = {name: found for name, found in vars(metrics).items() if isinstance(found, MetricWrapperBase)}
_OF_NLU = "nlu/rasa.py"  # Rasa's client knows nothing of the backend


def test_metrics_are_defined_in_one_place() -> None:
    for path, module in source.modules("backend", "bot", "nlu"):
        if path.relative_to(source.ROOT).as_posix() in {"backend/metrics.py", _OF_NLU}:
            continue
        imported = {node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
        made = [name for name in ("Counter", "Gauge", "Histogram") if any(source.calls(module, name))]
        assert not ("prometheus_client" in imported and made), f"{path} defines a metric of its own"


@pytest.mark.parametrize("name", sorted(_DEFINED))
def test_a_metric_is_named_by_convention_and_used(name: str) -> None:
    found = _DEFINED[name]
    described = found._name, found._documentation
    assert re.fullmatch(r"perlinsos_[a-z]+(_[a-z]+)*", described[0])
    assert described[1]
    assert described[0].endswith("_seconds") == name.endswith("_SECONDS"), "what is measured in seconds says so"
    assert isinstance(found, Counter | Gauge | Histogram)
    used = re.compile(rf"metrics\.{name}\b|(?<!^){name}\.labels")
    places = [
        path
        for path, text in source.texts()
        if path.suffix == ".py" and "tests" not in path.parts and used.search(text)
    ]
    assert places, "nothing ever counts it"
