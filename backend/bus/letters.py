"""The dead-letter stream: the last word on each ring that was given up on, a subject each."""

from __future__ import annotations

import orjson
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from backend.bus import TOPICS, Buried, Topic
from backend.bus.layout import DEAD, DEAD_SUBJECT

PAGE = 500
ANSWERED_WITHIN = 2.0


def subject(topic: Topic, known: int) -> str:
    return f"{DEAD_SUBJECT}.{topic}.{known}"


def write(topic: Topic, known: int, reason: str, deliveries: int) -> bytes:
    return orjson.dumps({"topic": topic, "id": known, "reason": reason, "deliveries": deliveries})


async def read(js: JetStreamContext) -> list[Buried]:
    """All of them, oldest first."""
    held = (await js.stream_info(DEAD)).state.messages
    if not held:
        return []
    reader = await js.pull_subscribe(
        f"{DEAD_SUBJECT}.>", stream=DEAD, config=ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=30)
    )
    found: list[Buried] = []
    try:
        while len(found) < held:
            for message in await reader.fetch(min(PAGE, held - len(found)), timeout=ANSWERED_WITHIN):
                told = orjson.loads(message.data)
                if told["topic"] in TOPICS:
                    at = message.metadata.timestamp
                    found.append(Buried(told["topic"], told["id"], told["reason"], told["deliveries"], at))
    except NatsTimeoutError:  # some were replayed meanwhile
        pass
    finally:
        await reader.unsubscribe()
    return found
