"""`perlinsos bench growth`: whether a service with years behind it answers as fast as a new one.

Two whole services run side by side, one with few conversations and one with many; the same load goes to each in turn, so that
whatever else the machine does hits both. The people in the load already have a conversation, spread over the whole table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from backend import crypto
from backend.commands.bench import machine, script
from backend.commands.bench.grown import SAID, Size, grow
from backend.commands.bench.load import LoadError
from backend.commands.bench.machine import NotStartedError
from backend.commands.bench.report import Chart, Report, Series, table
from backend.commands.bench.service import Service
from backend.commands.bench.turns import DEFAULT_MODEL, bench_folder, measure
from backend.commands.bench.turns_report import Measured
from backend.commands.common import err, fail, out
from backend.db import Database

MESSAGES_A_CONVERSATION = 10
ELSEWHERE = 8_000_000_000
"""Chats that are never written from."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the services, what it holds, and what its rounds gave."""

    size: Size
    service: Service
    folder: Path
    rounds: list[Measured]

    @property
    def rate(self) -> float:
        """Replies a second, the median of the rounds."""
        return median(one.rate for one in self.rounds)

    @property
    def micros(self) -> float:
        """Microseconds of CPU a turn, load and provider left out, the median of the rounds."""
        return median(one.own_seconds / one.load.requests * 1e6 for one in self.rounds)


def bench_growth(
    small: Annotated[int, typer.Option(help="conversations of the new service; ten messages each")] = 10_000,
    large: Annotated[int, typer.Option(help="conversations of the one with years behind it")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="how often each is measured")] = 5,
    people: Annotated[int, typer.Option(help="people in the load of a round, six turns each")] = 500,
    connections: Annotated[int, typer.Option(help="webhooks under way at once")] = 64,
    process: Annotated[list[str] | None, typer.Option(help="as with `bench turns`")] = None,
    model: Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained classifier")] = DEFAULT_MODEL,
    results: Annotated[Path, typer.Option(help="folder of the figures and the chart")] = Path("bench/results"),
    save: Annotated[bool, typer.Option(help="write them there")] = True,
) -> None:
    """Throughput, cost and memory on PostgreSQL, with little stored and with much."""
    if min(small, large) < len(SAID) * people * (rounds + 1):
        fail(f"{small:,} conversations are too few for {rounds} rounds of {people:,} people", 2)
    machine.end_in_order()
    roles = [names.split("+") for names in process or ("web", "worker+sender")]
    described = machine.described()
    try:
        with ExitStack() as running:
            both = [
                _started(running, Size(count, count * MESSAGES_A_CONVERSATION), people * (rounds + 1), model, roles)
                for count in (small, large)
            ]
            for number in range(rounds + 1):  # the first only warms up
                for one in both:
                    got = measure(one.service, one.folder, people, 0, connections, 0, first=number * people)
                    err.print(f"{one.size.conversations:,} conversations: {got.rate:,.0f} replies a second")
                    one.rounds.extend([got] if number else [])
    except (LoadError, NotStartedError) as error:
        fail(str(error))
    report = _report(both, described)
    out.print(report.text, markup=False, highlight=False, soft_wrap=True)
    if save:
        report.write(results)


def _started(running: ExitStack, size: Size, writing: int, model: Path, roles: Sequence[Sequence[str]]) -> Contender:
    """A service over a database of that size, of whose conversations `writing` belong to the load."""
    folder = running.enter_context(bench_folder())

    def fill(environment: Mapping[str, str]) -> None:
        crypto.use(crypto.KeyRing(environment["PERLINSOS_SECRET_KEYS"]))
        asyncio.run(_filled(environment["PERLINSOS_DATABASE_URL"], size, address_of(size, writing)))

    service = running.enter_context(Service(folder, "postgres", model, roles, fill=fill))
    return Contender(size, service, folder, [])


def address_of(size: Size, writing: int) -> Callable[[int], str]:
    """Where conversation n is reached: every so many-th belongs to the load, and its dialog has only begun."""
    apart = size.conversations // (writing * len(SAID)) * len(SAID)

    def address(number: int) -> str:
        person, beside = divmod(number, apart)
        return str(script.FIRST_CHAT + person if not beside and person < writing else ELSEWHERE + number)

    return address


async def _filled(url: str, size: Size, address: Callable[[int], str]) -> None:
    database = Database(url)
    try:
        await grow(database, size, datetime.now(UTC), address, told=lambda step: err.print(f"filling in {step}"))
    finally:
        await database.close()


def _report(both: Sequence[Contender], described: str) -> Report:
    small, large = both
    rows = [
        (
            f"{one.size.conversations:,}",
            f"{one.size.messages:,}",
            f"{one.rate:,.0f}",
            f"{min(r.rate for r in one.rounds):,.0f} - {max(r.rate for r in one.rounds):,.0f}",
            f"{one.micros:,.0f}",
            f"{median(r.load.p99 for r in one.rounds):.0f} ms",
        )
        for one in both
    ]
    head = (
        "conversations",
        "messages",
        "replies a second",
        "lowest - highest",
        "µs of CPU a turn",
        "acknowledged, p99",
    )
    times = range(1, len(small.rounds) + 1)
    chart = Chart(
        "round",
        "replies /s",
        [
            Series(f"{one.size.conversations:,} conversations", list(times), [r.rate for r in one.rounds])
            for one in both
        ],
    )
    return Report(
        "growth",
        "# Growth: the same load on little and on much",
        [
            f"`perlinsos bench growth --small {small.size.conversations} --large {large.size.conversations}"
            f" --rounds {len(small.rounds)}`. {described}",
            "Medians of rounds that took turns. Load and provider are left out of the CPU time.",
            table(head, rows),
            f"With {large.size.conversations:,} conversations: **{large.rate / small.rate:.0%}** of the replies a second,"
            f" **{large.micros / small.micros:.0%}** of the CPU a turn.",
            table(
                ("memory, MB, after the first and the last round", *(f"{c.size.conversations:,}" for c in both)),
                _memory(both),
            ),
        ],
        [chart],
    )


def _memory(both: Sequence[Contender]) -> list[tuple[str, ...]]:
    return [
        (part, *(f"{one.rounds[0].memory[part]} → {one.rounds[-1].memory[part]}" for one in both))
        for part in both[0].rounds[0].memory
    ]
