"""`/api/v1/events`: what happened, as a feed to read and as signed webhooks that come by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.conditional import IfMatch, tag_for
from backend.api.event_schemas import (
    AttemptShown,
    DeliveryRead,
    DeliveryShown,
    DeliveryStatus,
    EventFeed,
    EventId,
    EventKind,
    EventShown,
    NewSubscription,
    Replay,
    Replayed,
    SubscriptionChange,
    SubscriptionShown,
    SubscriptionWithSecret,
    TestSent,
)
from backend.api.paging import LARGEST_ID, Asked, Limit, Listed, listed
from backend.api.problems import Problem, invalid, missing
from backend.api.types import Id
from backend.domain.webhooks import url_fault
from backend.repositories import event_feed, webhooks
from backend.repositories.listing import Page
from backend.repositories.webhooks import Sought, Subscription, Whose
from backend.services import webhooks as service
from backend.services.accounts import KeyRole

router = APIRouter(prefix="/api/v1/events", tags=["events"])
MOST_SUBSCRIPTIONS = 20
After = Annotated[
    int, Query(ge=0, le=LARGEST_ID, description="`next` of the page before; without it from the beginning")
]
Delivered = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@router.get("", summary="What happened, the oldest first")
async def list_events(
    parts: Parts,
    caller: Authorised,
    after: After = 0,
    kind: Annotated[list[EventKind], Query(description="only of these kinds", max_length=20)] = [],  # noqa: B006 - a default of FastAPI
    limit: Limit = 50,
) -> EventFeed:
    """For those who would rather ask than be told. Nothing comes in before the cursor that was given: who goes on from
    `next` misses nothing. Events are kept for 30 days."""
    async with parts.database.read() as connection:
        rows = await event_feed.feed(connection, caller.regions(), after, set(kind), limit)
    return EventFeed(items=[EventShown.of(row) for row in rows], next=rows[-1].seq if rows else after)


# --- subscriptions -------------------------------------------------------------------------------------------------------


@router.get("/subscriptions", summary="Who is told, the newest first")
async def list_subscriptions(parts: Parts, caller: Authorised, asked: Asked) -> Listed[SubscriptionShown]:
    """A key of the portal sees its own, an admin's all of their region."""
    async with parts.database.read() as connection:
        rows = await webhooks.subscriptions(connection, _whose(caller), asked)
    return listed(rows, asked, SubscriptionShown.of)


@router.post("/subscriptions", status_code=201, summary="Be told of what happens")
async def create_subscription(given: NewSubscription, parts: Parts, caller: Authorised) -> SubscriptionWithSecret:
    """Each event is sent as `POST`, signed as Standard Webhooks has it: `webhook-signature` is `v1,` and the base64 of
    HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, with the base64 behind `whsec_` as the key. Any 2xx within 10
    seconds takes it; otherwise it comes again, for a day. It may come twice and in another order: `webhook-id` tells.
    Only events of the key's region are told."""
    _may_be_told(parts, given.url)
    async with parts.database.write() as connection:
        if (
            len(await webhooks.subscriptions(connection, Whose((), caller.key_id), Page(MOST_SUBSCRIPTIONS)))
            == MOST_SUBSCRIPTIONS
        ):
            raise Problem(409, "too_many_subscriptions", "This key has as many subscriptions as it can have.")
        made, secret = await service.subscribe(
            connection, caller.key_id, caller.region_code, given.url, given.kinds, caller.actor, parts.now()
        )
        shown = SubscriptionShown.of(await _subscription(connection, caller, made))
    return SubscriptionWithSecret(**shown.model_dump(), secret=secret)


@router.get("/subscriptions/{subscription_id}", summary="One subscription")
async def read_subscription(subscription_id: Id, parts: Parts, caller: Authorised) -> SubscriptionShown:
    async with parts.database.read() as connection:
        return SubscriptionShown.of(await _subscription(connection, caller, subscription_id))


@router.patch("/subscriptions/{subscription_id}", summary="Pause, go on, or be told elsewhere or of other things")
async def change_subscription(
    given: SubscriptionChange, subscription_id: Id, parts: Parts, caller: Authorised, expected: IfMatch
) -> SubscriptionShown:
    values = {name: said for name, said in given.model_dump(exclude_unset=True).items() if said is not None}
    if given.url is not None:
        _may_be_told(parts, given.url)
    if given.kinds is not None:
        values["kinds"] = ",".join(dict.fromkeys(given.kinds))
    async with parts.database.write() as connection:
        before = await _subscription(connection, caller, subscription_id, lock=True)
        expected.check(SubscriptionShown.of(before))
        rung = await service.change(connection, before, values, caller.actor, parts.now())
        shown = SubscriptionShown.of(await _subscription(connection, caller, subscription_id))
    await parts.bus.ring("jobs", rung)
    return shown


@router.delete("/subscriptions/{subscription_id}", status_code=204, summary="Be told no more")
async def delete_subscription(subscription_id: Id, parts: Parts, caller: Authorised, expected: IfMatch) -> None:
    async with parts.database.write() as connection:
        expected.check(SubscriptionShown.of(await _subscription(connection, caller, subscription_id, lock=True)))
        await service.unsubscribe(connection, subscription_id, caller.actor, parts.now())


@router.post("/subscriptions/{subscription_id}/rotate", summary="A new secret")
async def rotate_secret(
    subscription_id: Id, parts: Parts, caller: Authorised, expected: IfMatch, response: Response
) -> SubscriptionWithSecret:
    """For a day both secrets sign, the new one first."""
    async with parts.database.write() as connection:
        expected.check(SubscriptionShown.of(await _subscription(connection, caller, subscription_id, lock=True)))
        secret = await service.rotate(connection, subscription_id, caller.actor, parts.now())
        shown = SubscriptionShown.of(await _subscription(connection, caller, subscription_id))
    response.headers["ETag"] = tag_for(shown)
    return SubscriptionWithSecret(**shown.model_dump(), secret=secret)


@router.post("/subscriptions/{subscription_id}/test", status_code=202, summary="Send a test")
async def try_subscription(subscription_id: Id, parts: Parts, caller: Authorised) -> TestSent:
    """An event of the kind `webhook.test` that nobody else is told."""
    async with parts.database.write() as connection:
        row = await _subscription(connection, caller, subscription_id)
        made, rung = await service.send_test(connection, row, parts.now())
    await parts.bus.ring("jobs", rung)
    return TestSent(event_id=service.event_id(made))


@router.post("/subscriptions/{subscription_id}/replay", status_code=202, summary="Be told again")
async def replay_events(given: Replay, subscription_id: Id, parts: Parts, caller: Authorised) -> Replayed:
    row_id = _row_id(given.event_id) if given.event_id is not None else None
    async with parts.database.write() as connection:
        await _subscription(connection, caller, subscription_id)
        count, rung = await service.replay(
            connection, subscription_id, caller.actor, parts.now(), since=given.since, row_id=row_id
        )
        if row_id is not None and not count:
            raise missing("event for this subscription")
    await parts.bus.ring("jobs", rung)
    return Replayed(events=count)


# --- deliveries ----------------------------------------------------------------------------------------------------------


@router.get("/deliveries", summary="What was told, the newest first")
async def list_deliveries(
    parts: Parts,
    caller: Authorised,
    asked: Asked,
    subscription_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    event_id: EventId | None = None,
    status: DeliveryStatus | None = None,
    kind: EventKind | None = None,
) -> Listed[DeliveryShown]:
    sought = Sought(subscription_id, _row_id(event_id) if event_id else None, status or "", kind or "")
    async with parts.database.read() as connection:
        rows = await webhooks.deliveries(connection, _whose(caller), sought, asked)
    return listed(rows, asked, DeliveryShown.of)


@router.get("/deliveries/{delivery_id}", summary="One delivery with every try")
async def read_delivery(delivery_id: Delivered, parts: Parts, caller: Authorised) -> DeliveryRead:
    async with parts.database.read() as connection:
        rows = await webhooks.deliveries(connection, _whose(caller), Sought(row_id=delivery_id), Page(1))
        tries = await webhooks.attempts_of(connection, delivery_id)
    if not rows:
        raise missing("delivery")
    shown = DeliveryShown.of(rows[0])
    return DeliveryRead(**shown.model_dump(), tries=[AttemptShown.model_validate(one) for one in tries])


def _whose(caller: Caller) -> Whose:
    return Whose(caller.regions(), None if caller.role is KeyRole.ADMIN else caller.key_id)


async def _subscription(
    connection: AsyncConnection, caller: Caller, subscription_id: int, *, lock: bool = False
) -> Subscription:
    rows: Sequence[Subscription] = await webhooks.subscriptions(
        connection, _whose(caller), Page(1), row_id=subscription_id, lock=lock
    )
    if not rows:
        raise missing("subscription")
    return rows[0]


def _may_be_told(parts: Services, url: str) -> None:
    fault = url_fault(url, loopback=parts.loopback)
    if fault:
        raise invalid("body.url", fault, "url_not_allowed")


def _row_id(event_id: str) -> int:
    return int(event_id.removeprefix("evt_"))
