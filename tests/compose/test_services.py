"""What `docker compose up` would start, lived through: every service's very command, on real servers, with a citizen.

No container engine is needed: the commands run as processes of this machine, their addresses replaced by free ports.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import asyncpg
import pytest
import yaml
from dotenv import dotenv_values

from backend.gateways.http import HttpClient
from tests.compose import project
from tests.compose.project import ComposeService
from tests.compose.running import Processes, program
from tests.e2e.people import Citizen, resident
from tests.e2e.private import leaks
from tests.fakes.fake_telegram import FakeTelegram
from tests.object_store import ObjectStore
from tests.repo import source
from tests.repo.test_watching import _expressions

pytestmark = pytest.mark.timeout(400)
SECRET = "s3cret-of-the-webhook"
ROLES = ("web", "worker", "sender", "face", "console", "sandbox")
# What a good day has none of.
QUIET = re.compile(
    r"given_up|failures|tries_failed|nlu_|error!=|result=\"failed\"|result=~\"failed|result=\"queued\"|absent\(| [><] | == "
)


@dataclass
class Installation:
    """The project, running. `url` is the proxy's."""

    processes: Processes
    services: Mapping[str, ComposeService]
    variables: Mapping[str, str]
    telegram: FakeTelegram
    store: ObjectStore
    http: HttpClient
    url: str
    database: str
    private: Mapping[str, str]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The log lines of a service."""
        text = self.processes.log(name).read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """`.env`, as the script writes it for a demo."""
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "compose-secrets"
    script.write_text((source.ROOT / "scripts" / "compose-secrets").read_text())
    subprocess.run(["/bin/sh", str(script), "demo"], check=True, capture_output=True)
    return {name: value or "" for name, value in dotenv_values(tmp_path / ".env").items()}


@pytest.fixture
async def database(postgres_server: str) -> AsyncIterator[str]:
    """An empty database under the name that the project gives it."""
    connection = await asyncpg.connect(postgres_server)
    await connection.execute("CREATE DATABASE perlinsos")
    yield postgres_server.rpartition("/")[0] + "/perlinsos"
    await connection.execute("DROP DATABASE perlinsos WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def installation(
    tmp_path: Path, variables: dict[str, str], database: str, nlu_model: Path
) -> AsyncIterator[Installation]:
    with ObjectStore() as store:
        store.make_bucket("photos")
        variables |= {
            name: v for name, v in store.environment.items() if name in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        }
        places = {
            "database:5432": urlsplit(database).netloc.rpartition("@")[2],
            "store:8333": store.url.removeprefix("http://"),
        }
        async with FakeTelegram() as telegram, HttpClient() as http:
            mine = {
                "PERLINSOS_TELEGRAM_MODE": "webhook",
                "PERLINSOS_TELEGRAM_TOKEN": telegram.token,
                "PERLINSOS_TELEGRAM_SECRET": SECRET,
                "PERLINSOS_TELEGRAM_API_URL": telegram.url,
                "PERLINSOS_LOG_LEVEL": "DEBUG",
            }
            services = project.services(variables, *variables["COMPOSE_PROFILES"].split(","))
            with Processes(tmp_path, places, mine) as processes:
                await asyncio.to_thread(_up, processes, services)
                url = f"http://{processes.places['proxy:8080']}"
                telegram.point_at(url, SECRET)
                private = {**mine, **{f"PERLINSOS_SECRET_{name}": value for name, value in _secrets(variables).items()}}
                yield Installation(processes, services, variables, telegram, store, http, url, database, private)


def _secrets(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if re.search("PASSWORD|SECRET", name)}


def _up(processes: Processes, services: Mapping[str, ComposeService]) -> None:
    """In the order of `depends_on`: servers, migration, the service, the proxy, and who watches."""
    for name in ROLES:
        processes.place(name, 8000)
    processes.healthy(services["database"])
    _start_nats(processes, services["nats"])
    processes.run(services["migrate"])
    for name in ROLES:
        processes.start(services[name])
    for name in ROLES:
        processes.healthy(services[name])
    _start_proxy(processes, services["proxy"])
    _start_prometheus(processes, services["prometheus"])


def _start_nats(processes: Processes, nats: ComposeService) -> None:
    """NATS with the project's file; addresses and folder replaced."""
    clients, watchers = processes.place("nats", 4222), processes.place("nats", 8222)
    folder = processes.folder / "nats"
    folder.mkdir()
    conf = folder / "single.conf"
    text = (source.ROOT / "deploy" / "nats" / "single.conf").read_text()
    conf.write_text(
        text.replace("0.0.0.0:4222", clients).replace("0.0.0.0:8222", watchers).replace("/data", str(folder / "data"))
    )
    options = [part.replace("/etc/nats/single.conf", str(conf)) for part in nats.command]
    processes.launch("nats", [program("nats-server"), *options], nats.environment, nats.grace)
    processes.healthy(nats)


def _start_proxy(processes: Processes, proxy: ComposeService) -> None:
    """nginx with the project's file, addresses and folders replaced. Its resolver is Docker's own: addresses need none."""
    address = processes.place("proxy", 8080)
    folder = processes.folder / "nginx"
    folder.mkdir(mode=0o777)
    text = (source.ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    text = processes.here(text).replace("/tmp/", f"{folder}/").replace("listen 8080", f"listen {address}")
    text = re.sub(r"^\s*resolver .*$", "", text, flags=re.MULTILINE)
    conf = folder / "nginx.conf"
    conf.write_text(f"user root;\n{text}")
    name, *options = [str(conf) if part == "/etc/nginx/perlinsos.conf" else part for part in proxy.command]
    processes.launch("proxy", [program(name), *options], {}, proxy.grace)
    processes.healthy(proxy)


def _start_prometheus(processes: Processes, prometheus: ComposeService) -> None:
    address = processes.place("prometheus", 9090)
    folder = processes.folder / "prometheus"
    folder.mkdir()
    written = yaml.safe_load((source.ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    [scrape] = written["scrape_configs"]
    del scrape["dns_sd_configs"], scrape["relabel_configs"]
    scrape["static_configs"] = [
        {"targets": [processes.places[f"{role}:8000"]], "labels": {"role": role}} for role in ROLES
    ]
    written["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(written))
    (folder / "alerts.yml").write_text((source.ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    options = [
        part.replace("/etc/prometheus/prometheus.yml", str(folder / "prometheus.yml")).replace(
            "=/prometheus", f"={folder / 'data'}"
        )
        for part in prometheus.command
    ]
    listening = f"--web.listen-address={address}"
    processes.launch("prometheus", [program("prometheus"), *options, listening], {}, prometheus.grace)
    processes.healthy(prometheus)


async def test_a_citizen_is_registered_and_decided_by_the_services_of_the_project(installation: Installation) -> None:
    siti = Citizen(installation.telegram.user(5_200_000_001, "Siti Aminah"), resident("Siti Aminah"))
    number = await siti.registers("collins")
    await siti.hears(number, "memenuhi syarat")

    photos = installation.store.raw("photos")
    assert photos, "her photos rest in the store"
    assert not [name for name, resting in photos.items() if b"JFIF" in resting]

    await everybody_is_well(installation)
    await pages_and_figures_are_where_they_should_be(installation)
    await asyncio.to_thread(one_trace_leads_through_all_processes, installation, await rows_of(installation))
    await every_panel_shows_something(installation)

    processes = installation.processes
    ended = await asyncio.to_thread(processes.stop)
    assert ended.pop("nats") in {0, 1}  # 1 is what NATS before 2.10 says after an orderly end
    assert ended == dict.fromkeys([*ROLES, "proxy", "prometheus"], 0)
    for name in ended:
        told = leaks(processes.log(name).read_text(), dict(installation.private))
        assert not told, f"private in the log of {name}: {told[:10]}"


async def everybody_is_well(installation: Installation) -> None:
    for role in ROLES:
        answer = await installation.http.request(
            "GET", f"http://{installation.processes.places[f'{role}:8000']}/readyz"
        )
        parts = answer.json()
        assert set(parts.values()) == {"ok"}, (role, parts)
        assert {"database", "bus", "store"} <= set(parts)


async def pages_and_figures_are_where_they_should_be(installation: Installation) -> None:
    """The proxy leads each path to whoever serves it, and keeps figures to itself."""
    expected = {
        "/simulator": 200, "/console": 200, "/docs": 200, "/openapi.json": 200, "/healthz": 200, "/metrics": 404,
        "/api/v1/registrations": 401, "/sandbox/enrol": 200,
    }  # fmt: skip
    for path, status in expected.items():
        answer = await installation.http.request("GET", f"{installation.url}{path}", timeout=20)
        assert answer.status == status or (status == 200 and answer.status in {302, 303, 307}), (path, answer.status)


async def rows_of(installation: Installation) -> dict[str, set[str]]:
    """The traces of every kind of row."""
    connection = await asyncpg.connect(installation.database)
    try:
        found = {}
        for table in ("inbox", "outbox", "jobs"):
            found[table] = {row["trace"] for row in await connection.fetch(f"SELECT trace FROM {table}")}
        return found
    finally:
        await connection.close()


def one_trace_leads_through_all_processes(installation: Installation, rows: dict[str, set[str]]) -> None:
    """The second selfie, from the proxy's line to the last send: found by one id in four logs and three tables."""
    checked = [line["trace"] for line in installation.lines("face") if line.get("kind") == "face.verify"]
    assert len(checked) == 1
    [trace] = checked
    assert all(trace in traces for traces in rows.values())
    assert [line["path"] for line in installation.lines("proxy") if line["trace"] == trace] == ["/webhooks/telegram"]
    events = {
        name: {line["event"] for line in installation.lines(name) if line.get("trace") == trace}
        for name in ("web", "worker", "face", "sender")
    }
    assert "webhook" in events["web"]
    assert "turn" in events["worker"]
    assert "job_done" in events["face"]
    assert "sent" in events["sender"] | events["worker"]


async def every_panel_shows_something(installation: Installation) -> None:
    """Each expression of the dashboard and of the alerts, asked of a Prometheus that has read the running processes."""
    base = f"http://{installation.processes.places['prometheus:9090']}/api/v1"

    async def ask(expression: str) -> list[Any]:
        query = urlencode({"query": expression.replace("$__rate_interval", "1m")})
        answer = (await installation.http.request("GET", f"{base}/query?{query}")).json()
        assert answer["status"] == "success", (expression, answer)
        found: list[Any] = answer["data"]["result"]
        return found

    deadline = time.monotonic() + 30
    while len(await ask('up{job="perlinsos"} == 1')) < len(ROLES):
        assert time.monotonic() < deadline, await ask("up")
        await asyncio.sleep(0.5)
    await asyncio.sleep(2.5)  # a rate needs two looks
    empty = [expression for expression in _expressions() if not await ask(expression)]
    assert not [expression for expression in empty if not QUIET.search(expression)]
    firing = (await installation.http.request("GET", f"{base}/alerts")).json()["data"]["alerts"]
    assert not [alert["labels"]["alertname"] for alert in firing if alert["state"] == "firing"]
