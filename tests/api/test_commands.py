"""The commands for logins, keys and selection, as an operator types them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.guide import guide
from backend.models import Registration, table
from backend.repositories import contents
from backend.services.accounts import key_of, log_in
from tests.api.world import drawn_meter, write_world
from tests.command_line import Runner

NLU_LINES = "saya mau daftar\n\nkenapa saya ditolak\n"


def test_a_login_is_added_listed_and_disabled(run: Runner) -> None:
    added = run("user", "add", "ani", "--role", "reviewer", "--region", "35.10", "--name", "Bu Ani")
    password = added.stdout.strip().rpartition(" ")[2]

    async def tries() -> bool:
        database = Database(run.url)
        user = await log_in(database, "ani", password, datetime.now(UTC))
        await database.close()
        return user is not None

    assert asyncio.run(tries())
    assert "Bu Ani" in run("user", "list").stdout
    assert run("user", "add", "ani", "--role", "admin").exit_code == 1
    assert run("user", "disable", "ani").exit_code == 0
    assert not asyncio.run(tries())
    assert run("user", "disable", "budi").exit_code == 1


def test_a_key_is_made_shown_once_and_revoked(run: Runner) -> None:
    secret = run("key", "create", "portal", "--role", "portal", "--days", "2").stdout.strip()

    async def works(after: timedelta = timedelta()) -> bool:
        database = Database(run.url)
        key = await key_of(database, secret, datetime.now(UTC) + after)
        await database.close()
        return key is not None

    assert asyncio.run(works())
    assert not asyncio.run(works(timedelta(days=3)))
    assert secret not in run("key", "list").stdout
    assert run("key", "revoke", "1").exit_code == 0
    assert not asyncio.run(works())
    assert run("key", "revoke", "1").exit_code == 1


def test_the_selection_decides_what_waits_even_when_the_sources_are_silent(
    run: Runner, tmp_path: Path, now: datetime
) -> None:
    async def prepare() -> None:
        database, ring = Database(run.url), crypto.ring()
        await write_world(database, PhotoStore(f"file:{tmp_path / 'p'}", ring.seal, ring.open), now, drawn_meter())
        async with database.write() as connection:
            await connection.execute(table(Registration).update().values(status="submitted"))
        await database.close()

    asyncio.run(prepare())
    done = run("select", "--region", "64.71", "--no-progress")
    assert done.exit_code == 0, done.output
    # The one registration of Balikpapan was decided before: its decision stands.
    assert "not_eligible" in done.stdout


def test_utterances_are_parsed_a_line_each(run: Runner) -> None:
    done = run("nlu", "parse", "--engine", "embedded", given=NLU_LINES)
    found = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [one["text"] for one in found] == NLU_LINES.split("\n")[:-1]
    assert [one["intent"]["name"] for one in found] == ["register", "nlu_fallback", "ask_reason"]


async def test_contents_are_remembered_and_renewed(database: Database) -> None:
    for sid in ("HX1", "HX2"):
        async with database.write() as connection:
            await contents.put(connection, database, {"perlinsos_quick_reply_2_v1": sid})
    async with database.read() as connection:
        assert await contents.known(connection) == {"perlinsos_quick_reply_2_v1": "HX2"}


def test_the_guide_names_what_to_open_and_shows_logins_only_of_a_demo() -> None:
    shown = guide("http://127.0.0.1:8000", {"admin": "geheim"}, sandbox=True)
    for words in ("/simulator", "/console", "/docs", "admin", "geheim"):
        assert words in shown
    bare = guide("http://127.0.0.1:8000", {}, sandbox=False)
    assert "/simulator" not in bare
    assert "login" not in bare
