"""The doctor on real parts: what is well, and for each part that is not, what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from backend import crypto
from backend.gateways.photo_store import PhotoStore
from tests.e2e.running import ROOT
from tests.nats import Nats
from tests.object_store import ObjectStore
from tests.postgres import free_port


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    with Nats() as server:
        yield server


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    with ObjectStore() as server:
        server.make_bucket("photos")
        yield server


@pytest.fixture
def settings(
    tmp_path: Path, postgres_url: str, nats: Nats, object_store: ObjectStore, nlu_model: Path
) -> dict[str, str]:
    """An installation whose every part is well, but for IKD, which nobody is."""
    return {
        **object_store.environment,
        "PERLINSOS_DATABASE_URL": postgres_url,
        "PERLINSOS_BUS_URL": nats.url,
        "PERLINSOS_MEDIA_URL": "s3://photos/here",
        "PERLINSOS_DATA_DIR": str(tmp_path),
        "PERLINSOS_NLU_MODEL": str(nlu_model),
        "PERLINSOS_SECRET_KEYS": crypto.new_key(),
        "PERLINSOS_IKD_URL": f"http://127.0.0.1:{free_port()}",
        "PERLINSOS_SOURCES_URL": f"http://127.0.0.1:{free_port()}",
    }


def examined(settings: dict[str, str], *options: str) -> tuple[int, dict[str, str]]:
    """The exit status, and what the doctor says of each part and what to do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERLINSOS_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "doctor", *options],
        cwd=ROOT, env={**kept, **settings, "COLUMNS": "400"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if "│" in line]
    assert rows, done.stdout + done.stderr
    secret = settings["AWS_SECRET_ACCESS_KEY"]
    assert secret not in done.stdout + done.stderr
    return done.returncode, {row[0].strip(): " | ".join(cell.strip() for cell in row[1:]) for row in rows}


async def test_what_is_well_and_what_is_missing(
    settings: dict[str, str], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ring = crypto.KeyRing(settings["PERLINSOS_SECRET_KEYS"])
    store = PhotoStore(settings["PERLINSOS_MEDIA_URL"], ring.seal, ring.open)
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    for key in ("selfie/kept", "selfie/lost"):
        await connection.execute(
            "INSERT INTO photos (purpose, object_key, fingerprint, width, height, created_at)"
            " VALUES ('selfie', $1, 'x', 1, 1, now())",
            key,
        )
    await connection.close()
    for key in ("selfie/kept", "evidence/nobodys", "simulator/passing"):
        await store.put(key, b"x")

    status, parts = examined(settings, "--photos")
    assert status == 1
    ill = {part: said for part, said in parts.items() if not said.startswith("ok")}
    assert set(ill) == {"ikd", "photos"}
    assert "PERLINSOS_IKD_URL" in ill["ikd"]
    assert "1 missing, 1 without a row" in ill["photos"]
    assert {"database", "clock", "connections", "schema", "keys", "partitions", "queues", "bus", "store", "nlu", "faces",
            "disk"} <= set(parts)  # fmt: skip


async def test_every_part_that_is_wrong_is_named_with_what_to_do(settings: dict[str, str], postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    for name in await connection.fetch(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
        " WHERE inhparent = 'inbox'::regclass AND child.relname NOT LIKE '%rest'"
    ):
        await connection.execute(f"DROP TABLE {name['relname']}")
    await connection.execute(
        "INSERT INTO conversations (channel, address_hash, address, created_at) VALUES ('telegram', 'x', 'other', now())"
    )
    await connection.execute(
        "INSERT INTO inbox (channel, provider_id, conversation_id, event, message_ref, received_at)"
        " VALUES ('telegram', '1', 1, 'x', '', now() - interval '10 minutes')"
    )
    await connection.close()
    wrong = {
        "PERLINSOS_BUS_URL": f"nats://127.0.0.1:{free_port()}",
        "PERLINSOS_MEDIA_URL": "s3://never-made",
        "PERLINSOS_NLU_ENGINE": "rasa",
        "PERLINSOS_RASA_URL": f"http://127.0.0.1:{free_port()}",
    }
    status, parts = examined({**settings, **wrong})
    assert status == 1
    for part, state, advice in (
        ("keys", "another ring", "PERLINSOS_SECRET_KEYS"),
        ("partitions", "missing: inbox", "perlinsos partitions --upkeep"),
        ("queues", "turns wait for 6", "worker"),
        ("bus", "no connection", "PERLINSOS_BUS_URL"),
        ("store", "no bucket", "make the bucket"),
        ("nlu", "embedded fallback", "PERLINSOS_RASA_URL"),
    ):
        assert state in parts[part], (part, parts[part])
        assert advice in parts[part], (part, parts[part])


def test_without_a_database_the_other_parts_are_looked_at_all_the_same(settings: dict[str, str]) -> None:
    gone = f"postgresql+asyncpg://perlinsos@127.0.0.1:{free_port()}/perlinsos"
    status, parts = examined({**settings, "PERLINSOS_DATABASE_URL": gone, "PERLINSOS_BUS_REPLICAS": "3"})
    assert status == 1
    assert "PERLINSOS_DATABASE_URL" in parts["database"]
    assert "is kept on 1 of 3 servers" in parts["bus"] or "streams are missing" in parts["bus"]
    assert parts["store"].startswith("ok")
