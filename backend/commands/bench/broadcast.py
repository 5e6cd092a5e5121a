"""`perlinsos bench broadcast`: a list that is frozen, and a broadcast that is sent, perhaps while processes are killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from sqlalchemy import text

from backend import crypto
from backend.bus.jetstream import JetStreamBus
from backend.commands.bench import machine, script
from backend.commands.bench.load import LoadError
from backend.commands.bench.machine import NotStartedError, cpu_seconds, memory_mb
from backend.commands.bench.report import Chart, Report, Series, table
from backend.commands.bench.service import Service
from backend.commands.bench.stub import STUB, Arrival
from backend.commands.bench.turns import DEFAULT_MODEL, bench_folder
from backend.commands.common import err, fail, out
from backend.db import Database
from backend.domain.broadcasts import Act, Template
from backend.parts import now
from backend.repositories import broadcasts as stored
from backend.services import broadcasts

HERE, ELSEWHERE = "35.10.16.2001", "64.71.01.1001"
ROLES = [["worker"], ["sender"]]
AT_ONCE = 50_000
BETWEEN_KILLS_S = (1.0, 4.0)
PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One run: what arrived, from when, CPU and memory by part, and the states of the list at the end."""

    arrivals: list[Arrival]
    started: float
    cpu: Mapping[str, float]
    memory: Mapping[str, int]
    states: Mapping[str, int]


def bench_broadcast(
    people: Annotated[int, typer.Option(help="people on the list that is frozen")] = 1_000_000,
    messages: Annotated[int, typer.Option(help="people to whom a second one is sent")] = 20_000,
    kills: Annotated[int, typer.Option(help="how often worker or sender is killed with -9 meanwhile")] = 0,
    results: Annotated[Path, typer.Option(help="folder of the figures and the chart")] = Path("bench/results"),
    save: Annotated[bool, typer.Option(help="write them there")] = True,
) -> None:
    """Seconds to freeze a list, and messages a second out of one sender process, on PostgreSQL and NATS."""
    machine.end_in_order()
    described = machine.described()
    try:
        with (
            bench_folder() as folder,
            Service(folder, "postgres", DEFAULT_MODEL, ROLES, fill=_filled(people, messages)) as service,
        ):
            frozen, froze_in = asyncio.run(_frozen(service, ""))
            sent = _sent(service, messages, kills)
    except (LoadError, NotStartedError) as error:
        fail(str(error))
    report = _report(described, people, frozen.total, froze_in, messages, kills, sent)
    out.print(report.text, markup=False, highlight=False, soft_wrap=True)
    if save:
        report.write(results)


def _sent(service: Service, messages: int, kills: int) -> Sent:
    row, _ = asyncio.run(_frozen(service, HERE))
    before, started = cpu_seconds(service.roots), time.time()
    asyncio.run(_approved(service, row.id))
    for number in range(kills):
        time.sleep(random.uniform(*BETWEEN_KILLS_S))  # noqa: S311 - when is up to chance
        part = service.parts[random.choice(ROLES)[0]]  # noqa: S311
        err.print(f"kill {number + 1}: {part.name}")
        service.killed(part.name)
    states = _ended(service, row.id)
    cpu = {name: after - before.get(name, 0.0) for name, after in cpu_seconds(service.roots).items()}
    memory = {name: memory_mb(pid) for name, pid in service.roots.items()}
    arrivals = service.stub.arrivals(started)
    got = Counter(arrival.chat for arrival in arrivals)
    twice, never = sum(count > 1 for count in got.values()), messages - len(got)
    unknown = states.get("unknown", 0)
    if twice or never > unknown or (not kills and unknown):
        fail(f"{twice} people got it twice, {never} did not get it, {unknown} are unknown: no figures")
    return Sent(arrivals, started, cpu, memory, states)


def _ended(service: Service, broadcast_id: int) -> dict[str, int]:
    """Wait until nobody is on the way any more; the states of the list."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        time.sleep(1)
        states = asyncio.run(_states(service, broadcast_id))
        if not {"waiting", "queued", "sending"} & states.keys():
            return states
    raise LoadError(f"not everything was sent within {PATIENCE_S:.0f} s: {states}")


def _report(described: str, people: int, frozen: int, froze_in: float, messages: int, kills: int, sent: Sent) -> Report:
    took = sent.arrivals[-1].at - sent.started
    seconds = Counter(int(arrival.at - sent.started) for arrival in sent.arrivals)
    while_killed = f" --kills {kills}" if kills else ""
    facts = [
        ("people of whom a list was frozen", f"{frozen:,}"),
        ("**frozen in**", f"**{froze_in:.1f} s**"),
        ("messages that reached the provider", f"{len(sent.arrivals):,} of {messages:,}, none twice"),
        ("**messages a second**", f"**{messages / took:,.0f}**, {took:.1f} s from the approval to the last one"),
        ("states at the end", ", ".join(f"{name} {count:,}" for name, count in sorted(sent.states.items()))),
    ]
    parts = [table(("what", "figure"), facts)]
    if not kills:  # what a killed process has used went with it
        parts.append(table(("part", "CPU s", "µs of CPU a message", "MB"), _costs(sent, messages)))
    times = range(max(seconds) + 1)
    series = Series("messages", [float(at) for at in times], [float(seconds[at]) for at in times])
    return Report(
        "broadcast-kills" if kills else "broadcast",
        "# A broadcast: the list, and one sender process"
        + (f", while processes are killed {kills} times" if kills else ""),
        [f"`perlinsos bench broadcast --people {people} --messages {messages}{while_killed}`. {described}", *parts],
        [Chart("seconds", "messages /s", [series])],
    )


def _costs(sent: Sent, messages: int) -> list[tuple[str, str, str, str]]:
    own = sum(used for name, used in sent.cpu.items() if name != STUB)
    parts = [*sorted(sent.cpu.items(), key=lambda part: -part[1]), ("**without provider**", own)]
    return [
        (name, f"{used:.2f}", f"{used / messages * 1e6:.0f}", str(sent.memory.get(name, ""))) for name, used in parts
    ]


def _database(environment: Mapping[str, str]) -> Database:
    crypto.use(crypto.KeyRing(environment["PERLINSOS_SECRET_KEYS"]))
    return Database(environment["PERLINSOS_DATABASE_URL"])


async def _frozen(service: Service, region: str) -> tuple[stored.BroadcastRow, float]:
    """A broadcast to a region whose list has been written, and the seconds that took."""
    database, at = _database(service.environment), now()
    try:
        async with database.write() as connection:
            row = await broadcasts.write(
                connection, name="bench", template=Template.STATUS, params={}, region=region, outcome="", channel="",
                not_before=None, actor="one", now=at,
            )  # fmt: skip
        began = time.perf_counter()
        async with database.write() as connection:
            row, _ = await broadcasts.step(connection, row, Act.FREEZE, "one", at)
        return row, time.perf_counter() - began
    finally:
        await database.close()


async def _approved(service: Service, broadcast_id: int) -> None:
    database = _database(service.environment)
    bus = JetStreamBus([service.environment["PERLINSOS_BUS_URL"]], replicas=1)
    await bus.start()
    try:
        async with database.write() as connection:
            row = await stored.by_id(connection, broadcast_id, lock=True)
            assert row is not None  # noqa: S101 - just written
            _, jobs = await broadcasts.step(connection, row, Act.APPROVE, "another", now())
        await bus.ring("jobs", jobs)
    finally:
        await bus.close()
        await database.close()


async def _states(service: Service, broadcast_id: int) -> dict[str, int]:
    database = _database(service.environment)
    try:
        async with database.read() as connection:
            return await stored.counts(connection, broadcast_id)
    finally:
        await database.close()


def _filled(people: int, here: int) -> Callable[[Mapping[str, str]], None]:
    """Fills an empty database with people who each have a chat and a registration; `here` of them in one village."""

    async def fill(database: Database, at: datetime) -> None:
        try:
            for start in range(0, max(people, here), AT_ONCE):
                await _some(database, range(start, min(start + AT_ONCE, max(people, here))), here, at)
            async with database.engine.connect() as connection:
                plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
                await plain.exec_driver_sql("VACUUM ANALYZE people, conversations, registrations")
        finally:
            await database.close()

    return lambda environment: asyncio.run(fill(_database(environment), now()))


async def _some(database: Database, numbers: range, here: int, at: datetime) -> None:
    """These people, whose ids follow from their numbers. Nobody has such an NIK hash."""
    ring, ids = crypto.ring(), [number + 1 for number in numbers]
    names = [str(script.FIRST_CHAT + number) for number in numbers]
    hashes = [ring.index("address", f"telegram:{name}") for name in names]
    chats = [ring.seal(orjson.dumps(name), b"conversations.address") for name in names]
    regions = [HERE if number < here else ELSEWHERE for number in numbers]
    details = ring.seal(b"{}", b"registrations.details")
    async with database.write() as connection:
        await connection.execute(text("SET LOCAL synchronous_commit = off"))
        await connection.exec_driver_sql(
            "INSERT INTO people (id, nik_hash, region_code, sex, level, notifications, created_at, updated_at)"
            " SELECT id, sha256(id::text::bytea), region, '', 'none', true, $3::timestamptz, $3"
            " FROM unnest($1::bigint[], $2::varchar[]) AS v(id, region)",
            (ids, regions, at),
        )
        await connection.exec_driver_sql(
            "INSERT INTO conversations (id, channel, address_hash, address, person_id, reachable, last_inbound_at, created_at)"
            " SELECT id, 'telegram', hash, address, id, true, $4::timestamptz, $4"
            " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS v(id, hash, address)",
            (ids, hashes, chats, at),
        )
        await connection.exec_driver_sql(
            "INSERT INTO registrations (id, number, person_id, channel, programme, region_code, status, details, created_at,"
            " updated_at) SELECT id, 'G' || id, id, 'telegram', 'PKH', region, 'decided', $3::bytea, $4::timestamptz, $4"
            " FROM unnest($1::bigint[], $2::varchar[]) AS v(id, region)",
            (ids, regions, details, at),
        )
