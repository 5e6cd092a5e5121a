"""What the bus needs at NATS: a work queue and a durable pull consumer a topic, the dead letters, and who was first."""

from __future__ import annotations

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError
from nats.js.kv import KeyValue

from backend.bus import FIRST_FOR, TOPICS, Topic
from backend.bus.retries import MOST_DELIVERIES

CONSUMER = "workers"
APART = "apart"
"""The consumer of rings that have failed before: they come one at a time, so that none of them takes others along."""
DEAD = "PERLINSOS_DEAD"
DEAD_SUBJECT = "perlinsos.dead"
FIRST = "perlinsos_first"
ACK_WITHIN = 15.0
"""Seconds of silence after which what a process holds goes to another one."""
DEDUPLICATED_FOR = 120.0
KEPT_FOR = 86_400.0
DEAD_KEPT_FOR = 90 * 86_400.0
MOST_RINGS = 1_000_000
NAME_IN_USE = 10058


def stream(topic: Topic) -> str:
    return f"PERLINSOS_{topic.upper()}"


def subject(topic: Topic) -> str:
    return f"perlinsos.{topic}"


def apart(topic: Topic) -> str:
    """The subject for rings that have failed before, in the same stream."""
    return f"perlinsos.{topic}.apart"


async def prepare(js: JetStreamContext, replicas: int, ack_within: float) -> KeyValue:
    """Make or update all of it. Any number of processes may do so at the same time."""
    for topic in TOPICS:
        # The rows are the truth: a ring that is too many or too old is dropped, never a reason to stand still.
        await _stream(
            js,
            StreamConfig(
                name=stream(topic),
                subjects=[subject(topic), apart(topic)],
                retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.OLD,
                max_msgs=MOST_RINGS,
                max_age=KEPT_FOR,
                duplicate_window=DEDUPLICATED_FOR,
                storage=StorageType.FILE,
                num_replicas=replicas,
            ),
        )
        for consumer, filtered in ((CONSUMER, subject(topic)), (APART, apart(topic))):
            await js.add_consumer(
                stream(topic),
                ConsumerConfig(
                    durable_name=consumer,
                    filter_subject=filtered,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=ack_within,
                    # More than we count: whoever takes it after its last try writes the dead letter, and may die over that.
                    max_deliver=MOST_DELIVERIES + 10,
                    max_ack_pending=20_000,
                    max_waiting=2_000,
                ),
            )
    await _stream(
        js,
        StreamConfig(
            name=DEAD,
            subjects=[f"{DEAD_SUBJECT}.>"],
            retention=RetentionPolicy.LIMITS,
            max_msgs_per_subject=1,
            max_age=DEAD_KEPT_FOR,
            storage=StorageType.FILE,
            num_replicas=replicas,
            allow_direct=True,
        ),
    )
    first = KeyValueConfig(bucket=FIRST, ttl=FIRST_FOR, replicas=replicas, storage=StorageType.MEMORY)
    try:
        return await js.create_key_value(first)
    except BadRequestError as error:
        if error.err_code != NAME_IN_USE:
            raise
        return await js.key_value(FIRST)


async def _stream(js: JetStreamContext, config: StreamConfig) -> None:
    try:
        await js.add_stream(config)
    except BadRequestError as error:
        if error.err_code != NAME_IN_USE:
            raise
        await js.update_stream(config)


async def faults(js: JetStreamContext, replicas: int) -> list[str]:
    """Streams that are kept on fewer servers than they should be, or whose copies lag behind."""
    found = []
    for name in (*map(stream, TOPICS), DEAD):
        info = await js.stream_info(name)
        kept = info.config.num_replicas or 1
        if kept < replicas:
            found.append(f"{name} is kept on {kept} of {replicas} servers")
        behind = [peer.name for peer in (info.cluster.replicas or () if info.cluster else ()) if not peer.current]
        if behind:
            found.append(f"{name} lacks {', '.join(sorted(str(peer) for peer in behind))}")
    return found
