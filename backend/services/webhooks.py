"""Events on their way to other systems: handed to the subscriptions, sent, signed, tried again for a day.

At least once and in no promised order: the id of an event stays the same however often it comes.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import metrics
from backend.domain.webhooks import BACK_OFF, BOTH_SIGN, SECRET_PREFIX, TEST, signature
from backend.gateways.webhooks import Answered
from backend.repositories import audit, event_feed, events, jobs, webhooks
from backend.repositories.event_feed import EventRow
from backend.repositories.jobs import JobDraft, JobRow
from backend.repositories.webhooks import Outgoing, Subscription, Target, Tried
from backend.services.announce import FAN_OUT
from backend.services.work import Finished, TryLater, Work

log = structlog.get_logger(__name__)

SEND = "webhook.send"
AT_ONCE = 8
"""Calls to one subscriber at the same time."""
BUSY_S = 30.0
PAUSE_S = 30.0
"""Seconds until a subscriber at which a whole batch failed is tried with the next one."""
LONGEST_WISH_S = 3600.0
"""A subscriber that names a time until the next try is heard, up to an hour."""
GONE = 410


def event_id(row_id: int) -> str:
    """How others know an event."""
    return f"evt_{row_id}"


def payload(event: EventRow) -> dict[str, Any]:
    """What is told of an event: ids and public numbers, nothing of whoever it is about."""
    of = ("person_id", "registration_id", "registration_number", "decision_id", "appeal_id", "appeal_number")
    about = {name: getattr(event, name) for name in of if getattr(event, name) is not None}
    if event.detail:
        about[_DETAILS.get(event.kind, "status")] = event.detail
    return {
        "id": event_id(event.id),
        "type": event.kind,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "region_code": event.region_code,
        "data": about,
    }


_DETAILS = {"decision.made": "outcome", "appeal.decided": "outcome", "consent.withdrawn": "purpose"}


# --- jobs --------------------------------------------------------------------------------------------------------------


async def fan_out(work: Work, job: JobRow, now: datetime) -> Finished:
    """`events.fan_out` {}: new events get their places, and who wants them a delivery each; as a set."""

    async def write(connection: AsyncConnection) -> Sequence[int]:
        told, more = await event_feed.fan_out(connection, now)
        again = [JobDraft(None, FAN_OUT, {})] if more else []
        return await jobs.add(connection, [*map(send_job, told), *again], now)

    return Finished("handed_on", write=write)


def send_job(subscription_id: int, at: datetime | None = None) -> JobDraft:
    """The job that sends to one subscription what is due."""
    return JobDraft(None, SEND, {"subscription_id": subscription_id}, str(subscription_id), at)


async def send(work: Work, job: JobRow, now: datetime) -> Finished:
    """`webhook.send` {subscription_id}: a batch to one subscription, then the next one as a job of its own: whoever takes
    long or has missed a lot keeps one worker's place, and nobody's registration waits behind it. Raises TryLater."""
    subscription_id: int = job.data["subscription_id"]
    async with work.database.write() as connection:
        target = await webhooks.take(connection, subscription_id, now)
        batch = await webhooks.due(connection, subscription_id, now) if isinstance(target, Target) else []
    if target == "busy":
        raise TryLater("another worker sends to it", BUSY_S)
    if isinstance(target, str):
        return Finished(target)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(outgoing: Outgoing) -> tuple[Tried, Answered]:
        async with at_once:
            answered = await work.webhooks.post(target.url, *_signed(target, outgoing, now))
        came = _came(outgoing, answered, now)
        metrics.WEBHOOK_DELIVERIES.labels(outgoing.event.kind, came.status).inc()
        metrics.WEBHOOK_DELIVERY_SECONDS.observe(answered.milliseconds / 1000)
        return came, answered

    results = await asyncio.gather(*(one(outgoing) for outgoing in batch))
    failing = bool(results) and all(answered.cause for _, answered in results)
    gone = any(answered.status == GONE for _, answered in results)
    dead = sum(1 for came, _ in results if came.status == "dead")
    if dead:
        log.warning("webhooks_dead", subscription=subscription_id, deliveries=dead, cause=results[-1][0].cause)

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await webhooks.tried(connection, [came for came, _ in results], now)
        await webhooks.release(connection, subscription_id)
        if gone:
            await webhooks.change(connection, subscription_id, {"status": "paused", "updated_at": now})
            return ()
        return await _next(connection, job, subscription_id, now, PAUSE_S if failing else 0.0)

    return Finished("failing" if failing else "sent", write=write)


async def _next(
    connection: AsyncConnection, job: JobRow, subscription_id: int, now: datetime, pause: float
) -> Sequence[int]:
    """The job for what is due next, unless one is queued for then. Asked after the release: of two workers one sees it."""
    due = await webhooks.next_due(connection, subscription_id, now)
    if due is None:
        return ()
    at = due if due > now else now + timedelta(seconds=pause)
    if await jobs.queued_by(connection, SEND, str(subscription_id), at, but=job.id):
        return ()
    return await jobs.add(connection, [send_job(subscription_id, at if at > now else None)], now)


def _signed(target: Target, outgoing: Outgoing, now: datetime) -> tuple[Mapping[str, str], bytes]:
    body = orjson.dumps(payload(outgoing.event))
    name, stamp = event_id(outgoing.event.id), int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature(target.secrets, name, stamp, body),
    }
    return headers, body


def _came(outgoing: Outgoing, answered: Answered, now: datetime) -> Tried:
    status, next_at = "waiting", None
    if answered.cause is None:
        status = "delivered"
    elif answered.status == GONE or outgoing.attempts >= len(BACK_OFF):
        status = "dead"
    else:
        wish = min(answered.after or 0.0, LONGEST_WISH_S)
        next_at = now + timedelta(seconds=max(BACK_OFF[outgoing.attempts], wish))
    tries = outgoing.attempts + 1
    return Tried(outgoing.id, tries, status, answered.status, answered.cause, answered.milliseconds, next_at)


# --- subscriptions -------------------------------------------------------------------------------------------------------


def fresh_secret() -> str:
    """A new secret, as Standard Webhooks writes them."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


async def subscribe(
    connection: AsyncConnection,
    key_id: int,
    region_code: str,
    url: str,
    kinds: Sequence[str],
    actor: str,
    now: datetime,
) -> tuple[int, str]:
    """A new subscription: its id, and the secret that is shown this once."""
    secret = fresh_secret()
    row = {
        "key_id": key_id,
        "region_code": region_code,
        "url": url,
        "kinds": ",".join(dict.fromkeys(kinds)),
        "status": "active",
        "secret": secret,
        "created_at": now,
        "updated_at": now,
    }
    subscription_id = await webhooks.add(connection, row)
    await _note(connection, subscription_id, "added", actor, now)
    return subscription_id, secret


async def change(
    connection: AsyncConnection, before: Subscription, values: Mapping[str, Any], actor: str, now: datetime
) -> Sequence[int]:
    """Another address, other kinds, a pause or its end; the jobs to ring. What came meanwhile is sent after a pause."""
    await webhooks.change(connection, before.id, {**values, "updated_at": now})
    await _note(connection, before.id, "changed", actor, now)
    if before.status != "paused" or values.get("status") != "active":
        return ()
    return await jobs.add(connection, [send_job(before.id)], now)


async def rotate(connection: AsyncConnection, subscription_id: int, actor: str, now: datetime) -> str:
    """A new secret, shown this once. The former one signs as well for a day, so that nothing is missed meanwhile."""
    secret, former = fresh_secret(), await webhooks.secret_of(connection, subscription_id)
    values = {"secret": secret, "former_secret": former, "former_until": now + BOTH_SIGN, "updated_at": now}
    await webhooks.change(connection, subscription_id, values)
    await _note(connection, subscription_id, "rotated", actor, now)
    return secret


async def unsubscribe(connection: AsyncConnection, subscription_id: int, actor: str, now: datetime) -> None:
    """Nothing more is sent, and its secrets are gone."""
    values = {"status": "deleted", "secret": None, "former_secret": None, "former_until": None, "updated_at": now}
    await webhooks.change(connection, subscription_id, values)
    await webhooks.cancel_waiting(connection, subscription_id, now)
    await _note(connection, subscription_id, "deleted", actor, now)


async def send_test(
    connection: AsyncConnection, subscription: Subscription, now: datetime
) -> tuple[int, Sequence[int]]:
    """An event that only this subscription hears; its id, and the jobs to ring."""
    row_id = await events.add_for_one(connection, subscription.id, subscription.region_code, now, TEST)
    return row_id, await jobs.add(connection, [JobDraft(None, FAN_OUT, {})], now)


async def replay(
    connection: AsyncConnection, subscription_id: int, actor: str, now: datetime,
    *, since: datetime | None = None, row_id: int | None = None,
) -> tuple[int, Sequence[int]]:  # fmt: skip
    """Tell again one event, or all since then; how many these are, and the jobs to ring."""
    count = await event_feed.replay(connection, subscription_id, now, since=since, event_id=row_id)
    await _note(connection, subscription_id, "replayed", actor, now, {"events": count})
    return count, await jobs.add(connection, [send_job(subscription_id)], now) if count else ()


async def _note(
    connection: AsyncConnection,
    subscription_id: int,
    what: str,
    actor: str,
    now: datetime,
    data: Mapping[str, Any] = {},
) -> None:
    act = audit.Act(now, actor, f"subscription.{what}", f"subscription:{subscription_id}", data)
    await audit.note(connection, [act])
