"""The sender: committed messages go out, one at a time to each chat, at the pace that each provider allows.

A message is marked `sending` and committed before the call, and no database connection is held during it. Where turns and
sender share a process, a reply is written as `sending` at once and handed over after the commit. What a crash leaves in
`sending` is settled by a receipt or, for replies, sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from backend import metrics
from backend.bus import Bus
from backend.db import Database, is_outage
from backend.domain.values import value
from backend.grouping import Grouped
from backend.repositories import conversations, dead, outbox
from backend.repositories.outbox import Claimed, Settled
from backend.tracing import follow, where
from bot.handlers.channel import Button, Channel, Outgoing, SendError
from bot.handlers.pace import MemoryPace, Pace

log = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)
MOST_UNDER_WAY = 1024
"""Messages in the hands of one sender. What finds no room waits in the database for a sender with time."""
EASY = 256
ROOM_MAY_TAKE = 0.5
"""Seconds: a provider that answers slowly holds turns back for a moment only."""
MOST_SETTLED = 256
MOST_ATTEMPTS = 8
LONGEST_BACK_OFF = 60.0
NO_CLOCK = 2.0
DELETED_WITHIN = 5.0
"""Seconds that a reply's settling waits for the deletion beside it: what stays unsettled counts as unknown and goes again."""
SETTLE_PAUSES = (0.5, 1.0, 2.0, 3.0, 4.0)
"""Seconds between tries to write down what came of a message while the database is away: a restart must not repeat it."""
PROMPT = frozenset({"reply", "delete"})
"""Kinds that somebody waits for. Everything else goes where they leave room."""

_batch_size = metrics.BATCH_SIZE.labels("sends")


@value
class _Fate:
    """A message, what came of trying to send it, and the citizen's message that should have vanished with it but did not."""

    message: Claimed
    result: Settled
    undeleted: str = ""


def _letter(fate: _Fate) -> dead.Letter:
    message, result = fate.message, fate.result
    return dead.Letter(
        "sends", message.conversation_id, message.id, message.kind, result.error or "", message.attempts + 1
    )


class Sender:
    """`start` sends the next message of each rung conversation; `take_over` those that a turn of this process has just made.

    Each message is settled as soon as its own fate is known, together with whatever else has been settled meanwhile; the
    conversations that have more are rung again. `pace`: the clock that it shares with other senders; without it, its own.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        channels: Mapping[str, Channel],
        now: Callable[[], datetime],
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._channels = channels
        self._now = now
        self._pace = pace or MemoryPace(now)
        self._under_way: set[asyncio.Task[None]] = set()
        self._eased = asyncio.Event()
        self._settling: Grouped[_Fate] = Grouped(self._settle, MOST_SETTLED)

    async def run(self, conversation_ids: Sequence[int]) -> None:
        """`start`, and wait until the fate of each message is known."""
        if begun := await self.start(conversation_ids):
            await asyncio.wait(begun)

    @metrics.counted_as("sends")
    async def start(self, conversation_ids: Sequence[int]) -> list[asyncio.Task[None]]:
        """Claim and begin to send. What is claimed is safe: should this process end, the sweep finds it."""
        while not self.room():
            await self.until_room()
        now = self._now()
        async with self._database.write() as connection:
            claimed, waiting = await outbox.claim(connection, conversation_ids, now)
        for conversation_id, seconds in waiting.items():
            await self._bus.ring("sends", [conversation_id], seconds)
        return self.take_over(claimed)

    def room(self) -> int:
        """How many more messages can be taken over."""
        return max(MOST_UNDER_WAY - len(self._under_way), 0)

    async def until_room(self) -> None:
        """Let what is under way get done, so that turns do not outrun their replies; but not for long."""
        if len(self._under_way) > EASY:
            self._eased.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._eased.wait(), ROOM_MAY_TAKE)

    def take_over(self, claimed: Sequence[Claimed]) -> list[asyncio.Task[None]]:
        """Send messages that were claimed before, perhaps in the very transaction that wrote them."""
        begun = [asyncio.create_task(self._deliver(message)) for message in claimed]
        self._under_way.update(begun)
        for task in begun:
            task.add_done_callback(self._ended)
        return begun

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if len(self._under_way) <= EASY:
            self._eased.set()

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _deliver(self, message: Claimed) -> None:
        follow(message.trace)
        if message.kind == "reply" and message.body.get("delete_ref"):
            fate = _Fate(message, *await asyncio.gather(self._send(message), self._delete_with(message)))
        else:
            fate = _Fate(message, await self._send(message))
        for pause in (*SETTLE_PAUSES, None):
            try:
                await self._settling.add(fate)
                return
            except Exception as error:  # the row stays `sending`: a receipt settles it, or the sweep after a while
                if pause is None or not is_outage(error):
                    log.error("not_settled", outgoing=message.id, cause=type(error).__name__)
                    return
            await asyncio.sleep(pause)

    @metrics.counted_as("sends")
    async def _settle(self, fates: list[_Fate]) -> None:
        _batch_size.observe(len(fates))
        lost = [fate.message.conversation_id for fate in fates if fate.result.error == "unreachable"]
        async with self._database.write() as connection:
            await outbox.settle(connection, [(fate.message, fate.result) for fate in fates])
            undeleted = [(f.message.conversation_id, f.undeleted, f.message.trace) for f in fates if f.undeleted]
            await outbox.add(connection, [outbox.deletion(*which) for which in undeleted], self._now())
            await dead.add(connection, [_letter(fate) for fate in fates if fate.result.given_up], self._now())
            if lost:
                await conversations.set_reachable(connection, lost, False)
                await outbox.cancel_open(connection, lost, "unreachable")
            more = await outbox.with_more(connection, [fate.message.conversation_id for fate in fates])
        await self._ring_again(fates, set(more))

    async def _ring_again(self, fates: Sequence[_Fate], more: set[int]) -> None:
        now = self._now()
        at_once: list[int] = []
        for message, result in ((fate.message, fate.result) for fate in fates):
            if message.conversation_id not in more:
                continue
            delay = self._channels[message.channel].limits.chat_pause if message.channel in self._channels else 0.0
            if result.not_before is not None:
                delay = max(delay, (result.not_before - now).total_seconds())
            elif result.status == "sending":
                delay = max(delay, outbox.UNKNOWN_AFTER.total_seconds())
            if delay > 0:
                await self._bus.ring("sends", [message.conversation_id], delay)
            else:
                at_once.append(message.conversation_id)
        await self._bus.ring("sends", at_once)

    async def _send(self, message: Claimed) -> Settled:
        channel = self._channels.get(message.channel)
        if channel is None:
            return Settled(message.id, "failed", error="this channel is switched off")
        if not message.reachable and message.kind != "reply":
            return Settled(message.id, "cancelled", error="unreachable")
        wait = await self._turn(message, channel.limits.per_second)
        if wait > 0:
            return Settled(message.id, "queued", not_before=self._now() + timedelta(seconds=wait), tried=False)
        try:
            with metrics.SEND_SECONDS.labels(message.channel).time():
                sent = await channel.send(self._outgoing(message))
        except SendError as error:
            return await self._not_sent(message, error)
        except Exception as error:  # a fault of ours over one message; the others go on
            log.error("send_broke", outgoing=message.id, cause=type(error).__name__, where=where(error))
            return await self._not_sent(message, SendError(type(error).__name__, maybe_sent=True))
        metrics.SENDS.labels(message.channel, "sent", "").inc()
        log.debug("sent", outgoing=message.id, channel=message.channel)
        sent_at = self._now()
        if message.kind == "reply" and "since" in message.body:
            metrics.REPLY_SECONDS.labels(message.channel).observe(sent_at.timestamp() - message.body["since"])
        return Settled(message.id, "sent", provider_id=sent.provider_id or None, sent_at=sent_at)

    async def _turn(self, message: Claimed, per_second: float) -> float:
        """Wait for this message's place on the account's clock; 0, or the seconds after which to claim it once more."""
        try:
            place = await self._pace.place(message.channel, per_second, bulk=message.kind not in PROMPT)
        except (
            Exception
        ) as error:  # the clock cannot be read: sent at any pace it might be refused, and not settled either
            log.error("no_pace", outgoing=message.id, cause=type(error).__name__)
            return NO_CLOCK
        if not place.taken:
            return place.wait
        if place.wait > 0:
            await asyncio.sleep(place.wait)
        return self._pace.held(message.channel)

    async def _delete_with(self, message: Claimed) -> str:
        """Delete the citizen's message while the reply is on its way. Its name when that is still to be done."""
        channel, ref = self._channels.get(message.channel), str(message.body["delete_ref"])
        if channel is None:
            return ""
        try:
            async with asyncio.timeout(DELETED_WITHIN):
                await channel.send(Outgoing(message.id, message.address, "", kind="delete", delete_ref=ref))
        except SendError as error:
            log.warning("not_deleted", outgoing=message.id, channel=message.channel, cause=error.cause)
            return ref if error.retryable or error.maybe_sent else ""
        except TimeoutError:
            log.warning("not_deleted", outgoing=message.id, channel=message.channel, cause="no answer yet")
            return ref
        return ""

    def _outgoing(self, message: Claimed) -> Outgoing:
        body = message.body
        last = message.last_inbound_at
        return Outgoing(
            id=message.id,
            address=message.address,
            text=body["text"],
            buttons=tuple(Button(payload, title) for payload, title in body["buttons"]),
            kind=message.kind,
            delete_ref=body["delete_ref"] if message.kind == "delete" else "",
            in_window=last is not None and self._now() - last < WINDOW,
        )

    async def _not_sent(self, message: Claimed, error: SendError) -> Settled:
        now = self._now()
        attempts = message.attempts + 1
        result = self._judge(message, error, attempts, now)
        if error.whole_channel and error.retry_after:
            await self._hold(message, error.retry_after)
        outcome = "unreachable" if error.unreachable else result.status
        metrics.SENDS.labels(message.channel, outcome, metrics.error_label(error.cause)).inc()
        log.warning(
            "not_sent",
            outgoing=message.id,
            channel=message.channel,
            cause=error.cause,
            now=result.status,
            attempt=attempts,
        )
        return result

    async def _hold(self, message: Claimed, seconds: float) -> None:
        try:
            await self._pace.hold(message.channel, seconds)
        except Exception as error:  # this process keeps to it in any case
            log.error("no_pace", outgoing=message.id, cause=type(error).__name__)

    def _judge(self, message: Claimed, error: SendError, attempts: int, now: datetime) -> Settled:
        if error.unreachable:
            return Settled(message.id, "failed", error="unreachable")
        if attempts >= MOST_ATTEMPTS:
            return Settled(message.id, "failed", error=error.cause, given_up=True)
        if error.maybe_sent:
            # Its fate is open: a receipt may settle it, else a reply goes again and anything else stays unknown.
            return Settled(message.id, "sending" if message.kind in outbox.REPEATED else "unknown", error=error.cause)
        if error.retryable:
            back_off = max(error.retry_after or 0.0, min(0.5 * 2**attempts, LONGEST_BACK_OFF))
            return Settled(message.id, "queued", error=error.cause, not_before=now + timedelta(seconds=back_off))
        return Settled(message.id, "failed", error=error.cause)
