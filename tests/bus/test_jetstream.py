"""What many processes need of the bus: the dead, the hanging, the poisonous, a server that goes and comes."""

from __future__ import annotations

import asyncio
import json

import nats as client
import pytest
from nats.js.api import StreamConfig
from structlog.testing import capture_logs

from backend.bus import Topic
from backend.bus.jetstream import JetStreamBus
from backend.bus.layout import CONSUMER, DEAD, stream, subject
from backend.bus.publish import publish
from backend.bus.retries import MOST_DELIVERIES
from tests.bus.conftest import ACK_WITHIN, Processes
from tests.bus.test_contract import silent, taken
from tests.nats import Nats


async def dies(bus: JetStreamBus) -> None:
    """As kill -9 would: nothing is handed back."""
    for task in bus._tasks:
        task.cancel()
    await asyncio.gather(*bus._tasks, return_exceptions=True)


def hangs(bus: JetStreamBus) -> None:
    """As a loop that turns no more: connected, and silent. The first of its tasks holds the connection."""
    for task in bus._tasks[1:]:
        task.cancel()


async def test_what_a_dead_process_held_goes_to_another(processes: Processes) -> None:
    one = await processes()
    await one.ring("turns", range(50))
    assert len(await taken(one, most=20)) == 20
    other = await processes()
    await dies(one)
    seen: set[int] = set()
    while len(seen) < 50:
        ids = await taken(other)
        seen.update(ids)
        await other.done("turns", ids)
    assert seen == set(range(50))


async def test_what_a_hanging_process_holds_goes_to_another_and_its_late_word_does_no_harm(
    processes: Processes,
) -> None:
    one, other = await processes(), await processes()
    await one.ring("turns", [1])
    assert await taken(one) == [1]
    hangs(one)
    assert await taken(other, within=10 * ACK_WITHIN) == [1]
    await one.done("turns", [1])
    await other.done("turns", [1])
    assert await silent(other, seconds=2 * ACK_WITHIN)


async def test_work_that_takes_long_stays_with_whoever_is_alive(processes: Processes) -> None:
    one, other = await processes(), await processes()
    await one.ring("turns", [1])
    assert await taken(one) == [1]
    assert await silent(other, seconds=3 * ACK_WITHIN)
    await one.done("turns", [1])
    assert await silent(other)


async def test_what_nobody_has_begun_is_handed_back_at_once(processes: Processes) -> None:
    one, other = await processes(), await processes()
    await one.ring("turns", range(60))
    assert len(await taken(one, most=10)) == 10
    await one.stop_taking()
    await one.close()
    ids = await taken(other, within=ACK_WITHIN / 2)
    assert ids


async def test_an_id_that_kills_whoever_takes_it_takes_nobody_along(processes: Processes) -> None:
    """A message of three: after two deaths each goes alone, the poison one at last into the dead letters."""
    poison, told = 2, list[tuple[str, int, str]]()

    async def hear(topic: Topic, known: int, reason: str) -> None:
        told.append((topic, known, reason))

    bus = await processes()
    await bus.ring("turns", [1, 2, 3])
    done: set[int] = set()
    deaths = 0
    while not told:
        bus.on_given_up = hear
        try:
            ids = await taken(bus, within=4 * ACK_WITHIN)
        except TimeoutError:
            continue
        if poison in ids:
            deaths += 1
            await dies(bus)
            bus = await processes()
        else:
            done.update(ids)
            await bus.done("turns", ids)
    assert done == {1, 3}
    assert deaths <= 2 + MOST_DELIVERIES
    [letter] = await bus.buried()
    assert (letter.topic, letter.known, letter.deliveries) == ("turns", poison, MOST_DELIVERIES + 1)
    assert told == [("turns", poison, letter.reason)]
    assert "died or hung" in letter.reason
    await bus.unbury("turns", poison)
    assert await bus.buried() == []


async def test_a_server_that_goes_and_comes_loses_nothing(nats: Nats, processes: Processes) -> None:
    one, other = await processes(), await processes()
    await one.ring("turns", [1])
    assert await taken(other) == [1]
    waiting = asyncio.create_task(other.take("turns", 10))
    await asyncio.to_thread(nats.kill)
    await asyncio.sleep(0.2)
    await one.ring("turns", [2, 3])
    assert (await one.health(), await other.health()) == ("no connection", "no connection")
    await asyncio.to_thread(nats.start)
    ids = await asyncio.wait_for(waiting, 15)
    await other.done("turns", [1, *ids])
    while set(ids) != {2, 3}:
        more = await taken(other)
        await other.done("turns", more)
        ids += [known for known in more if known != 1]
    assert (await one.health(), await other.health()) == ("ok", "ok")


async def test_the_same_publish_twice_rings_once_and_two_rings_ring_twice(processes: Processes) -> None:
    bus = await processes()
    assert bus._js is not None
    for _ in range(2):
        assert await publish(bus._js, subject("jobs"), b"[9]", "one-name", lambda: None)
    assert await taken(bus, "jobs") == [9]
    await bus.done("jobs", [9])
    assert await silent(bus, "jobs")
    for _ in range(2):
        await bus.ring("jobs", [9])
        assert await taken(bus, "jobs") == [9]
        await bus.done("jobs", [9])


async def test_streams_that_were_deleted_are_made_anew(nats: Nats, processes: Processes) -> None:
    bus = await processes()
    waiting = asyncio.create_task(bus.take("turns", 10))
    operator = await client.connect(nats.url)
    await operator.jetstream().delete_stream(stream("turns"))
    assert await bus.health() != "ok"
    await bus.ring("turns", [4])
    assert await asyncio.wait_for(waiting, 20) == [4]
    assert await bus.health() == "ok"
    await operator.close()


async def test_a_start_brings_streams_of_an_earlier_release_up_to_date(nats: Nats) -> None:
    operator = await client.connect(nats.url)
    js = operator.jetstream()
    await js.add_stream(
        StreamConfig(name=stream("turns"), subjects=[subject("turns")], retention="workqueue", max_msgs=5)  # type: ignore[arg-type]
    )
    buses = [JetStreamBus([nats.url]) for _ in range(3)]
    await asyncio.gather(*(bus.start() for bus in buses))
    assert all(await asyncio.gather(*(bus.connected(10) for bus in buses)))
    config = (await js.stream_info(stream("turns"))).config
    assert config.max_msgs is not None
    assert config.max_msgs > 5
    info = await js.consumer_info(stream("turns"), CONSUMER)
    assert (await js.stream_info(DEAD)).config.max_msgs_per_subject == 1
    assert info.config.max_deliver is not None
    assert info.config.max_deliver > MOST_DELIVERIES
    await asyncio.gather(*(bus.close() for bus in buses))
    await operator.close()


async def test_a_password_that_is_refused_is_told_as_a_state_and_written_nowhere() -> None:
    secret = "rahasia-sekali-8841"
    with Nats("--user", "perlinsos", "--pass", secret) as server, capture_logs() as lines:
        right = JetStreamBus([server.url.replace("//", f"//perlinsos:{secret}@")])
        wrong = JetStreamBus([server.url.replace("//", f"//perlinsos:x{secret}@")])
        await asyncio.gather(right.start(), wrong.start())
        assert await right.connected(10)
        assert not await wrong.connected(1)
        assert (await right.health(), await wrong.health()) == ("ok", "no connection")
        await asyncio.gather(right.close(), wrong.close())
    assert lines
    assert secret not in json.dumps(lines, default=str)


async def test_what_is_no_ring_is_put_away(processes: Processes) -> None:
    bus = await processes()
    assert bus._js is not None
    await bus._js.publish(subject("turns"), b"hello")
    await bus.ring("turns", [1])
    assert await taken(bus) == [1]
    await bus.done("turns", [1])
    assert await silent(bus, seconds=2 * ACK_WITHIN)


async def test_one_process_is_first(processes: Processes) -> None:
    one, other = await processes(), await processes()
    firsts = await asyncio.gather(*(bus.first("sweep") for bus in (one, other, one, other)))
    assert firsts.count(True) == 1


@pytest.mark.parametrize("topic", ["faces", "jobs", "turns"])
async def test_the_dearer_the_work_the_more_processes_share_one_ring(processes: Processes, topic: Topic) -> None:
    one, other = await processes(), await processes()
    takers = [asyncio.create_task(bus.take(topic, 4)) for bus in (one, other)]
    await asyncio.sleep(0.1)
    await one.ring(topic, range(16))
    done, rest = await asyncio.wait(takers, timeout=1, return_when=asyncio.ALL_COMPLETED)
    assert len(done) == (1 if topic == "turns" else 2)
    for taker in rest:
        taker.cancel()
