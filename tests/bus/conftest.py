"""Both buses behind one fixture. `processes` makes as many as asked for, on one server, as if each were a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from backend.bus import Bus
from backend.bus.jetstream import JetStreamBus
from backend.bus.memory import MemoryBus
from tests.nats import Nats

ACK_WITHIN = 1.0
Processes = Callable[[], Awaitable[JetStreamBus]]


@pytest.fixture
def nats() -> Iterator[Nats]:
    with Nats() as server:
        yield server


@pytest.fixture
async def processes(nats: Nats) -> AsyncIterator[Processes]:
    started: list[JetStreamBus] = []

    async def start() -> JetStreamBus:
        bus = JetStreamBus([nats.url], ack_within=ACK_WITHIN)
        started.append(bus)
        await bus.start()
        assert await bus.connected(10)
        return bus

    yield start
    for bus in started:
        await bus.close()


@pytest.fixture(params=["memory", "jetstream"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """The test runs twice."""
    if request.param == "memory":
        memory = MemoryBus()
        yield memory
        await memory.close()
    else:
        with Nats() as server:
            jetstream = JetStreamBus([server.url], ack_within=ACK_WITHIN)
            await jetstream.start()
            assert await jetstream.connected(10)
            yield jetstream
            await jetstream.close()
