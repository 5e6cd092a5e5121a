"""Every role a process of its own: the same conversations, with processes and NATS dying in the middle of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import crypto
from tests.e2e.conftest import PUBLIC
from tests.e2e.fleet import Fleet
from tests.e2e.running import SECRET
from tests.e2e.test_kill import Walker, nik, until
from tests.fakes.fake_telegram import FakeTelegram
from tests.nats import Nats

PEOPLE = 40
WITH_FACE = 4
ROLES = {
    "web": ["web"],
    "worker-1": ["worker"],
    "worker-2": ["worker"],
    "sender-1": ["sender"],
    "sender-2": ["sender"],
    "face": ["face"],
}


@pytest.fixture
def bus() -> Iterator[Nats]:
    with Nats() as server:
        yield server


@pytest.mark.timeout(300)
async def test_a_worker_is_killed_and_nats_restarts_and_every_story_ends_right(
    postgres_url: str, tmp_path: Path, bus: Nats, nlu_model: Path
) -> None:
    async with FakeTelegram(redeliver_for=60) as telegram:
        fleet = Fleet(
            tmp_path,
            postgres_url,
            bus.url,
            ROLES,
            sandbox_synthetic="1",
            public_url=PUBLIC,
            telegram_mode="webhook",
            telegram_token=telegram.token,
            telegram_secret=SECRET,
            telegram_api_url=telegram.url,
            telegram_per_second="2000",
        )
        crypto.use(crypto.KeyRing(fleet.keys))
        walkers = [Walker(telegram.user(7_000_000_000 + n), nik(n)) for n in range(PEOPLE)]
        await asyncio.to_thread(fleet.__enter__)
        try:
            telegram.point_at(fleet["web"].url, SECRET)
            registering = [asyncio.create_task(walker.registers()) for walker in walkers[:WITH_FACE]]
            named = [asyncio.create_task(walker.to_the_name()) for walker in walkers[WITH_FACE:]]
            journeys = [*registering, *named]
            await until(lambda: len(telegram.sent) >= PEOPLE, journeys)
            fleet["worker-1"].kill()
            await until(lambda: len(telegram.sent) >= 2 * PEOPLE, journeys)
            await asyncio.to_thread(bus.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(bus.start)
            await asyncio.gather(*journeys)
        finally:
            await asyncio.to_thread(fleet.__exit__, None, None, None)
    print(f"repeated replies: {sum(walker.repeats for walker in walkers)}")
