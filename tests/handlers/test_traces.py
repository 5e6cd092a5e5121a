"""One id through webhook, turn, job and send: in the rows, in the log lines, and nothing about anybody beside it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from structlog import contextvars
from structlog.testing import capture_logs

from backend.db import Database
from backend.models import Job, table
from backend.repositories.jobs import JobRow
from backend.services.work import Finished
from backend.tracing import current_trace, follow, trace_of
from bot import events as ev
from bot.handlers.channel import Inbound, SendError
from bot.handlers.jobs import JobWorker
from tests.handlers.support import INBOX, OUTBOX, Bench

JOBS = table(Job)
TRACE = "a3ce929d0e0e4736"
PARENT = f"00-4bf92f3577b34da6{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def arrives(bench: Bench, text: str, trace: str = "") -> None:
    event = ev.Started() if text == "/start" else ev.Text(text)
    await bench.intake.accept([Inbound("simulator", "a", text, event)], trace)


async def traces(bench: Bench) -> dict[str, set[str]]:
    """The traces of each kind of row."""
    async with bench.database.read() as connection:
        found = {}
        for name, rows in {"inbox": INBOX, "outbox": OUTBOX, "jobs": JOBS}.items():
            found[name] = set((await connection.execute(select(rows.c.trace))).scalars())
        return found


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (PARENT, TRACE),
        (f"cc-4bf92f3577b34da6{TRACE}-00f067aa0ba902b7-01-what-may-come", TRACE),
        (PARENT.upper(), None),
        (f"00-4bf92f3577b34da6{TRACE}-00f067aa0ba902b7", None),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
        ("3510164503870001", None),
        ("", None),
        (None, None),
    ],
)
def test_a_callers_trace_is_kept_and_anything_else_gets_one_of_our_own(header: str | None, trace: str | None) -> None:
    found = trace_of(header)
    assert found == trace if trace else found != TRACE
    assert re.fullmatch("[0-9a-f]{16}", found)
    assert trace_of(None) != trace_of(None)


async def test_a_message_keeps_its_trace_through_turn_job_and_send(bench: Bench) -> None:
    seen: list[str] = []

    async def look_up(job: JobRow, _now: object) -> Finished:
        seen.append(current_trace())
        return Finished("unreachable")

    worker = JobWorker(bench.database, bench.bus, {"ikd.look_up": look_up}, bench.clock)
    for number, text in enumerate(["/start", "daftar", "ya", "3510164503870001", "3510160101100001"]):
        with capture_logs(processors=[contextvars.merge_contextvars]) as lines:
            await arrives(bench, text, f"{number:016x}")
            await bench.work()
            while ids := await bench.rung("jobs"):
                await worker.run(ids)
            await bench.work()
    last = f"{4:016x}"
    assert seen == [last], "whatever a job does is logged under its trace"
    found = await traces(bench)
    assert last in found["inbox"] & found["outbox"]
    assert found["jobs"] == {last}
    assert found["outbox"] == {f"{number:016x}" for number in range(5)}
    assert {line["event"] for line in lines if line.get("trace") == last} >= {"turn", "sent", "job_done"}
    assert not [line for line in lines if line.get("trace", last) != last]
    assert "3510" not in str(lines)
    assert current_trace() == "", "nothing of it stays in the task that rang"


async def test_messages_of_one_transaction_keep_their_own_traces(bench: Bench) -> None:
    for name in "abc":
        await bench.intake.accept([Inbound("simulator", name, name, ev.Started())], "0" * 15 + name)
    await bench.work()
    found = await traces(bench)
    assert found["inbox"] == found["outbox"] == {"0" * 15 + name for name in "abc"}


async def test_what_fails_says_whose_message_it_was(bench: Bench) -> None:
    async def broken(texts: object) -> None:
        raise RuntimeError("broken")

    bench.channel.faults = [SendError("flood", retryable=True)]
    with capture_logs(processors=[contextvars.merge_contextvars]) as lines:
        await arrives(bench, "/start", TRACE)
        await bench.work()
        bench.nlu.understand = broken  # type: ignore[assignment, method-assign]
        await arrives(bench, "apa kabar", TRACE[::-1])
        await bench.turns.run([1])
    by_event = {line["event"]: line.get("trace") for line in lines}
    assert by_event["not_sent"] == TRACE
    assert by_event["turn_failed"] == TRACE[::-1]


async def test_a_group_does_not_run_under_the_trace_of_who_came_first(bench: Bench) -> None:
    follow(TRACE)
    try:
        with capture_logs(processors=[contextvars.merge_contextvars]) as lines:
            await arrives(bench, "/start")
    finally:
        contextvars.clear_contextvars()
    assert not [line for line in lines if line.get("trace") == TRACE]
    assert TRACE not in (await traces(bench))["inbox"]
