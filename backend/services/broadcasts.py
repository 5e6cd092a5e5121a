"""Broadcasts: written, frozen, approved by a second person, and handed to the senders a page at a time.

A page is one transaction that holds the broadcast's row: who is next, the messages, and the note that they are written.
Killed in the middle, nobody is missing and nobody is written to twice. Few messages wait in the outbox at a time, so that
replies never queue behind a broadcast and whoever stops it stops all but a moment's worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.broadcasts import Act, Status, Template, after, open_zones
from backend.repositories import audit, broadcasts, jobs, outbox
from backend.repositories.broadcasts import BroadcastRow, Next
from backend.repositories.jobs import JobDraft, JobRow
from backend.repositories.outbox import Draft
from backend.services.work import Finished, Work
from bot.effects import Say
from bot.texts import Catalogue

FEED_JOB = "broadcast.feed"
PAGE = 500
MOST_WAITING = 2_000
FULL_PAUSE = timedelta(seconds=0.5)
NIGHT_PAUSE = timedelta(minutes=5)


@cache
def _catalogue() -> Catalogue:
    return Catalogue()


def words(template: str, params: Mapping[str, str], number: str) -> str:
    """The message as one recipient reads it. Raises MissingTextError for a template without a text."""
    return _catalogue().text(Say(f"broadcast.{template}", {**params, "number": number}))


async def write(
    connection: AsyncConnection,
    *,
    name: str,
    template: Template,
    params: Mapping[str, str],
    region: str,
    outcome: str,
    channel: str,
    not_before: datetime | None,
    actor: str,
    now: datetime,
) -> BroadcastRow:
    """A draft. `params` have been looked at by `problem_of`."""
    values = {
        "name": name,
        "template": template.value,
        "params": dict(params),
        "region_code": region,
        "outcome": outcome,
        "channel": channel,
        "status": Status.DRAFT.value,
        "created_by": actor,
        "not_before": not_before,
        "created_at": now,
        "updated_at": now,
    }
    row = await broadcasts.add(connection, values)
    await _noted(connection, row.id, "broadcast.written", actor, now, {"template": template.value})
    return row


async def step(
    connection: AsyncConnection, row: BroadcastRow, act: Act, actor: str, now: datetime
) -> tuple[BroadcastRow, Sequence[int]]:
    """Take a step with a broadcast whose row is held; the row afterwards and the jobs to ring. Raises NotPossibleError."""
    status = after(Status(row.status), act, total=row.total, author=row.created_by, actor=actor)
    values: dict[str, Any] = {"status": status.value, "updated_at": now}
    told: dict[str, Any] = {}
    if act is Act.FREEZE:
        values["total"], values["without_chat"] = await broadcasts.freeze(connection, row)
        told = {"recipients": values["total"]}
    elif act is Act.APPROVE:
        values["approved_by"] = actor
    elif act is Act.CANCEL:
        await broadcasts.call_back(connection, row.id)
    elif act is Act.RETRY:
        told = {"again": await broadcasts.wait_again(connection, row.id)}
    await broadcasts.change(connection, row.id, values)
    await _noted(connection, row.id, f"broadcast.{act}", actor, now, told)
    begins = [_feeding(row.id, row.not_before)] if status is Status.SENDING else []
    changed = await broadcasts.by_id(connection, row.id)
    assert changed is not None  # noqa: S101 - its row is held
    return changed, await jobs.add(connection, begins, now)


async def feed(work: Work, job: JobRow, now: datetime) -> Finished:
    """`broadcast.feed` {broadcast_id}: the next page goes to the outbox, then comes the next job, until nobody waits."""
    broadcast_id = job.data["broadcast_id"]
    async with work.database.read() as connection:
        full = await outbox.waiting_now(connection, now, MOST_WAITING) >= MOST_WAITING
    zones = open_zones(now, work.broadcast_hours)
    if full or not zones:
        return Finished("waits", write=lambda c: _again(c, broadcast_id, now, FULL_PAUSE if full else NIGHT_PAUSE))
    sends: list[int] = []

    async def page(connection: AsyncConnection) -> Sequence[int]:
        sends.clear()
        row = await broadcasts.by_id(connection, broadcast_id, lock=True)
        if row is None or row.status != Status.SENDING:
            return ()
        found = await broadcasts.next_ones(connection, row.id, zones, PAGE)
        if found:
            sends.extend(await _hand_over(connection, row, found, now))
            return await _again(connection, row.id, now)
        if await broadcasts.any_waiting(connection, row.id):  # where it is night
            return await _again(connection, row.id, now, NIGHT_PAUSE)
        await broadcasts.change(connection, row.id, {"status": Status.DONE.value, "updated_at": now})
        await _noted(connection, row.id, "broadcast.done", "clock", now, {})
        return ()

    return Finished("page", write=page, sends=sends)


async def _hand_over(connection: AsyncConnection, row: BroadcastRow, found: Sequence[Next], now: datetime) -> list[int]:
    """Write the messages of a page; the chats to ring. Who has opted out or blocked us meanwhile is passed over."""
    going = [one for one in found if one.wanted and one.reachable]
    drafts = [
        Draft(
            one.conversation_id,
            "broadcast",
            f"broadcast.{row.template}",
            {"text": words(row.template, row.params, one.number), "buttons": []},
        )
        for one in going
    ]
    ids = await outbox.add_known(connection, drafts, now)
    sent = [(one.id, "queued", "", message, now) for one, message in zip(going, ids, strict=True)]
    left = [
        (one.id, "passed", "unreachable" if one.wanted else "opted_out", None, None)
        for one in found
        if not (one.wanted and one.reachable)
    ]
    await broadcasts.settle(connection, [*sent, *left])
    return [one.conversation_id for one in going]


def _feeding(broadcast_id: int, not_before: datetime | None = None) -> JobDraft:
    return JobDraft(None, FEED_JOB, {"broadcast_id": broadcast_id}, not_before=not_before)


async def _again(
    connection: AsyncConnection, broadcast_id: int, now: datetime, pause: timedelta | None = None
) -> Sequence[int]:
    return await jobs.add(connection, [_feeding(broadcast_id, now + pause if pause else None)], now)


async def _noted(
    connection: AsyncConnection, broadcast_id: int, action: str, actor: str, now: datetime, data: Mapping[str, Any]
) -> None:
    await audit.note(connection, [audit.Act(now, actor, action, f"broadcast:{broadcast_id}", data)])
