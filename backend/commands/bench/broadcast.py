"""`perlinsos bench broadcast`: notices that lie in the outbox, out through one sender process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from backend import crypto
from backend.bus.jetstream import JetStreamBus
from backend.commands.bench import machine, script
from backend.commands.bench.load import LoadError
from backend.commands.bench.machine import NotStartedError, cpu_seconds, memory_mb
from backend.commands.bench.report import Chart, Report, Series, table
from backend.commands.bench.service import Service
from backend.commands.bench.stub import STUB
from backend.commands.bench.turns import DEFAULT_MODEL, bench_folder
from backend.commands.common import fail, out
from backend.db import Database
from backend.parts import now
from backend.repositories import conversations, outbox

TEXT = (
    "Bapak/Ibu, hasil seleksi bantuan sosial sudah ada. Balas HASIL untuk membacanya di sini, dengan semua alasannya. "
    "Kalau tidak ingin menerima kabar lagi, balas BERHENTI."
)
AT_ONCE = 5_000


def bench_broadcast(
    messages: Annotated[int, typer.Option(help="one to each of as many chats")] = 20_000,
    results: Annotated[Path, typer.Option(help="folder of the figures and the chart")] = Path("bench/results"),
    save: Annotated[bool, typer.Option(help="write them there")] = True,
) -> None:
    """Messages a second out of one sender process, on PostgreSQL and NATS."""
    machine.end_in_order()
    described = machine.described()
    try:
        with bench_folder() as folder, Service(folder, "postgres", DEFAULT_MODEL, [["sender"]]) as service:
            ids = asyncio.run(_queued(service, messages))
            before, started = cpu_seconds(service.roots), time.time()
            asyncio.run(_rung(service, ids))
            service.drained(messages)
            cpu = {name: after - before[name] for name, after in cpu_seconds(service.roots).items()}
            memory = {name: memory_mb(pid) for name, pid in service.roots.items()}
            arrivals = service.stub.arrivals(started)
    except (LoadError, NotStartedError) as error:
        fail(str(error))
    if len({arrival.chat for arrival in arrivals}) != len(arrivals) or len(arrivals) != messages:
        fail(f"{len(arrivals)} of {messages} messages arrived, or some twice: no figures")
    took = arrivals[-1].at - started
    seconds = Counter(int(arrival.at - started) for arrival in arrivals)
    report = Report(
        "broadcast",
        "# Sending: one sender process",
        [
            f"`perlinsos bench broadcast --messages {messages}`. {described}",
            f"{messages:,} notices to as many chats lie in the outbox and are rung for; the provider answers at once and limits "
            "nothing. The audience of a broadcast is frozen before that and not part of this figure.",
            f"**{messages / took:,.0f} messages a second**, {took:.1f} s from the first ring to the last message; each chat got "
            "exactly one.",
            table(("part", "CPU s", "µs of CPU a message", "MB"), _costs(cpu, memory, messages)),
        ],
        [Chart("seconds", "messages /s", [Series("messages", *_sorted(seconds))])],
    )
    out.print(report.text, markup=False, highlight=False, soft_wrap=True)
    if save:
        report.write(results)


def _costs(cpu: dict[str, float], memory: dict[str, int], messages: int) -> list[tuple[str, str, str, str]]:
    own = sum(used for name, used in cpu.items() if name != STUB)
    parts = [*sorted(cpu.items(), key=lambda part: -part[1]), ("**without provider**", own)]
    return [(name, f"{used:.2f}", f"{used / messages * 1e6:.0f}", str(memory.get(name, ""))) for name, used in parts]


def _sorted(seconds: Counter[int]) -> tuple[list[float], list[float]]:
    times = range(max(seconds) + 1)
    return [float(at) for at in times], [float(seconds[at]) for at in times]


async def _queued(service: Service, count: int) -> list[int]:
    """As many chats, each with one notice in the outbox; the ids of the chats."""
    crypto.use(crypto.KeyRing(service.environment["PERLINSOS_SECRET_KEYS"]))
    database = Database(service.environment["PERLINSOS_DATABASE_URL"])
    ids: list[int] = []
    try:
        for start in range(0, count, AT_ONCE):
            addresses = [str(script.FIRST_CHAT + n) for n in range(start, min(start + AT_ONCE, count))]
            chats = {
                ("telegram", crypto.ring().index("address", f"telegram:{address}")): {"address": address, "phone": None}
                for address in addresses
            }
            async with database.write() as connection:
                opened = await conversations.open_chats(connection, chats, now())
                body = {"text": TEXT, "buttons": []}
                drafts = [outbox.Draft(chat, "notice", "bench", body) for chat in opened.values()]
                await outbox.add(connection, drafts, now())
            ids.extend(opened.values())
    finally:
        await database.close()
    return ids


async def _rung(service: Service, ids: list[int]) -> None:
    bus = JetStreamBus([service.environment["PERLINSOS_BUS_URL"]], replicas=1)
    await bus.start()
    await bus.ring("sends", ids)
    await bus.close()
