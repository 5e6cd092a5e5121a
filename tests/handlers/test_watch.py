"""What an operator's monitoring sees: queues that grow, sends that fail, a pool that runs dry, work counted by its kind."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from backend import metrics
from backend.bus.retries import MOST_DELIVERIES
from backend.db import Database
from backend.repositories import jobs, queues
from backend.repositories.jobs import JobDraft
from backend.services.watch import Watch
from bot.events import Started
from bot.handlers.channel import SendError
from tests.handlers.support import Bench


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@pytest.fixture
def watch(bench: Bench) -> Watch:
    return Watch(bench.database, bench.bus, bench.clock)


def value(name: str, **labels: str) -> float | None:
    """A metric of this process."""
    return REGISTRY.get_sample_value(f"perlinsos_{name}", labels)


def queue(name: str) -> tuple[float | None, float | None]:
    """Rows and age of a queue."""
    return value("queue_rows", queue=name), value("queue_age_seconds", queue=name)


async def test_what_waits_is_seen_with_the_age_of_the_oldest(bench: Bench, watch: Watch) -> None:
    await bench.arrives("a", Started())
    bench.clock.passes(seconds=40)
    await bench.arrives("b", Started())
    bench.clock.passes(seconds=2)
    await watch.look()
    assert queue("turns") == (2, 42)
    assert value("bus_backlog", topic="turns") == 2
    assert queue("sends") == queue("jobs") == (0, 0)

    await bench.turn()
    async with bench.database.write() as connection:
        now = bench.clock()
        await jobs.add(
            connection, [JobDraft(1, "ikd.look_up", {}), JobDraft(1, "ikd.look_up", {}, not_before=now)], now
        )
    bench.clock.passes(seconds=6)
    await watch.look()
    assert queue("turns") == (0, 0)
    assert queue("sends") == queue("jobs") == (2, 6)

    await bench.send()
    bench.clock.passes(seconds=6)
    await watch.look()
    assert queue("sends") == (0, 0)


async def test_what_is_not_due_yet_does_not_wait(bench: Bench, watch: Watch) -> None:
    await bench.arrives("a", Started())
    bench.channel.faults = [SendError("flood", retryable=True, retry_after=60)]
    await bench.work()
    bench.clock.passes(seconds=30)
    await watch.look()
    assert queue("sends") == (0, 0)
    bench.clock.passes(seconds=35)
    await watch.look()
    assert queue("sends") == (1, 5)


async def test_a_long_queue_is_not_counted_to_its_end(
    bench: Bench, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MOST_ROWS", 3)
    for address in "abcde":
        await bench.arrives(address, Started())
    bench.clock.passes(seconds=1)
    await watch.look()
    assert queue("turns") == (3, 1)


async def test_many_readers_cost_the_database_one_look(bench: Bench, watch: Watch) -> None:
    def counted() -> float:
        return value("statements_total", work="watch") or 0

    before = counted()
    await watch.look()
    look = counted() - before
    assert 1 <= look <= 2  # SQLite is told BEGIN as well
    for _ in range(5):
        await watch.look()
    assert counted() == before + look
    bench.clock.passes(seconds=6)
    await watch.look()
    assert counted() == before + 2 * look


async def test_without_a_database_the_queues_are_unknown_and_the_rest_is_told(bench: Bench) -> None:
    await Watch(bench.database, bench.bus, bench.clock).look()
    assert queue("turns") == (0, 0)
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere")
    with capture_logs() as logs:
        await Watch(away, bench.bus, bench.clock).look()
    assert [line["event"] for line in logs] == ["queues_not_seen"]
    assert queue("turns") == (None, None), "no figure, rather than a stale one"
    assert value("pool_size") == 10


async def test_the_pool_shows_who_holds_it(bench: Bench, watch: Watch) -> None:
    async with bench.database.read():
        await watch.look()
        assert value("pool_connections", state="in_use") == 1
    await watch.look()
    assert value("pool_connections", state="in_use") == 0
    assert (value("pool_connections", state="idle") or 0) >= 1


async def test_sends_are_told_apart_by_channel_result_and_error(bench: Bench) -> None:
    labels = {"channel": "simulator", "result": "queued", "error": "flood"}
    taken = {"channel": "simulator", "result": "sent", "error": ""}
    flooded, sent = value("sends_total", **labels) or 0, value("sends_total", **taken) or 0
    await bench.arrives("a", Started())
    bench.channel.faults = [SendError("flood", retryable=True, retry_after=1)]
    await bench.work()
    bench.clock.passes(seconds=2)
    await bench.sender.run([1])
    assert value("sends_total", **labels) == flooded + 1
    assert value("sends_total", **taken) == sent + 1


def test_a_provider_that_makes_up_its_errors_makes_up_no_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_errors", set())
    labels = {metrics.error_label(f"error {number}") for number in range(1000)}
    assert len(labels) == 61
    assert "other" in labels
    assert metrics.error_label("error 3") == "error 3"


async def test_statements_are_counted_for_the_work_that_sent_them(bench: Bench) -> None:
    def counted() -> dict[str, float]:
        return {work: value("statements_total", work=work) or 0 for work in ("webhooks", "turns", "sends")}

    before = counted()
    await bench.arrives("a", Started())
    arrived = counted()
    assert arrived["webhooks"] > before["webhooks"]
    assert arrived["turns"] == before["turns"]
    await bench.turn()
    turned = counted()
    assert turned["turns"] > arrived["turns"]
    assert turned["webhooks"] == arrived["webhooks"]
    await bench.send()
    assert counted()["sends"] > turned["sends"]


async def test_the_time_to_a_reply_runs_from_the_webhook_to_the_providers_word_retries_included(bench: Bench) -> None:
    def seconds() -> float:
        return value("reply_seconds_sum", channel="simulator") or 0

    before = seconds()
    await bench.arrives("a", Started())
    bench.clock.passes(seconds=2)
    await bench.turn()
    bench.channel.faults = [SendError("flood", retryable=True, retry_after=1)]
    await bench.send()
    assert seconds() == before
    bench.clock.passes(seconds=3)
    await bench.sender.run([1])
    assert seconds() == pytest.approx(before + 5)


async def test_rings_and_what_is_given_up_are_counted(bench: Bench) -> None:
    def counted() -> tuple[float, float]:
        return value("bus_rings_total", topic="sends") or 0, value("bus_given_up_total", topic="sends") or 0

    rings, dead = counted()
    await bench.bus.ring("sends", [1, 2])
    for _ in range(MOST_DELIVERIES):
        await bench.bus.again("sends", [1], 0.0, "broken")
    assert counted() == (rings + 2 + MOST_DELIVERIES - 1, dead + 1)
