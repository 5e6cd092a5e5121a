"""The outbox: outgoing messages from the transaction that wanted them to the provider's last word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.values import value
from backend.models import Conversation, Outbox, table
from backend.repositories.sets import InsertSet, UpdateSet, among

OUTBOX = table(Outbox)
CONVERSATIONS = table(Conversation)
_EACH = ("conversation_id", "kind", "keys", "body", "trace")
_INSERT = InsertSet(OUTBOX, each=_EACH, same=("status", "created_at"))
_INSERT_CLAIMED = InsertSet(
    OUTBOX,
    each=_EACH,
    same=("status", "attempts", "claimed_at", "created_at"),
    returning="id",
)
_INSERT_KNOWN = InsertSet(OUTBOX, each=_EACH, same=("status", "created_at"), returning="id")
OPEN = ("queued", "sending")
REPEATED = frozenset({"reply", "delete"})
"""What is sent again when nobody knows whether it left. Anything else stays `unknown`, to be reported and not repeated."""
LOST_SENDER = "its sender ended before the provider's word"
HELD_BY_ANOTHER = 0.2
"""Seconds until another sender's claim of the same moment is committed."""
UNKNOWN_AFTER = timedelta(seconds=20)
"""How long a message may stay `sending` before it counts as unknown: receipts have had their chance by then."""


@value
class Draft:
    """A message to be sent. `keys` name its texts.

    `body`: `{"text", "buttons": [[payload, title]], "delete_ref", "since"}`: the citizen's message that is to vanish, and the
    Unix time at which the one that this answers arrived.
    """

    conversation_id: int
    kind: str
    keys: str
    body: Mapping[str, Any]
    trace: str = ""


@value
class Claimed:
    """A message that this sender has marked `sending`."""

    id: int
    conversation_id: int
    channel: str
    address: str
    kind: str
    body: Mapping[str, Any]
    attempts: int
    last_inbound_at: datetime | None
    reachable: bool
    trace: str
    created_at: datetime


@value
class Settled:
    """What came of one try. `status` `queued` with `not_before`: to be tried again; `tried` False: it never left;
    `given_up`: it will not be tried again, although it might go another day."""

    id: int
    status: str
    provider_id: str | None = None
    error: str | None = None
    not_before: datetime | None = None
    sent_at: datetime | None = None
    tried: bool = True
    given_up: bool = False


def deletion(conversation_id: int, message_ref: str, trace: str) -> Draft:
    """The citizen's own message is to vanish from the chat."""
    return Draft(conversation_id, "delete", "", {"text": "", "buttons": [], "delete_ref": message_ref}, trace)


async def add(connection: AsyncConnection, drafts: Sequence[Draft], now: datetime) -> None:
    """Queue messages, in this order within a conversation."""
    values = [(draft.conversation_id, draft.kind, draft.keys[:300], draft.body, draft.trace) for draft in drafts]
    await _INSERT(connection, values, ("queued", now))


async def add_known(connection: AsyncConnection, drafts: Sequence[Draft], now: datetime) -> list[int]:
    """As `add`; their ids in the order of `drafts`."""
    values = [(draft.conversation_id, draft.kind, draft.keys[:300], draft.body, draft.trace) for draft in drafts]
    return await _INSERT_KNOWN(connection, values, ("queued", now))


async def add_claimed(connection: AsyncConnection, drafts: Sequence[Draft], now: datetime) -> list[int]:
    """Write messages as `sending`, as if this sender had claimed them a moment later; their ids in the order of `drafts`.

    Right only for the first open message of a conversation whose row this transaction holds.
    """
    values = [(draft.conversation_id, draft.kind, draft.keys[:300], draft.body, draft.trace) for draft in drafts]
    return await _INSERT_CLAIMED(connection, values, ("sending", 1, now, now))


async def claim(
    connection: AsyncConnection, conversation_ids: Sequence[int], now: datetime
) -> tuple[list[Claimed], dict[int, float]]:
    """Mark the next message of each conversation `sending` and hand it out; never two of one chat at a time.

    Also, for conversations that must wait (back-off, or a message whose fate is still open), the seconds until then.
    """
    o, c = OUTBOX.c, CONVERSATIONS.c
    mine = among(connection, o.conversation_id, conversation_ids)
    # What another sender holds at this moment is skipped below; its successor must not overtake it.
    first = select(o.conversation_id, func.min(o.id).label("id")).where(mine, o.open).group_by(o.conversation_id).cte()
    found = await connection.execute(
        select(
            o.id, o.conversation_id, c.channel, c.address, o.kind, o.body, o.attempts, c.last_inbound_at, c.reachable,
            o.trace, o.created_at, o.status, o.not_before, o.claimed_at, first.c.id.label("first"),
        )
        .join(CONVERSATIONS, c.id == o.conversation_id)
        .join(first, first.c.conversation_id == o.conversation_id)
        .where(mine, o.open)
        .order_by(o.conversation_id, o.id)
        .with_for_update(of=OUTBOX, skip_locked=True)
    )  # fmt: skip
    heads: dict[int, Any] = {}
    for row in found:
        heads.setdefault(row.conversation_id, row)
    ready: list[Claimed] = []
    unknown: list[int] = []
    wait: dict[int, float] = {}
    for row in heads.values():
        if row.id != row.first:
            wait[row.conversation_id] = HELD_BY_ANOTHER
            continue
        free_at = row.claimed_at + UNKNOWN_AFTER if row.status == "sending" else row.not_before
        if free_at is not None and free_at > now:
            wait[row.conversation_id] = (free_at - now).total_seconds()
        elif row.status == "sending" and row.kind not in REPEATED:
            unknown.append(row.id)
            wait[row.conversation_id] = 0.0
        else:
            ready.append(Claimed(*row[:11]))
    if unknown:
        await connection.execute(
            update(OUTBOX).where(among(connection, o.id, unknown)).values(status="unknown", error=LOST_SENDER)
        )
    if ready:
        await connection.execute(
            update(OUTBOX)
            # Since the first of them, so that no month before it is looked into.
            .where(among(connection, o.id, [m.id for m in ready]), o.created_at >= min(m.created_at for m in ready))
            .values(status="sending", claimed_at=now, attempts=o.attempts + 1)
        )
    return ready, wait


_SETTLE = UpdateSet(
    OUTBOX,
    key=("id", "created_at"),
    put=("status", "provider_id", "error", "not_before", "sent_at"),
    add=("attempts",),
    where="status = 'sending'",
)


async def settle(connection: AsyncConnection, results: Sequence[tuple[Claimed, Settled]]) -> None:
    """Write down what came of the tries; a receipt that was faster keeps its word."""
    values = [
        (
            claimed.id,
            claimed.created_at,
            r.status,
            r.provider_id,
            r.error and r.error[:300],
            r.not_before,
            r.sent_at,
            0 if r.tried else -1,
        )
        for claimed, r in results
    ]
    await _SETTLE(connection, values)


async def with_more(connection: AsyncConnection, conversation_ids: Sequence[int]) -> list[int]:
    """Those of these conversations that still have something to send."""
    found = await connection.execute(
        select(OUTBOX.c.conversation_id)
        .where(among(connection, OUTBOX.c.conversation_id, conversation_ids), OUTBOX.c.open)
        .distinct()
    )
    return list(found.scalars())


async def recover(connection: AsyncConnection, now: datetime) -> int:
    """After a crash of the only process: nobody is sending. Replies go again, but receipts get a moment first."""
    o = OUTBOX.c
    left = update(OUTBOX).where(o.open, o.status == "sending")
    await connection.execute(left.where(o.kind.not_in(REPEATED)).values(status="unknown", error=LOST_SENDER))
    result = await connection.execute(
        left.where(o.kind.in_(REPEATED)).values(
            status="queued", not_before=now + timedelta(seconds=5), error="unknown after a restart"
        )
    )
    return result.rowcount


async def waiting_conversations(
    connection: AsyncConnection, now: datetime, soon: timedelta, before: datetime, most: int
) -> list[int]:
    """Conversations with a message, queued before that moment, that is or soon will be due; or left by a dead sender."""
    o = OUTBOX.c
    due = and_(o.status == "queued", o.created_at <= before, or_(o.not_before.is_(None), o.not_before <= now + soon))
    left = and_(o.status == "sending", o.claimed_at <= now - UNKNOWN_AFTER)
    found = await connection.execute(select(o.conversation_id).where(o.open, or_(due, left)).distinct().limit(most))
    return list(found.scalars())


async def cancel_open(connection: AsyncConnection, conversation_ids: Sequence[int], cause: str) -> None:
    """Give up what waits for people who cannot be reached."""
    if conversation_ids:
        await connection.execute(
            update(OUTBOX)
            .where(
                among(connection, OUTBOX.c.conversation_id, conversation_ids),
                OUTBOX.c.open,
                OUTBOX.c.status == "queued",
            )
            .values(status="cancelled", error=cause[:300])
        )


async def cancel_broadcasts(connection: AsyncConnection, person_ids: Sequence[int]) -> None:
    """What of broadcasts waits for these people."""
    theirs = select(CONVERSATIONS.c.id).where(among(connection, CONVERSATIONS.c.person_id, person_ids))
    await connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.open, OUTBOX.c.status == "queued", OUTBOX.c.kind == "broadcast")
        .where(OUTBOX.c.conversation_id.in_(theirs))
        .values(status="cancelled", error="wants no news")
    )


async def waiting_now(connection: AsyncConnection, now: datetime, most: int) -> int:
    """How many messages could go out at this moment and have not; counted up to `most`."""
    o = OUTBOX.c
    due = select(o.id).where(o.open, or_(o.not_before.is_(None), o.not_before <= now)).limit(most).subquery()
    found = await connection.execute(select(func.count()).select_from(due))
    return found.scalar_one()
