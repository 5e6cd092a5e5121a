"""Subscriptions to events, and the deliveries to them with every try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Utc, WebhookAttempt, WebhookDelivery, WebhookSubscription, table
from backend.repositories import event_feed
from backend.repositories.event_feed import EVENTS, EventRow
from backend.repositories.listing import Page
from backend.repositories.registrations import in_region
from backend.repositories.sets import InsertSet, UpdateSet

SUBSCRIPTIONS, DELIVERIES, ATTEMPTS = table(WebhookSubscription), table(WebhookDelivery), table(WebhookAttempt)
_S, _D, _T = SUBSCRIPTIONS.c, DELIVERIES.c, ATTEMPTS.c
HELD_FOR = timedelta(seconds=120)
"""A batch takes less; after that its process has died."""
BATCH = 32
_STANDS = UpdateSet(
    DELIVERIES, key=("id",), put=("status", "attempts", "cause", "next_at", "updated_at"), where="status = 'waiting'"
)
_TRIES = InsertSet(ATTEMPTS, each=("delivery_id", "http_status", "cause", "milliseconds"), same=("at",))


@value
class Subscription:
    """A subscription without its secrets."""

    id: int
    key_id: int
    region_code: str
    url: str
    kinds: str
    status: str
    former_until: datetime | None
    created_at: datetime
    updated_at: datetime


_COLUMNS = (
    _S.id, _S.key_id, _S.region_code, _S.url, _S.kinds, _S.status, _S.former_until, _S.created_at, _S.updated_at,
)  # fmt: skip


@value
class Whose:
    """Whose subscriptions: those of a key, or with `key_id` empty all that lie in these regions."""

    regions: Sequence[str]
    key_id: int | None = None

    def where(self) -> list[ColumnElement[bool]]:
        own = [] if self.key_id is None else [_S.key_id == self.key_id]
        return [_S.status != "deleted", *own, *(in_region(_S.region_code, region) for region in self.regions)]


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    added = await connection.execute(insert(SUBSCRIPTIONS).values(**values).returning(_S.id))
    row_id: int = added.scalar_one()
    return row_id


async def subscriptions(
    connection: AsyncConnection, whose: Whose, page: Page, *, row_id: int | None = None, lock: bool = False
) -> list[Subscription]:
    """The newest first, or the one with this id. With `lock` it is held until the end of the transaction."""
    statement = select(*_COLUMNS).where(*whose.where()).order_by(_S.id.desc()).limit(page.most)
    if row_id is not None:
        statement = statement.where(_S.id == row_id)
    if page.after is not None:
        statement = statement.where(_S.id < page.after)
    found = await connection.execute(statement.with_for_update() if lock else statement)
    return [Subscription(*row) for row in found]


async def change(connection: AsyncConnection, subscription_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(SUBSCRIPTIONS).where(_S.id == subscription_id).values(**values))


async def secret_of(connection: AsyncConnection, subscription_id: int) -> str | None:
    found = await connection.execute(select(_S.secret).where(_S.id == subscription_id))
    secret: str | None = found.scalar_one_or_none()
    return secret


async def cancel_waiting(connection: AsyncConnection, subscription_id: int, now: datetime) -> None:
    """Nothing more is told to this subscription."""
    await connection.execute(
        update(DELIVERIES)
        .where(_D.subscription_id == subscription_id, _D.status == "waiting")
        .values(status="cancelled", updated_at=now)
    )


# --- sending -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A subscription that is ours to send to. `secrets`: with which is signed, the newest first."""

    id: int
    url: str
    secrets: Sequence[str] = field(repr=False)


@value
class Outgoing:
    """A delivery that is due."""

    id: int
    attempts: int
    event: EventRow


async def take(connection: AsyncConnection, subscription_id: int, now: datetime) -> Target | str:
    """Hold a subscription for a batch: where to send, or why nothing is sent (`over`, `paused`, `busy`)."""
    free = or_(_S.busy_until.is_(None), _S.busy_until < now)
    taken = await connection.execute(
        update(SUBSCRIPTIONS)
        .where(_S.id == subscription_id, _S.status == "active", free)
        .values(busy_until=now + HELD_FOR)
        .returning(_S.url, _S.secret, _S.former_secret, _S.former_until)
    )
    row = taken.first()
    if row is None:
        status = (await connection.execute(select(_S.status).where(_S.id == subscription_id))).scalar_one_or_none()
        return {"active": "busy", "paused": "paused"}.get(status or "", "over")
    former = row.former_secret if row.former_until is not None and row.former_until > now else None
    return Target(subscription_id, row.url, [secret for secret in (row.secret, former) if secret])


async def due(connection: AsyncConnection, subscription_id: int, now: datetime) -> list[Outgoing]:
    """The next deliveries to this subscription, as many as are sent in one go."""
    found = await connection.execute(
        select(_D.id.label("delivery"), _D.attempts, *event_feed.COLUMNS)
        .select_from(event_feed.WITH_NUMBERS.join(DELIVERIES, _D.event_id == EVENTS.c.id))
        .where(_D.subscription_id == subscription_id, _D.status == "waiting", _is_due(now))
        .order_by(_D.id)
        .limit(BATCH)
    )
    return [Outgoing(row[0], row[1], EventRow(*tuple(row)[2:])) for row in found]


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(_D.next_at.is_(None), _D.next_at <= now)


async def next_due(connection: AsyncConnection, subscription_id: int, now: datetime) -> datetime | None:
    """When the next delivery to this subscription is due; None when none waits."""
    found = await connection.execute(
        select(func.min(func.coalesce(_D.next_at, literal(now, Utc)))).where(
            _D.subscription_id == subscription_id, _D.status == "waiting"
        )
    )
    at: datetime | None = found.scalar_one()
    return at


@value
class Tried:
    """What came of a try. `status`: of the delivery from now on; `next_at`: when it is tried again."""

    delivery_id: int
    attempts: int
    status: str
    http_status: int | None
    cause: str | None
    milliseconds: int
    next_at: datetime | None


async def tried(connection: AsyncConnection, came: Sequence[Tried], now: datetime) -> None:
    """Note these tries, and how their deliveries stand after them."""
    await _STANDS(
        connection, [(one.delivery_id, one.status, one.attempts, one.cause, one.next_at, now) for one in came]
    )
    await _TRIES(connection, [(one.delivery_id, one.http_status, one.cause, one.milliseconds) for one in came], (now,))


async def release(connection: AsyncConnection, subscription_id: int) -> None:
    """The batch is over: another worker may go on."""
    await change(connection, subscription_id, {"busy_until": None})


# --- the log -------------------------------------------------------------------------------------------------------------


@value
class Delivery:
    """A delivery as the log shows it."""

    id: int
    subscription_id: int
    event_id: int
    kind: str
    status: str
    attempts: int
    cause: str | None
    created_at: datetime
    updated_at: datetime


@value
class Attempt:
    at: datetime
    http_status: int | None
    cause: str | None
    milliseconds: int


@value
class Sought:
    """Which deliveries to show; empty fields leave out nothing."""

    subscription_id: int | None = None
    event_id: int | None = None
    status: str = ""
    kind: str = ""
    row_id: int | None = None


async def deliveries(connection: AsyncConnection, whose: Whose, sought: Sought, page: Page) -> list[Delivery]:
    """The newest first."""
    given = (
        (_D.subscription_id, sought.subscription_id),
        (_D.event_id, sought.event_id),
        (_D.status, sought.status or None),
        (EVENTS.c.kind, sought.kind or None),
        (_D.id, sought.row_id),
    )
    where = [column == wanted for column, wanted in given if wanted is not None]
    if page.after is not None:
        where.append(_D.id < page.after)
    found = await connection.execute(
        select(
            _D.id, _D.subscription_id, _D.event_id, EVENTS.c.kind, _D.status, _D.attempts, _D.cause, _D.created_at,
            _D.updated_at,
        )
        .join(EVENTS, EVENTS.c.id == _D.event_id)
        .join(SUBSCRIPTIONS, _S.id == _D.subscription_id)
        .where(*whose.where(), *where)
        .order_by(_D.id.desc())
        .limit(page.most)
    )  # fmt: skip
    return [Delivery(*row) for row in found]


async def attempts_of(connection: AsyncConnection, delivery_id: int) -> list[Attempt]:
    """Every try of a delivery, the first one first."""
    found = await connection.execute(
        select(_T.at, _T.http_status, _T.cause, _T.milliseconds).where(_T.delivery_id == delivery_id).order_by(_T.id)
    )
    return [Attempt(*row) for row in found]
