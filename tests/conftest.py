"""What every test may ask for: a migrated database of either kind, a key ring, the HTTP client, servers on real sockets.

Nothing is skipped when a service is missing: PostgreSQL is started by whoever needs it first.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling

from backend import crypto
from backend.db import Database
from backend.gateways.faces import FacePool
from backend.gateways.http import HttpClient
from backend.migrate import migrate
from backend.sandbox.app import SandboxConfig, create_sandbox
from tests import postgres
from tests.command_line import Runner
from tests.sandbox.serving import Served

# The developer's own settings must not decide what a test sees.
for _name in [name for name in os.environ if name.startswith("PERLINSOS_") and name != postgres.VARIABLE]:
    del os.environ[_name]

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
_numbers = count(1)


# Their tests live in one running service a file (and channel), and some in what an earlier one has done there.
_ONE_SERVICE = {f"tests/e2e/test_{name}.py" for name in ("stories", "bad_input", "simulator", "api_page")}


class _Together(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    """Tests that share what takes most of a minute to make run in one process of a parallel run.

    By their path, because xdist 3.8 cannot put its group marks into the ids of pytest 9's tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/nlu/test_rasa.py"):
            return "rasa"
        if nodeid.startswith("tests/nlu/"):
            return "trained"
        file = nodeid.partition("::")[0]
        if file in _ONE_SERVICE:
            return f"{file} {'whatsapp' if '[whatsapp' in nodeid else ''}"
        return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Together | None:
    return _Together(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def keyring(session_keyring: crypto.KeyRing) -> crypto.KeyRing:
    """The installed key ring, the same for the whole run: a test that installs another one does not leave it behind."""
    crypto.use(session_keyring)
    return session_keyring


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[None]:
    """A command that a test runs in this process sets up its log lines, from a level on; the next test sees all again."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def session_keyring() -> crypto.KeyRing:
    return crypto.KeyRing(crypto.new_key())


@pytest.fixture
def now() -> datetime:
    """Sunday, 22 November 2026, 10.00 WIB."""
    return NOW


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    return postgres.free_port()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
def serve_app() -> Iterator[Callable[[Callable[..., Any]], str]]:
    """`serve_app(app)` puts an ASGI app behind a real socket, in a thread with its own loop, until the test ends; its URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(Served(app)).url


@pytest.fixture(scope="session")
def faces() -> Iterator[FacePool]:
    """One child process for face work, shared by the tests of this process: loading its models takes a second."""
    pool = FacePool()
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def nlu_model() -> Path:
    """The classifier that `make run` trains; trained here when it is missing."""
    model = Path(__file__).resolve().parent.parent / "var" / "nlu" / "model.bin"
    if not model.exists():
        from nlu.embedded import train

        model.parent.mkdir(parents=True, exist_ok=True)
        train(model)
    return model


@pytest.fixture
def sandbox(tmp_path: Path, faces: FacePool, keyring: crypto.KeyRing) -> Iterator[str]:
    """The URL of a sandbox of one's own at `NOW`, IKD at `/ikd`, the data owners at `/sources`."""
    config = SandboxConfig(synthetic=False, data_dir=tmp_path / "sandbox", hold_s=5)
    app = create_sandbox(config, seal=keyring.seal, open_=keyring.open, faces=faces, clock=lambda: NOW)
    with Served(app) as served:
        yield served.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrated(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of the server that `make test` started, or of one started here."""
    given = os.environ.get(postgres.VARIABLE)
    if given:
        yield given
        return
    with postgres.Postgres() as server:
        yield server.url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """A migrated database that the tests of this process copy; nobody may be connected to it while they do."""
    name = f"template_{os.getpid()}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name}"))
    asyncio.run(_migrated(_sqlalchemy_url(postgres_server, name)))
    yield name
    asyncio.run(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "perlinsos.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database, dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}"))
    yield _sqlalchemy_url(postgres_server, name)
    asyncio.run(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The test runs twice, on a fresh migrated database of each kind: what PERLINSOS_DATABASE_URL would hold."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test runs twice, on SQLite and on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """The command line over a fresh migrated database of each kind, with a key ring of its own."""
    keys = crypto.new_key()
    for name, value in {
        "DATABASE_URL": database_url, "SECRET_KEYS": keys, "MEDIA_URL": f"file:{tmp_path / 'photos'}", "SANDBOX": "on",
        "NLU_MODEL": "var/nlu/model.bin", "DATA_DIR": str(tmp_path), "PORT": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PERLINSOS_{name}", value)
    crypto.use(crypto.KeyRing(keys))
    return Runner(database_url)


async def _migrated(url: str) -> None:
    database = Database(url)
    try:
        await migrate(database)
    finally:
        await database.close()


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _sqlalchemy_url(server: str, name: str) -> str:
    parts = urlsplit(server)
    return urlunsplit(("postgresql+asyncpg", parts.netloc, f"/{name}", "", ""))
