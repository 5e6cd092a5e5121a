"""The last step of a ring that is given up on."""

from __future__ import annotations

import structlog

from backend import metrics
from backend.bus import SetAside, Topic

log = structlog.get_logger(__name__)


async def given_up(set_aside: SetAside | None, topic: Topic, known: int, reason: str, tries: int) -> None:
    """Have its row set aside. Where that fails the row stays as it is, the sweep rings for it, and it comes back here."""
    metrics.RINGS_GIVEN_UP.labels(topic).inc()
    log.error("ring_given_up", topic=topic, id=known, cause=reason, deliveries=tries)
    if set_aside is None:
        return
    try:
        await set_aside(topic, known, reason)
    except Exception as error:  # the database may be away; the bus must go on
        log.error("not_set_aside", topic=topic, id=known, cause=type(error).__name__)
