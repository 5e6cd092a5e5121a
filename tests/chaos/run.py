"""`python -m tests.chaos.run --turns 20000 --kills 50 --seed 7`: an installation is broken in every way while people write.

Ends with one line of JSON: turns, kills, lost, doubled, disorder, repeated, unknown, seconds; and with 1 when anything was
lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import nats
import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from backend.bus import TOPICS
from backend.bus.layout import stream
from backend.commands.bench.machine import end_in_order
from backend.db import Database
from nlu.embedded import EmbeddedEngine
from tests.chaos.crowd import Crowd
from tests.chaos.havoc import Havoc
from tests.chaos.replay import Judge, Seen, Verdict
from tests.chaos.rough import Weather
from tests.chaos.world import World, world
from tests.e2e.running import ROOT

DRAINED_WITHIN_S = 150.0
SECONDS_A_KILL = 8.0
TURNS_A_SECOND = 50.0
HAVOC_ENDS = 0.9
"""The part of the writing after which nothing more is broken."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds` is how long people write; what is broken meanwhile is spread over the most of it."""

    turns: int
    kills: int
    seed: int
    seconds: float

    @staticmethod
    def of(turns: int, kills: int, seed: int) -> Plan:
        return Plan(turns, kills, seed, max(turns / TURNS_A_SECOND, kills * SECONDS_A_KILL))


@dataclass(frozen=True, slots=True)
class Moment:
    """How far it is."""

    phase: str
    turns: int
    kills: int
    replies: int


@dataclass(frozen=True, slots=True)
class Outcome:
    plan: Plan
    turns: int
    kills: int
    verdict: Verdict
    doubled_webhooks: int
    reposted_webhooks: int
    seconds: float

    def line(self) -> str:
        """The summary as one line of JSON."""
        told = self.verdict
        return json.dumps(
            {
                "seed": self.plan.seed, "turns": self.turns, "kills": self.kills, "lost": told.lost,
                "doubled": told.doubled, "disorder": told.disorder, "repeated": told.repeated, "unknown": told.unknown,
                "chats_replayed": told.replayed, "webhooks_doubled": self.doubled_webhooks,
                "webhooks_reposted": self.reposted_webhooks, "seconds": round(self.seconds, 1),
            }
        )  # fmt: skip


async def live(plan: Plan, folder: Path, watch: Callable[[Moment], None] = lambda _: None) -> Outcome:
    """All of it: start, write and break, drain, judge. Raises what a part of the harness met."""
    dice = random.Random(plan.seed)
    begun = time.monotonic()
    watch(Moment("starting", 0, 0, 0))
    async with world(folder, dice) as broken:
        crowd = Crowd(broken.telegram, broken.twilio, dice, plan.turns, plan.seconds)
        weather = Weather(broken.telegram, broken.twilio, dice)
        havoc = Havoc(broken, weather, random.Random(dice.random()), plan.turns, plan.kills, plan.seconds * HAVOC_ENDS)
        async with _watched("writing", broken, havoc, watch), asyncio.TaskGroup() as group:
            group.create_task(crowd.lives(broken.http, broken.fleet.sandbox.url))
            group.create_task(havoc.works())
        async with _watched("draining", broken, havoc, watch):
            await broken.courier.settle()
            await drained(broken)
            await broken.twilio.settle()
        verdict = await _judged(broken, weather, havoc)
        turns = len(broken.telegram.accepted) + len(broken.twilio.accepted)
        courier = broken.courier
    return Outcome(
        plan, turns, havoc.killed, verdict, courier.doubled, courier.reposted, time.monotonic() - begun
    )  # fmt: skip


@asynccontextmanager
async def _watched(phase: str, broken: World, havoc: Havoc, watch: Callable[[Moment], None]) -> AsyncIterator[None]:
    telegram, twilio = broken.telegram, broken.twilio

    async def watching() -> None:
        while True:
            turns = len(telegram.accepted) + len(twilio.accepted)
            watch(Moment(phase, turns, havoc.killed, len(telegram.received) + len(twilio.received)))
            await asyncio.sleep(0.5)

    task = asyncio.create_task(watching())
    try:
        yield
    finally:
        task.cancel()


async def drained(broken: World) -> None:
    """Wait until nothing is open any more. Raises AssertionError with what is."""
    until = time.monotonic() + DRAINED_WITHIN_S
    quiet = 0
    while quiet < 2:
        left = {**await _open_rows(broken.database_url), **await _rings(broken.servers)}
        quiet = quiet + 1 if not any(left.values()) else 0
        assert time.monotonic() < until, f"not drained within {DRAINED_WITHIN_S:.0f} s: {left}"
        await asyncio.sleep(0.5)


async def _open_rows(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        counts = {
            "inbox": "SELECT count(*) FROM inbox WHERE handled_at IS NULL",
            "outbox": "SELECT count(*) FROM outbox WHERE open",
            # The watch over appeals asks for its own next round.
            "jobs": "SELECT count(*) FROM jobs WHERE open AND kind <> 'appeals.watch'",
        }
        return {name: int(await connection.fetchval(statement)) for name, statement in counts.items()}
    finally:
        await connection.close()


async def _rings(servers: list[str]) -> dict[str, int]:
    """What the bus still holds."""
    connection = await nats.connect(servers)
    try:
        js = connection.jetstream()
        return {f"bus {topic}": (await js.stream_info(stream(topic))).state.messages for topic in TOPICS}
    finally:
        await connection.close()


async def _judged(broken: World, weather: Weather, havoc: Havoc) -> Verdict:
    telegram, twilio = broken.telegram, broken.twilio
    seen = Seen(
        [*(("telegram", known) for known in telegram.accepted), *(("whatsapp", known) for known in twilio.accepted)],
        [*telegram.received, *twilio.received],
        frozenset((str(chat), str(message)) for chat, message in telegram.deleted),
        weather.hid_from_us(),
        havoc.troubles,
    )
    database = Database(broken.database_url)
    try:
        return await Judge(database, seen, EmbeddedEngine.load(ROOT / "var" / "nlu" / "model.bin")).verdict()
    finally:
        await database.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument(
        "--seed", type=int, default=None, help="of everything that is left to chance; default: another each time"
    )
    parser.add_argument("--keep", type=Path, default=None, help="a folder for the logs of all processes")
    asked = parser.parse_args()
    end_in_order()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    plan = Plan.of(asked.turns, asked.kills, random.randrange(1_000_000) if asked.seed is None else asked.seed)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="perlinsos-chaos-") as made, _progress(console) as progress:
        task = progress.add_task("", total=plan.turns, phase="starting", kills=0, replies=0)

        def watch(now: Moment) -> None:
            progress.update(task, completed=now.turns, phase=now.phase, kills=now.kills, replies=now.replies)

        try:
            outcome = asyncio.run(live(plan, asked.keep or Path(made), watch))
        except KeyboardInterrupt:
            console.print("interrupted; everything that was started is stopped")
            return 130
    for fault in outcome.verdict.faults[:30]:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    print(outcome.line())
    return 1 if outcome.verdict.faults else 0


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[phase]}"),
        BarColumn(),
        TextColumn(
            "{task.completed}/{task.total} turns, {task.fields[replies]} messages out, {task.fields[kills]} killed"
        ),
        TimeElapsedColumn(),
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
