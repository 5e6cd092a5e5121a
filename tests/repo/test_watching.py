"""What is deployed beside the service is read by the programs that it is for, and asks for metrics that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

import nlu.rasa as rasa
from backend import metrics
from tests.compose import project
from tests.repo import source

_DEPLOY = source.ROOT / "deploy"
_DASHBOARD: dict[str, Any] = json.loads((_DEPLOY / "grafana" / "dashboards" / "perlinsos.json").read_text())
_ALERTS: dict[str, Any] = yaml.safe_load((_DEPLOY / "prometheus" / "alerts.yml").read_text())
_PROMETHEUS: dict[str, Any] = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yml").read_text())
_USE = re.compile(r"\b((?:perlinsos|process)_[a-z_]+)(\{[^}]*\})?")
_MADE_BY_PROMETHEUS = {"le", "role", "job", "instance"}
_OF_EVERY_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def _series() -> dict[str, set[str]]:
    """Every series name of the service with its labels."""
    found: dict[str, set[str]] = {}
    for metric in [*vars(metrics).values(), *vars(rasa).values()]:
        if isinstance(metric, MetricWrapperBase):
            ends = {Counter: ["_total"], Histogram: ["_bucket", "_sum", "_count"]}.get(type(metric), [""])
            name, labels = metric._name, set(metric._labelnames)
            found |= {f"{name}{end}": labels for end in ends}
    return found


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _DASHBOARD["panels"] if panel["type"] != "row"]


def _expressions() -> list[str]:
    asked = [target["expr"] for panel in _panels() for target in panel["targets"]]
    asked += [rule["expr"] for group in _ALERTS["groups"] for rule in group["rules"]]
    return asked


def test_every_metric_and_label_that_is_asked_for_exists() -> None:
    known = _series()
    for expression in _expressions():
        used = _USE.findall(expression)
        labels: set[str] = set()
        for name, _ in used:
            assert name in known or name in _OF_EVERY_PROCESS, f"{name} in {expression}"
            labels |= known.get(name, set())
        wanted = set(re.findall(r"by \(([^)]*)\)", expression))
        grouped = {label.strip() for group in wanted for label in group.split(",")}
        selected = {label for _, inside in used for label in re.findall(r"(\w+)(?:=~|!=|=)", inside)}
        assert (grouped | selected) <= labels | _MADE_BY_PROMETHEUS, expression


def test_the_dashboard_shows_what_an_operator_asks_first() -> None:
    shown = " ".join(_expressions())
    for name in ("reply_seconds", "queue_age_seconds", "sends_total", "face_seconds", "batch_size", "dead_letters_total",
                 "pool_connections", "statements_total"):  # fmt: skip
        assert f"perlinsos_{name}" in shown
    assert 'sum by (channel, error) (rate(perlinsos_sends_total{error!=""}' in shown


def test_panels_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in _DASHBOARD["panels"]}) == len(_DASHBOARD["panels"])


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    provisioning = _DEPLOY / "grafana" / "provisioning"
    [origin] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in _panels()} == {origin["uid"]}
    grafana, prometheus = project.everything()["grafana"], project.everything()["prometheus"]
    assert origin["url"] == f"http://{prometheus.name}:9090"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "perlinsos.yml").read_text())["providers"]
    mounts = dict(reversed(mount.split(":")[:2]) for mount in grafana.definition["volumes"])
    assert mounts[provider["options"]["path"]] == "./deploy/grafana/dashboards"


def test_prometheus_asks_every_process_of_the_service() -> None:
    [scrape] = _PROMETHEUS["scrape_configs"]
    [names] = scrape["dns_sd_configs"]
    serving = {name for name, service in project.everything().items() if service.ours and service.stays}
    assert set(names["names"]) == serving
    assert str(names["port"]) == project.image_environment()["PERLINSOS_PORT"]


def test_every_alert_says_what_is_wrong_and_has_its_line_in_the_manual() -> None:
    manual = (source.ROOT / "docs" / "operations.md").read_text()
    for rule in (rule for group in _ALERTS["groups"] for rule in group["rules"]):
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert f"`{rule['alert']}`" in manual, f"{rule['alert']} has no line"


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"],
        ["promtool", "test", "rules", "tests/compose/alerts_test.yml"],
        ["nats-server", "-t", "--config", "deploy/nats/single.conf"],
        ["nats-server", "-t", "--config", "deploy/nats/cluster.conf"],
    ],
    ids=["prometheus", "alerts", "nats", "cluster"],
)
def test_the_programs_read_their_files(command: list[str]) -> None:
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin")
    assert program, f"{command[0]} is not installed: `make services` installs it"
    done = subprocess.run(
        [program, *command[1:]],
        cwd=source.ROOT,
        env={**os.environ, "NATS_PASSWORD": "n0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
