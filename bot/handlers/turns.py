"""The turn worker: rung conversations are read, advanced and written back, a whole batch in one transaction.

Order: free text is understood before any lock; then the conversations are locked (those that another worker holds ring
again), facts are loaded for all of them, every pending event is advanced in the order of its arrival, and sessions,
messages, records and jobs are written with a handful of statements. Nothing leaves before the commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import metrics
from backend.bus import Bus
from backend.db import Database, is_outage
from backend.domain.values import evolve, value
from backend.repositories import conversations, dead, inbox, jobs, outbox
from backend.services.facts import Subject
from backend.services.records import RecordItem
from backend.tracing import where
from bot import events as ev
from bot import session as sessions
from bot.effects import Record, Say
from bot.engine import Turn, advance
from bot.facts import Facts
from bot.session import Session
from bot.texts import Catalogue
from nlu.understanding import Understands

log = structlog.get_logger(__name__)

MOST_TRIES = 3
HELD_BY_ANOTHER = 0.2
PHOTOS_SETTLE = timedelta(seconds=1.2)
"""Photos of one album come as separate messages: the first waits this long for its siblings."""
BURSTS_WITHOUT_GROUP = frozenset({"whatsapp"})

_batch_size = metrics.BATCH_SIZE.labels("turns")


class LoadsFacts(Protocol):
    async def __call__(
        self, connection: AsyncConnection, subjects: Sequence[Subject], now: datetime
    ) -> Sequence[Facts]: ...


class RecordExecutor(Protocol):
    """Writes all records of one kind of a batch; returns the ids of jobs that it queued."""

    async def __call__(
        self, connection: AsyncConnection, database: Database, items: Sequence[RecordItem]
    ) -> Sequence[int]: ...


class SendsAtOnce(Protocol):
    """A sender that takes messages over after the commit that wrote them as claimed."""

    def room(self) -> int: ...

    async def until_room(self) -> None: ...

    def take_over(self, claimed: Sequence[outbox.Claimed]) -> object: ...


@value
class _Happening:
    """One event to advance with: one inbox row, several that belong together (an album), or none (a timer)."""

    event: ev.Event
    rows: tuple[int, ...]
    message_ref: str
    received_at: datetime
    trace: str = ""


@dataclass(slots=True)
class _Chat:
    """A locked conversation on its way through the batch."""

    row: conversations.Locked
    session: Session
    happenings: list[_Happening]
    last_inbound_at: datetime | None
    handled: list[int] = field(default_factory=list)
    drafts: list[outbox.Draft] = field(default_factory=list)
    records: list[tuple[Record, str]] = field(default_factory=list)
    commands: list[jobs.JobDraft] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    left: bool = False


class TurnWorker:
    """`understand` is the NLU, `code` makes fresh public codes, `now` is the clock; all come in from outside.

    `sender` is the sender of this very process, if it has one: replies then go out without a way over the bus.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        catalogue: Catalogue,
        understand: Understands,
        load_facts: LoadsFacts,
        records: Mapping[str, RecordExecutor],
        now: Callable[[], datetime],
        code: Callable[[], str],
        sender: SendsAtOnce | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._catalogue = catalogue
        self._understand = understand
        self._load_facts = load_facts
        self._records = records
        self._now = now
        self._code = code
        self._sender = sender

    @metrics.counted_as("turns")
    async def run(self, conversation_ids: Sequence[int]) -> None:
        """Advance these conversations. A batch that fails is tried one by one, so that one poison message stops nobody."""
        _batch_size.observe(len(conversation_ids))
        try:
            await self._run_batch(conversation_ids)
        except Exception as error:  # one conversation's fault must not become everybody's
            if is_outage(error):
                raise
            if len(conversation_ids) == 1:
                await self._failed(conversation_ids[0], error)
                return
            for conversation_id in conversation_ids:
                await self.run([conversation_id])

    async def _run_batch(self, conversation_ids: Sequence[int]) -> None:
        if self._sender is not None:
            await self._sender.until_room()
        async with self._database.read() as connection:
            rows = await inbox.pending(connection, conversation_ids)
        understood = await self._understand_texts(rows)
        now = self._now()
        async with self._database.write() as connection:
            locked = await conversations.lock(connection, conversation_ids)
            open_rows = await inbox.still_pending(connection, rows)
            chats, later = self._gather(locked, [row for row in rows if row.id in open_rows], understood, now)
            await self._advance_all(connection, chats, now)
            new_jobs = await self._write(connection, chats, inbox.oldest(rows) if rows else now, now)
            claimed = await self._queue(connection, chats, now)
        if self._sender is not None and claimed:
            self._sender.take_over(claimed)
        handed = {message.conversation_id for message in claimed}
        await self._ring(conversation_ids, locked, chats, later, new_jobs, handed, now)

    async def _understand_texts(self, rows: Sequence[inbox.Pending]) -> dict[int, ev.Understanding]:
        """What the free texts mean. Choices, numbers and global words are parsed later; asking about them is harmless."""
        texts = {row.id: str(row.event["text"]) for row in rows if row.event["kind"] == "Text"}
        wordy = {row_id: text for row_id, text in texts.items() if any(c.isalpha() for c in text)}
        if not wordy:
            return {}
        return dict(zip(wordy, await self._understand.understand(list(wordy.values())), strict=True))

    def _gather(
        self,
        locked: Mapping[int, conversations.Locked],
        rows: Sequence[inbox.Pending],
        understood: Mapping[int, ev.Understanding],
        now: datetime,
    ) -> tuple[list[_Chat], dict[int, float]]:
        """The chats with something to do, and the seconds after which an unfinished album rings again."""
        by_chat: dict[int, list[inbox.Pending]] = defaultdict(list)
        for row in rows:
            if row.conversation_id in locked:
                by_chat[row.conversation_id].append(row)
        chats: list[_Chat] = []
        later: dict[int, float] = {}
        for conversation_id, conversation in locked.items():
            session = sessions.from_json(conversation.session)
            happenings, wait = _happenings(by_chat[conversation_id], understood, now)
            happenings = [*_timers(session, now), *happenings]
            if wait is not None:
                later[conversation_id] = wait
            if happenings:
                chats.append(_Chat(conversation, session, happenings, conversation.last_inbound_at))
        return chats, later

    async def _advance_all(self, connection: AsyncConnection, chats: Sequence[_Chat], now: datetime) -> None:
        """Advance every chat through its events; facts are loaded once per round for all, most batches need one round."""
        round_chats = [chat for chat in chats if chat.happenings]
        while round_chats:
            subjects = [_subject(chat) for chat in round_chats]
            for chat, facts in zip(round_chats, await self._load_facts(connection, subjects, now), strict=True):
                self._advance(chat, facts, now)
            round_chats = [chat for chat in round_chats if chat.happenings and not chat.left]

    def _advance(self, chat: _Chat, facts: Facts, now: datetime) -> None:
        """One chat's events, until one needs other facts (a person was proven, rows were written)."""
        subject = _subject(chat)
        while chat.happenings:
            happening = chat.happenings[0]
            if _subject(chat) != subject:
                return
            event = self._catalogue.resolve(happening.event, chat.session)
            turn = advance(chat.session, event, evolve(facts, code=self._code()), now)
            chat.happenings.pop(0)
            chat.session = turn.session
            chat.handled.extend(happening.rows)
            chat.ages.append((now - happening.received_at).total_seconds())
            if not isinstance(event, ev.JobFinished | ev.Notice | ev.Timeout | ev.Taken):
                chat.last_inbound_at = max(chat.last_inbound_at or happening.received_at, happening.received_at)
            chat.drafts.extend(self._drafts(chat, turn, happening))
            chat.records.extend((record, happening.trace) for record in turn.records)
            chat.commands.extend(
                jobs.JobDraft(chat.row.id, c.kind, c.data, c.token, trace=happening.trace) for c in turn.commands
            )
            if turn.then is not None:
                chat.happenings.insert(0, _Happening(turn.then, (), "", happening.received_at, happening.trace))
            log.debug("turn", trace=happening.trace, conversation=chat.row.id, inbox=happening.rows)
            if turn.records:
                # What was just written is not in the facts: the rest waits for the next batch.
                chat.left = bool(chat.happenings)
                return

    def _drafts(self, chat: _Chat, turn: Turn, happening: _Happening) -> Iterator[outbox.Draft]:
        """What a turn sends. The message that must vanish goes with the reply, or by itself where there is none."""
        forgotten = happening.message_ref if turn.forget_message else ""
        for reply in turn.replies:
            shown = self._catalogue.render(reply)
            buttons = [[o.payload, o.title] for o in shown.options]
            body = {"text": shown.text, "buttons": buttons, "since": happening.received_at.timestamp()}
            if forgotten:
                body["delete_ref"], forgotten = forgotten, ""
            keys = " ".join(part.key for part in reply.parts)
            yield outbox.Draft(chat.row.id, "reply", keys, body, happening.trace)
        if forgotten:
            yield outbox.deletion(chat.row.id, forgotten, happening.trace)

    async def _write(
        self, connection: AsyncConnection, chats: Sequence[_Chat], since: datetime, now: datetime
    ) -> list[int]:
        """Everything but what is to be said; ids of the new jobs. `since`: when the first of the events came."""
        await conversations.save(
            connection,
            [
                conversations.Saved(
                    chat.row.id,
                    sessions.to_json(chat.session),
                    chat.session.own_person_id,
                    chat.session.next_timer,
                    chat.last_inbound_at,
                )
                for chat in chats
            ],
        )
        await inbox.handled(connection, [row for chat in chats for row in chat.handled], since, now)
        by_kind: dict[str, list[RecordItem]] = defaultdict(list)
        for chat in chats:
            for record, trace in chat.records:
                session = chat.session
                item = RecordItem(
                    chat.row.id, chat.row.channel, session.person_id, record.data, now, trace, session.duty, session.case
                )  # fmt: skip
                by_kind[record.kind].append(item)
        new_jobs: list[int] = []
        for kind, items in by_kind.items():
            new_jobs.extend(await self._records[kind](connection, self._database, items))
        new_jobs.extend(await jobs.add(connection, [draft for chat in chats for draft in chat.commands], now))
        return new_jobs

    async def _queue(self, connection: AsyncConnection, chats: Sequence[_Chat], now: datetime) -> list[outbox.Claimed]:
        """Write what is to be said. What this process's own sender may send at once is written as claimed by it."""
        talking = [chat for chat in chats if chat.drafts]
        at_once: list[_Chat] = []
        if talking and self._sender is not None and (room := self._sender.room()):
            behind = set(await outbox.with_more(connection, [chat.row.id for chat in talking]))
            at_once = [chat for chat in talking if chat.row.id not in behind][:room]
        ids = await outbox.add_claimed(connection, [chat.drafts[0] for chat in at_once], now)
        first = {chat.row.id for chat in at_once}
        rest = [draft for chat in talking for draft in chat.drafts[1 if chat.row.id in first else 0 :]]
        await outbox.add(connection, rest, now)
        return [_claimed(message_id, chat, now) for message_id, chat in zip(ids, at_once, strict=True)]

    async def _ring(
        self,
        asked: Sequence[int],
        locked: Mapping[int, conversations.Locked],
        chats: Sequence[_Chat],
        later: Mapping[int, float],
        new_jobs: Sequence[int],
        handed: set[int],
        now: datetime,
    ) -> None:
        await self._bus.ring("sends", [chat.row.id for chat in chats if chat.drafts and chat.row.id not in handed])
        await self._bus.ring("jobs", new_jobs)
        await self._bus.ring("turns", [chat.row.id for chat in chats if chat.left])
        await self._bus.ring("turns", [i for i in asked if i not in locked], HELD_BY_ANOTHER)
        for conversation_id, seconds in later.items():
            await self._bus.ring("turns", [conversation_id], seconds)
        for chat in chats:
            metrics.TURNS.labels(chat.row.channel).inc(len(chat.ages))
            for age in chat.ages:
                metrics.TURN_AGE_SECONDS.observe(age)
            due = chat.session.next_timer
            if due is not None:
                await self._bus.ring("turns", [chat.row.id], max((due - now).total_seconds(), 0.05))

    async def _failed(self, conversation_id: int, error: Exception) -> None:
        """Count the failure against the oldest pending event; after three it is set aside and the citizen is told."""
        now = self._now()
        async with self._database.write() as connection:
            rows = await inbox.pending(connection, [conversation_id])
            if not rows:
                raise error
            first = rows[0]
            give_up = first.attempts + 1 >= MOST_TRIES
            await inbox.failed(connection, first.id, type(error).__name__, now, give_up=give_up)
            if give_up:
                text = self._catalogue.text(Say("common.trouble"))
                body = {"text": text, "buttons": []}
                draft = outbox.Draft(conversation_id, "reply", "common.trouble", body, first.trace)
                await outbox.add(connection, [draft], now)
                cause, tries = type(error).__name__, first.attempts + 1
                letter = dead.Letter("turns", conversation_id, first.id, str(first.event["kind"]), cause, tries)
                await dead.add(connection, [letter], now)
        metrics.TURN_FAILURES.labels(str(give_up)).inc()
        metrics.DEAD_LETTERS.labels("turns").inc(give_up)
        log.error(
            "turn_failed",
            trace=first.trace,
            conversation=conversation_id,
            inbox=first.id,
            happening=first.event["kind"],
            cause=type(error).__name__,
            where=where(error),
            given_up=give_up,
        )
        await self._bus.ring("turns", [conversation_id], 0.0 if give_up else 0.5 * 2**first.attempts)
        await self._bus.ring("sends", [conversation_id] if give_up else [])


def _claimed(message_id: int, chat: _Chat, now: datetime) -> outbox.Claimed:
    """A chat's first message as its sender gets it."""
    row, draft = chat.row, chat.drafts[0]
    return outbox.Claimed(
        message_id,
        row.id,
        row.channel,
        row.address,
        draft.kind,
        draft.body,
        0,
        chat.last_inbound_at,
        row.reachable,
        draft.trace,
        now,
    )


def _subject(chat: _Chat) -> Subject:
    """Whose facts the next event needs: the person that it names (a job has proven them), else whom the chat has proven."""
    event = chat.happenings[0].event if chat.happenings else None
    named = event.person_id if isinstance(event, ev.JobFinished | ev.Notice | ev.Taken) else None
    session = chat.session
    in_hand = session.person_id if session.case else None
    return Subject(chat.row.id, chat.row.channel, chat.row.phone, named or session.person_id, session.duty, in_hand)


def _timers(session: Session, now: datetime) -> list[_Happening]:
    due = sorted((due, name) for name, due in session.timers.items() if due <= now)
    return [_Happening(ev.Timeout(name), (), "", when) for when, name in due]


def _happenings(
    rows: Sequence[inbox.Pending], understood: Mapping[int, ev.Understanding], now: datetime
) -> tuple[list[_Happening], float | None]:
    """The rows as events, photos of one album or burst merged; and, if the newest of them is too fresh to know that the
    album is whole, the seconds to wait (it and what follows are then left for later)."""
    found: list[_Happening] = []
    open_group: str | None = None
    for row in rows:
        event = ev.from_json(row.event)
        if isinstance(event, ev.Text):
            event = evolve(event, understanding=understood.get(row.id))
        group = _group(row, event)
        if group is not None and group == open_group and isinstance(event, ev.Photos):
            last = found[-1]
            assert isinstance(last.event, ev.Photos)  # noqa: S101 - only photos open a group
            merged = ev.Photos(last.event.photos + event.photos, last.event.caption or event.caption, event.group)
            found[-1] = _Happening(merged, (*last.rows, row.id), row.message_ref, row.received_at, row.trace)
        else:
            found.append(_Happening(event, (row.id,), row.message_ref, row.received_at, row.trace))
        open_group = group
    if found and open_group is not None:
        wait = (found[-1].received_at + PHOTOS_SETTLE - now).total_seconds()
        if wait > 0:
            return found[:-1], wait
    return found, None


def _group(row: inbox.Pending, event: ev.Event) -> str | None:
    """What a photo belongs together with; WhatsApp sends an album as single messages without a common mark."""
    if not isinstance(event, ev.Photos):
        return None
    if event.group:
        return event.group
    return "burst" if row.channel in BURSTS_WITHOUT_GROUP else None
