"""The feed of events: their order, who is to hear of them, and reading them page by page.

The numbers that a database gives to rows become visible out of order, so that a reader who goes by them could miss one.
`fan_out` therefore gives each event its place (`seq`) when its transaction is over, one batch after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Appeal, Event, Registration, Utc, WebhookAttempt, WebhookDelivery, WebhookSubscription, table
from backend.repositories.registrations import in_region
from backend.repositories.sets import UpdateSet, among

EVENTS, SUBSCRIPTIONS, DELIVERIES = table(Event), table(WebhookSubscription), table(WebhookDelivery)
REGISTRATIONS, APPEALS, ATTEMPTS = table(Registration), table(Appeal), table(WebhookAttempt)
_E, _S, _D = EVENTS.c, SUBSCRIPTIONS.c, DELIVERIES.c
_NUMBER = UpdateSet(EVENTS, key=("id",), put=("seq",))
KEPT = timedelta(days=30)
BATCH = 1000


@value
class EventRow:
    """An event as it is told: ids and public numbers. `seq` is its place in the feed."""

    id: int
    seq: int
    kind: str
    at: datetime
    region_code: str
    person_id: int | None
    registration_id: int | None
    registration_number: str | None
    decision_id: int | None
    appeal_id: int | None
    appeal_number: str | None
    detail: str | None


COLUMNS: tuple[ColumnElement[Any], ...] = (
    _E.id, _E.seq, _E.kind, _E.at, _E.region_code, _E.person_id, _E.registration_id,
    REGISTRATIONS.c.number.label("registration_number"), _E.decision_id, _E.appeal_id,
    APPEALS.c.number.label("appeal_number"), _E.detail,
)  # fmt: skip
WITH_NUMBERS = EVENTS.outerjoin(REGISTRATIONS, REGISTRATIONS.c.id == _E.registration_id).outerjoin(
    APPEALS, APPEALS.c.id == _E.appeal_id
)


async def fan_out(connection: AsyncConnection, now: datetime) -> tuple[list[int], bool]:
    """Give a batch of new events their places, and each subscription that wants them a delivery, in one statement.

    The subscriptions that are to be told, and whether there may be more to do.
    """
    found = await connection.execute(
        select(_E.id).where(_E.seq.is_(None)).order_by(_E.id).limit(BATCH).with_for_update()
    )
    ids = list(found.scalars())
    if not ids:
        return [], False
    last: int = (await connection.execute(select(func.coalesce(func.max(_E.seq), 0)))).scalar_one()
    await _NUMBER(connection, [(event_id, last + place) for place, event_id in enumerate(ids, 1)])
    wanted = (
        select(_S.id, _E.id, literal("waiting"), literal(now, Utc), literal(now, Utc))
        .select_from(EVENTS.join(SUBSCRIPTIONS, _wants()))
        .where(among(connection, _E.id, ids), _S.status != "deleted")
        .order_by(_E.id)
    )
    added = await connection.execute(
        insert(DELIVERIES)
        .from_select(["subscription_id", "event_id", "status", "created_at", "updated_at"], wanted)
        .returning(_D.subscription_id)
    )
    return sorted(set(added.scalars())), len(ids) == BATCH


def _wants() -> ColumnElement[bool]:
    """Whether a subscription is to hear of an event."""
    kinds = literal(",") + _S.kinds + literal(",")
    kind = or_(_S.kinds == "", kinds.contains(literal(",") + _E.kind + literal(",")))
    region = or_(
        _S.region_code == "", _E.region_code == _S.region_code, _E.region_code.startswith(_S.region_code + literal("."))
    )
    return or_(and_(_E.only_for.is_(None), kind, region), _E.only_for == _S.id)


async def replay(
    connection: AsyncConnection, subscription_id: int, now: datetime, *, since: datetime | None, event_id: int | None
) -> int:
    """New deliveries to this subscription: of one event, or of all that it wants since then. How many."""
    where = [_S.id == subscription_id, _E.seq.is_not(None)]
    if event_id is not None:
        where.append(_E.id == event_id)
    if since is not None:
        where.append(_E.at >= since)
    wanted = (
        select(_S.id, _E.id, literal("waiting"), literal(now, Utc), literal(now, Utc))
        .select_from(EVENTS.join(SUBSCRIPTIONS, _wants()))
        .where(*where)
        .order_by(_E.seq)
    )
    added = await connection.execute(
        insert(DELIVERIES).from_select(["subscription_id", "event_id", "status", "created_at", "updated_at"], wanted)
    )
    return added.rowcount


async def feed(
    connection: AsyncConnection, regions: Sequence[str], after: int, kinds: Collection[str], most: int
) -> list[EventRow]:
    """The events after this place, in their order."""
    where = [_E.seq > after, _E.only_for.is_(None), *(in_region(_E.region_code, region) for region in regions)]
    if kinds:
        where.append(_E.kind.in_(sorted(kinds)))
    found = await connection.execute(
        select(*COLUMNS).select_from(WITH_NUMBERS).where(*where).order_by(_E.seq).limit(most)
    )
    return [EventRow(*row) for row in found]


async def are_waiting(connection: AsyncConnection) -> bool:
    """Whether events wait for their place."""
    return (await connection.execute(select(_E.id).where(_E.seq.is_(None)).limit(1))).first() is not None


async def forget(connection: AsyncConnection, now: datetime) -> int:
    """Delete a batch of old events with all that was tried with them; how many these were. The newest stays: places go on
    from there."""
    newest = select(func.max(_E.seq)).scalar_subquery()
    old = select(_E.id).where(_E.at < now - KEPT, _E.seq < newest).order_by(_E.seq).limit(BATCH)
    ids = list((await connection.execute(old)).scalars())
    if ids:
        theirs = select(_D.id).where(among(connection, _D.event_id, ids))
        await connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.delivery_id.in_(theirs)))
        await connection.execute(delete(DELIVERIES).where(among(connection, _D.event_id, ids)))
        await connection.execute(delete(EVENTS).where(among(connection, _E.id, ids)))
    return len(ids)
