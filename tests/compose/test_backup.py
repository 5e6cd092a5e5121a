"""The backups that an operator is told to make, made and brought back: to a moment before a disaster, and from a dump."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from sqlalchemy import select

from backend.bus.memory import MemoryBus
from backend.commands.bench.postgres import Cluster
from backend.db import Database
from backend.migrate import drift, migrate
from backend.models import Inbox, Outbox, table
from backend.partitions import listed
from backend.repositories import outbox
from bot import events as ev
from bot.handlers.channel import Inbound
from bot.handlers.intake import Intake
from tests.repo import source

SCRIPTS = source.ROOT / "scripts"
INBOX, OUTBOX = table(Inbox), table(Outbox)


def configuration(folder: Path) -> dict[str, str]:
    """The project's own files; passwords are left out, since the tests' servers have none."""
    deployed = source.ROOT / "deploy" / "postgres"
    for name in ("postgresql.conf", "pg_hba.conf"):
        (folder / name).write_text((deployed / name).read_text().replace("scram-sha-256", "trust"))
        (folder / name).chmod(0o644)
    return {
        "config_file": str(folder / "postgresql.conf"),
        "hba_file": str(folder / "pg_hba.conf"),
        "shared_buffers": "64MB",
        "max_wal_size": "256MB",
    }


class Restored(Cluster):
    """A server on the data directory that scripts/restore has made; ends with the block, and leaves the folder."""

    def __init__(self, folder: Path, options: dict[str, str]) -> None:
        super().__init__(options)
        self._folder = folder

    def __enter__(self) -> Self:
        self._log = (self._folder / "server.log").open("wb")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGINT)
        self._log.close()


class Operator:
    """Runs the scripts as the account of the server, on a folder of its own."""

    def __init__(self, server: Cluster, folder: Path) -> None:
        self.folder = folder
        self._account = server._account
        port = server.url.partition("127.0.0.1:")[2].partition("/")[0]
        self._environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "perlinsos", "TZ": "UTC"}
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _as_server(self) -> dict[str, Any]:
        account = self._account
        return {
            "user": account and account.pw_uid,
            "group": account and account.pw_gid,
            "extra_groups": None if account is None else [],
            "cwd": self.folder,
        }

    def runs(self, script: str, *arguments: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPTS / script, *arguments],
            env={**self._environment, "PGDATABASE": database},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **self._as_server(),
        )

    def does(self, script: str, *arguments: str, database: str = "postgres") -> str:
        done = self.runs(script, *arguments, database=database)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def follows(self) -> subprocess.Popen[bytes]:
        environment = {**self._environment, "PGDATABASE": "postgres"}
        return subprocess.Popen(
            [SCRIPTS / "backup", "wal", str(self.folder)], env=environment, start_new_session=True, **self._as_server()
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the account of the server may enter; pytest's own are for ours alone."""
    with tempfile.TemporaryDirectory(prefix="perlinsos-backup-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def server(folder: Path) -> Iterator[Cluster]:
    with Cluster(configuration(folder)) as running:
        yield running


async def says(database: Database, *texts: str) -> None:
    """What a citizen writes, stored as the service stores it, and an answer to each."""
    intake = Intake(database, MemoryBus(), lambda: datetime.now(UTC))
    for text in texts:
        await intake.accept([Inbound("telegram", "5200000001", text, ev.Text(text))])
    async with database.write() as connection:
        drafts = [outbox.Draft(1, "reply", "t", {"text": text, "buttons": []}) for text in texts]
        await outbox.add(connection, drafts, datetime.now(UTC))


async def said(database: Database) -> tuple[list[str], list[str]]:
    """What the database holds of both sides, opened with the key ring."""
    async with database.read() as connection:
        inward = (await connection.execute(select(INBOX.c.event).order_by(INBOX.c.id))).scalars()
        outward = (await connection.execute(select(OUTBOX.c.body).where(OUTBOX.c.open).order_by(OUTBOX.c.id))).scalars()
        return [event["text"] for event in inward], [body["text"] for body in outward]


async def ask(url: str, question: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def until(url: str, question: str) -> None:
    """Wait until the server says yes."""
    deadline = time.monotonic() + 60
    while not await ask(url, question):
        assert time.monotonic() < deadline, question
        await asyncio.sleep(0.1)


async def whole(database: Database, *texts: str) -> None:
    """The schema is the one of the models, its months are there, and these are the messages."""
    assert await drift(database) == []
    async with database.read() as connection:
        months = [partition.name for partition in await listed(connection)]
    assert len(months) >= 8, months
    assert await said(database) == (list(texts), list(texts))


async def test_a_point_in_time_before_a_disaster_and_a_dump_bring_everything_back(
    server: Cluster, folder: Path
) -> None:
    operator = Operator(server, folder)
    url = await asyncio.to_thread(server.create, "perlinsos")
    database = Database(url)
    await migrate(database)
    await says(database, "sebelum cadangan")
    following = operator.follows()
    try:
        await until(server.url, "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE active)")
        early = datetime.now(UTC) - timedelta(seconds=5)
        await asyncio.to_thread(operator.does, "backup", "base", str(folder))
        await asyncio.sleep(1.1)  # a base backup's name has whole seconds
        await says(database, "sesudah cadangan")
        moment = await ask(server.url, "SELECT clock_timestamp()")
        await says(database, "salah")
        await database.close()
        await ask(url.replace("+asyncpg", ""), "DROP TABLE inbox CASCADE")
        await asyncio.to_thread(operator.does, "backup", "fresh", str(folder))
        await until(server.url, "SELECT bool_and(flush_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication")
    finally:
        following.send_signal(signal.SIGINT)
        following.wait(timeout=20)
    assert operator.runs("backup", "fresh", str(folder)).returncode == 1, "nobody follows any more"
    server.stop(signal.SIGQUIT)

    place = folder / "restored"
    place.mkdir()
    if operator._account is not None:
        os.chown(place, operator._account.pw_uid, operator._account.pw_gid)
    none = operator.runs("restore", "point", str(folder), str(place / "data"), early.isoformat())
    assert none.returncode == 1
    assert "no base backup" in none.stderr
    operator.does("restore", "point", str(folder), str(place / "data"), moment.isoformat(sep=" "))
    again = operator.runs("restore", "point", str(folder), str(place / "data"))
    assert again.returncode == 1
    assert "not empty" in again.stderr

    restored = Restored(place, configuration(folder))
    await asyncio.to_thread(restored.__enter__)
    try:
        await until(restored.url, "SELECT NOT pg_is_in_recovery()")
        await it_goes_on(restored, Operator(restored, folder))
    finally:
        await asyncio.to_thread(restored.__exit__)


async def it_goes_on(restored: Cluster, operator: Operator) -> None:
    """What was restored is whole and takes new messages, and its dump makes another one that does."""
    url = restored.url.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres", "/perlinsos")
    database = Database(url)
    await whole(database, "sebelum cadangan", "sesudah cadangan")
    await says(database, "lanjut")
    await database.close()

    dump = operator.does("backup", "dump", str(operator.folder), database="perlinsos").strip()
    copied = Database(await asyncio.to_thread(restored.create, "copy"))
    await asyncio.to_thread(operator.does, "restore", "dump", dump, database="copy")
    await migrate(copied)
    await whole(copied, "sebelum cadangan", "sesudah cadangan", "lanjut")
    await says(copied, "dari salinan")
    await copied.close()

    await asyncio.to_thread(operator.does, "backup", "base", str(operator.folder))
    kept = operator.folder / "wal"
    before = len(list(kept.iterdir()))
    operator.does("backup", "prune", str(operator.folder), "1")
    assert len(list((operator.folder / "base").iterdir())) == 1
    assert len(list(kept.iterdir())) < before, "the WAL that only the old one needed is gone"
