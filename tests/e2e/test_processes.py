"""Every role a process of its own: the same conversations, with processes and NATS dying in the middle of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from backend import crypto
from backend.bus.jetstream import JetStreamBus
from backend.db import Database
from backend.models import Inbox, table
from tests.e2e.conftest import PUBLIC
from tests.e2e.fleet import Fleet
from tests.e2e.running import SECRET
from tests.e2e.test_kill import Walker, nik, until
from tests.fakes.fake_telegram import FakeTelegram
from tests.nats import Nats

PEOPLE = 30
TROUBLE = "ada gangguan di pihak kami"
WITH_FACE = 4
ROLES = {
    "web": ["web"],
    "worker-1": ["worker"],
    "worker-2": ["worker"],
    "sender": ["sender"],
    "face": ["face"],
}


def settings_for(telegram: FakeTelegram) -> dict[str, str]:
    return {
        "sandbox_synthetic": "1",
        "public_url": PUBLIC,
        "telegram_mode": "webhook",
        "telegram_token": telegram.token,
        "telegram_secret": SECRET,
        "telegram_api_url": telegram.url,
        "telegram_per_second": "2000",
    }


@pytest.fixture
def bus() -> Iterator[Nats]:
    with Nats() as server:
        yield server


@pytest.mark.timeout(400)
async def test_processes_die_and_hang_and_a_message_is_poison_and_every_story_ends_right(
    postgres_url: str, tmp_path: Path, bus: Nats, nlu_model: Path
) -> None:
    async with FakeTelegram(redeliver_for=60) as telegram:
        fleet = Fleet(tmp_path, postgres_url, bus.url, ROLES, **settings_for(telegram))
        crypto.use(crypto.KeyRing(fleet.keys))
        await asyncio.to_thread(fleet.__enter__)
        try:
            telegram.point_at(fleet["web"].url, SECRET)
            await _a_worker_is_killed_and_nats_restarts(fleet, telegram, bus)
            await _a_worker_hangs(fleet, telegram)
            await _a_message_is_poison(fleet, telegram, postgres_url, bus)
        finally:
            await asyncio.to_thread(fleet.__exit__, None, None, None)


async def _a_worker_is_killed_and_nats_restarts(fleet: Fleet, telegram: FakeTelegram, nats: Nats) -> None:
    walkers = [Walker(telegram.user(7_000_000_000 + n), nik(n)) for n in range(PEOPLE)]
    registering = [asyncio.create_task(walker.registers()) for walker in walkers[:WITH_FACE]]
    named = [asyncio.create_task(walker.to_the_name()) for walker in walkers[WITH_FACE:]]
    journeys = [*registering, *named]
    await until(lambda: len(telegram.sent) >= PEOPLE, journeys)
    fleet["worker-1"].kill()
    await until(lambda: len(telegram.sent) >= 2 * PEOPLE, journeys)
    await asyncio.to_thread(nats.kill)
    await asyncio.to_thread(fleet["worker-1"].start)
    await asyncio.to_thread(nats.start)
    await asyncio.gather(*journeys)
    await asyncio.to_thread(fleet.ready)


async def _a_worker_hangs(fleet: Fleet, telegram: FakeTelegram) -> None:
    walkers = [Walker(telegram.user(7_100_000_000 + n), nik(n)) for n in range(PEOPLE)]
    journeys = [asyncio.create_task(walker.to_the_name()) for walker in walkers]
    before = len(telegram.sent)
    await until(lambda: len(telegram.sent) >= before + PEOPLE, journeys)
    fleet["worker-1"].hang()
    try:
        await asyncio.gather(*journeys)
    finally:
        fleet["worker-1"].go_on()
    assert sum(walker.repeats for walker in walkers) == 0, "what it held was not done twice"


async def _a_message_is_poison(fleet: Fleet, telegram: FakeTelegram, url: str, nats: Nats) -> None:
    victim, other = (Walker(telegram.user(7_200_000_000 + n), nik(900 + n)) for n in range(2))
    await victim.user.starts()
    await victim.expects("Mau mulai dari mana")
    database, ringing = Database(url), JetStreamBus([nats.url])
    await ringing.start()
    try:
        chat = await _poison(database)
        await ringing.ring("turns", [chat])
        await other.user.starts()
        await other.expects("Mau mulai dari mana")
        await other.says("daftar", "kami perlu melihat data")
        await victim.expects(TROUBLE)
        listed = await asyncio.to_thread(fleet["web"].command, "dead", "list")
        assert f"conversation {chat}" in " ".join(listed.split())
        assert "1 dead letters" in listed
        await victim.says("daftar", "kami perlu melihat data")
        async with database.write() as connection:
            whole = "(SELECT event FROM inbox WHERE provider_id <> 'poison' ORDER BY id LIMIT 1)"
            await connection.execute(text(f"UPDATE inbox SET event = {whole} WHERE provider_id = 'poison'"))
        shown = await asyncio.to_thread(fleet["web"].command, "dead", "show", "1")
        assert "reason: KeyRingError" in shown
        assert "1 replayed" in await asyncio.to_thread(fleet["web"].command, "dead", "replay", "--all")
        await victim.expects("Mau mulai dari mana")
        assert "0 dead letters" in await asyncio.to_thread(fleet["web"].command, "dead", "list")
    finally:
        await ringing.close()
        await database.close()


async def _poison(database: Database) -> int:
    """A happening that nobody can read, in the newest conversation; its id."""
    inbox = table(Inbox)
    async with database.write() as connection:
        newest = select(inbox.c.conversation_id).order_by(inbox.c.id.desc()).limit(1)
        chat = int((await connection.execute(newest)).scalar_one())
        columns = "(channel, provider_id, conversation_id, event, message_ref, received_at)"
        values = "('telegram', 'poison', :chat, :event, '', now())"
        insert = text(f"INSERT INTO inbox {columns} VALUES {values}")
        await connection.execute(insert, {"chat": chat, "event": b"sealed by nobody that we know"})
    return chat
