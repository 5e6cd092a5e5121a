"""The judge: what the database holds and the providers took, against each chat told again to the pure engine.

A chat that has proven nobody needs no facts but the general ones, so all that happened in it is in its inbox: advanced
again in the order and at the moments in which it was advanced, it must give the same messages, jobs and records, each
once. Chats that proved somebody are held to their rows alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.values import evolve
from backend.models import Consent, Conversation, DeadLetter, FaceCheck, Inbox, Job, Outbox, Registration, Ticket, table
from backend.repositories.inbox import Pending
from backend.services.facts import FactsLoader, Subject
from bot import events as ev
from bot import session as sessions
from bot.effects import Command, Record
from bot.engine import advance
from bot.facts import Facts
from bot.handlers.telegram import to_html
from bot.handlers.turns import _happenings, _timers
from bot.session import Session
from bot.texts import Catalogue
from nlu.understanding import Understands
from tests.chaos.havoc import Trouble
from tests.chaos.providers import Received
from tests.fakes.telegram_html import shown

INBOX, OUTBOX, JOBS = table(Inbox), table(Outbox), table(Job)
CHATS, CONSENTS, FILED = table(Conversation), table(Consent), table(Registration)
SETTLED = ("sent", "delivered", "read")
SETTLED_WITHIN_S = 5.0
"""How long after a provider's answer a sender may need to write it down, on a machine that is busy."""
AFTER_AN_OUTAGE_S = 2.0
INTERRUPTS = {"kill": "sender", "hang": "sender", "postgres": ""}
"""Troubles, and the processes over which they leave the fate of a message open."""


@dataclass
class Verdict:
    """`faults` says what is wrong, a sentence each; empty: nothing."""

    lost: int = 0
    doubled: int = 0
    disorder: int = 0
    repeated: int = 0
    unknown: int = 0
    replayed: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Story:
    """All that the database holds of one chat, each kind in the order of its ids."""

    chat: Any
    inbox: list[Any] = field(default_factory=list)
    outbox: list[Any] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    consents: list[Any] = field(default_factory=list)
    registrations: list[Any] = field(default_factory=list)
    tickets: list[Any] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.chat.channel} {self.chat.id}"

    @property
    def proven(self) -> bool:
        """Whether a face was ever shown in it: then its facts were others at every turn."""
        return any(row.event["kind"] == "Photos" for row in self.inbox)


@dataclass
class Told:
    """What a chat gives when it is told again."""

    session: Session
    replies: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the providers saw. `accepted`: the messages that were answered with 2xx, as (channel, provider's id).

    `hidden` are sends whose answer a fault kept from us; `troubles` is what was done to the installation meanwhile.
    """

    accepted: Sequence[tuple[str, str]]
    received: Sequence[Received]
    deleted: frozenset[tuple[str, str]]
    hidden: Set[Received]
    troubles: Sequence[Trouble]


class Judge:
    """`verdict` after everything has been drained."""

    def __init__(self, database: Database, seen: Seen, understand: Understands) -> None:
        self._database = database
        self._seen = seen
        self._understand = understand
        self._catalogue = Catalogue()
        self._load = FactsLoader()
        self._received: dict[tuple[str, str], list[Received]] = defaultdict(list)
        for one in seen.received:
            self._received[one.channel, one.address].append(one)

    async def verdict(self) -> Verdict:
        found = Verdict()
        async with self._database.read() as connection:
            stories = await _stories(connection)
            self._accepted(stories, found)
            await _set_aside(connection, found)
            await _faces(connection, found)
            for story in stories:
                self._delivered(story, found)
                _jobs_told_once(story, found)
                if not story.proven:
                    await self._told_again(connection, story, found)
        self._deleted(stories, found)
        return found

    # --- nothing lost ----------------------------------------------------------------------------------------------

    def _accepted(self, stories: Sequence[Story], found: Verdict) -> None:
        """Whatever was answered with 2xx is there once, and handled."""
        rows = Counter((row.channel, row.provider_id) for story in stories for row in story.inbox)
        missing = [known for known in self._seen.accepted if known not in rows]
        found.lost += len(missing)
        found.faults += [f"{known} was acknowledged and is not there" for known in missing]
        for name, times in rows.items():
            if times > 1:
                found.doubled += 1
                found.faults.append(f"{name} is there {times} times")
        open_rows = [row for story in stories for row in story.inbox if row.handled_at is None or row.error]
        found.lost += len(open_rows)
        found.faults += [f"inbox {row.id} was not handled: {row.error}" for row in open_rows]

    # --- what was delivered ----------------------------------------------------------------------------------------

    def _delivered(self, story: Story, found: Verdict) -> None:
        """The provider took every message, in their order; a repeat only where its fate was open."""
        wanted = [row for row in story.outbox if row.kind == "reply"]
        unsettled = [row for row in wanted if row.status not in SETTLED]
        found.lost += len(unsettled)
        found.faults += [f"{story.name}: message {row.id} ended {row.status}: {row.error}" for row in unsettled]
        left = dict(enumerate(wanted))
        earlier: list[Received] = []
        for one in self._received[story.chat.channel, story.chat.address]:
            found.unknown += one in self._seen.hidden
            self._placed(story, one, left, earlier, found)
            earlier.append(one)
        if left:
            found.lost += len(left)
            found.faults.append(f"{story.name}: {len(left)} messages did not reach the provider")

    def _placed(
        self, story: Story, one: Received, left: dict[int, Any], earlier: list[Received], found: Verdict
    ) -> None:
        """The next one of its chat, one that came before already, or one that has overtaken others.

        On Telegram the same words may be two messages, and which of them was repeated cannot be seen: whatever was open
        excuses one repeat, and no second.
        """
        if left and _is(one, left[min(left)]):
            del left[min(left)]
        elif before := [other for other in earlier if _same(other, one)]:
            found.repeated += 1
            if excuse := next((other for other in before if self._open_then(other)), None):
                earlier.remove(excuse)
            else:
                found.doubled += 1
                found.faults.append(f"{story.name}: {_repeat(before[-1], one, story, self._seen.troubles)}")
        else:
            found.disorder += 1
            found.faults.append(f"{story.name}: a message came before its turn")
            left.pop(next((place for place, row in left.items() if _is(one, row)), -1), None)

    def _open_then(self, received: Received) -> bool:
        """Whether the fate of what was received at that moment may have stayed unknown to us."""
        if received in self._seen.hidden:
            return True
        return any(
            trouble.since - SETTLED_WITHIN_S <= received.at <= trouble.until + AFTER_AN_OUTAGE_S
            for trouble in self._seen.troubles
            if trouble.kind in INTERRUPTS and trouble.who.startswith(INTERRUPTS[trouble.kind])
        )

    def _deleted(self, stories: Sequence[Story], found: Verdict) -> None:
        """No message with an NIK or KK stays in a chat on Telegram."""
        for story in stories:
            refs = {row.body.get("delete_ref") for row in story.outbox} - {None, ""}
            left = [ref for ref in refs if (story.chat.address, ref) not in self._seen.deleted]
            if story.chat.channel == "telegram" and left:
                found.lost += len(left)
                found.faults.append(f"{story.name}: {len(left)} messages with a number were not deleted")

    # --- told again ------------------------------------------------------------------------------------------------

    async def _told_again(self, connection: AsyncConnection, story: Story, found: Verdict) -> None:
        """Each change of its state once: nothing is missing, nothing is there twice.

        Two processes' clocks agree to some milliseconds only: where the moments do not tell the order of two batches, the
        rows' ids do.
        """
        at = _moments(story)
        differences = _differences(story, await self._again(connection, story, at, sorted(at)))
        if differences:
            differences = _differences(story, await self._again(connection, story, at, _by_ids(at))) and differences
        for what, there, expected in differences:
            more = isinstance(there, Sequence) and isinstance(expected, Sequence) and len(there) < len(expected)
            found.lost += more
            found.doubled += not more
            found.faults.append(f"{story.name}: its {what} are {there}, told again {expected}")
        found.replayed += 1

    async def _again(
        self,
        connection: AsyncConnection,
        story: Story,
        at: Mapping[datetime, Sequence[Pending]],
        order: Sequence[datetime],
    ) -> Told:
        """Advance the chat through its inbox once more, batch by batch, each at its moment."""
        told = Told(Session())
        for now in order:
            subject = Subject(story.chat.id, story.chat.channel, story.chat.phone, None)
            [facts] = await self._load(connection, [subject], now)
            self._batch(told, at[now], await self._understood(at[now]), facts, now)
        return told

    def _batch(
        self,
        told: Told,
        rows: Sequence[Pending],
        understood: Mapping[int, ev.Understanding],
        facts: Facts,
        now: datetime,
    ) -> None:
        happenings, _ = _happenings(rows, understood, now)
        for happening in [*_timers(told.session, now), *happenings]:
            event = self._catalogue.resolve(happening.event, told.session)
            turn = advance(told.session, event, evolve(facts, code="7K2M93"), now)
            told.session = sessions.from_json(sessions.to_json(turn.session))
            told.replies += [" ".join(part.key for part in reply.parts) for reply in turn.replies]
            told.records += turn.records
            told.commands += turn.commands

    async def _understood(self, rows: Sequence[Pending]) -> dict[int, ev.Understanding]:
        texts = {row.id: str(row.event["text"]) for row in rows if row.event["kind"] == "Text"}
        wordy = {known: text for known, text in texts.items() if any(c.isalpha() for c in text)}
        if not wordy:
            return {}
        return dict(zip(wordy, await self._understand.understand(list(wordy.values())), strict=True))


def _moments(story: Story) -> dict[datetime, list[Pending]]:
    """When it was advanced, and with which rows: with none where only a timer had run out."""
    at: dict[datetime, list[Pending]] = {row.created_at: [] for row in story.outbox if row.kind == "reply"}
    for row in (row for row in story.inbox if row.handled_at is not None):
        at.setdefault(row.handled_at, []).append(_pending(row))
    return at


def _by_ids(at: Mapping[datetime, Sequence[Pending]]) -> list[datetime]:
    """The moments in the order of their rows; one without any after the one before it."""
    last, keys = 0, {}
    for now in sorted(at):
        last = at[now][0].id if at[now] else last
        keys[now] = last, not at[now]
    return sorted(at, key=lambda now: keys[now])


def _differences(story: Story, told: Told) -> list[tuple[str, Any, Any]]:
    """What is there, and what should be."""
    pairs: dict[str, tuple[Any, Any]] = {
        "messages": ([row.keys for row in story.outbox if row.kind == "reply"], told.replies),
        "jobs": (
            [(row.kind, row.token) for row in story.jobs if row.token],
            [(command.kind, command.token) for command in told.commands],
        ),
        "consents": (
            [(row.purpose, row.granted) for row in story.consents],
            [(r.data["purpose"], r.data["granted"]) for r in told.records if r.kind == "consent.give"],
        ),
        "registrations": (
            len(story.registrations),
            int(any(record.kind == "registration.hold" for record in told.records)),
        ),
        "tickets": (len(story.tickets), sum(record.kind == "ticket.open" for record in told.records)),
        "place": (_place(story.chat.session or sessions.to_json(Session())), _place(sessions.to_json(told.session))),
    }
    return [(what, there, expected) for what, (there, expected) in pairs.items() if there != expected]


def _place(session: Mapping[str, Any]) -> list[Any]:
    frames = [(frame["dialog"], frame["step"], frame["token"]) for frame in session["stack"]]
    return [*frames, session["questions"], session["commands"], session["misses"]]


def _jobs_told_once(story: Story, found: Verdict) -> None:
    """Every job that a dialog asked for came to its end, and its outcome into the chat, once."""
    outcomes = Counter(row.provider_id for row in story.inbox if row.channel == "job")
    asked = [row for row in story.jobs if row.token]
    for row in asked:
        if row.status != "done" or outcomes[str(row.id)] != 1:
            found.doubled += 1
            found.faults.append(
                f"{story.name}: job {row.id} {row.kind} is {row.status}, told {outcomes[str(row.id)]} times"
            )
    twice = [token for token, times in Counter(row.token for row in asked).items() if times > 1]
    found.doubled += len(twice)
    found.faults += [f"{story.name}: two jobs for {token}" for token in twice]


async def _faces(connection: AsyncConnection, found: Verdict) -> None:
    """A check of a face is written down once, and nobody has two registrations."""
    checks = table(FaceCheck)
    checked = Counter((await connection.execute(select(checks.c.transaction_id))).scalars())
    filed = Counter((await connection.execute(select(FILED.c.person_id))).scalars())
    for what, counted in (("face check", checked), ("registration of person", filed)):
        twice = [name for name, times in counted.items() if times > 1]
        found.doubled += len(twice)
        found.faults += [f"{what} {name} is there {counted[name]} times" for name in twice]


async def _set_aside(connection: AsyncConnection, found: Verdict) -> None:
    """Nothing here was at fault by itself, so nothing may have been given up on."""
    letters = table(DeadLetter)
    for row in await connection.execute(select(letters.c.topic, letters.c.what, letters.c.reason)):
        found.lost += 1
        found.faults.append(f"given up on: {row.topic} {row.what}: {row.reason}")


async def _stories(connection: AsyncConnection) -> list[Story]:
    stories = {row.id: Story(row) for row in await connection.execute(select(CHATS).order_by(CHATS.c.id))}
    rows: dict[str, Any] = {
        "inbox": INBOX, "outbox": OUTBOX, "jobs": JOBS, "consents": CONSENTS, "registrations": FILED, "tickets": table(Ticket),
    }  # fmt: skip
    by_chat: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for name, source in rows.items():
        for row in await connection.execute(select(source).order_by(source.c.id)):
            by_chat[row.conversation_id][name].append(row)
    for known, story in stories.items():
        for name, there in by_chat[known].items():
            setattr(story, name, there)
    return list(stories.values())


def _pending(row: Any) -> Pending:
    return Pending(
        row.id, row.conversation_id, row.channel, row.event, row.message_ref, row.received_at, row.attempts, row.trace
    )


def _repeat(before: Received, one: Received, story: Story, troubles: Sequence[Trouble]) -> str:
    """What an unexplained repeat looks like, in seconds since its message was taken."""
    rows = [row for row in story.outbox if row.kind == "reply" and _is(one, row)]
    tries = ", ".join(f"message {row.id} was tried {row.attempts} times" for row in rows)
    done = ", ".join(f"{t.kind} {t.who} {t.since - before.at:+.1f} to {t.until - before.at:+.1f}" for t in troubles)
    return f"a message was repeated {one.at - before.at:.1f} s later without a reason ({tries}; {done})"


def _same(one: Received, other: Received) -> bool:
    return (one.outgoing, one.text) == (other.outgoing, other.text)


def _is(received: Received, row: Any) -> bool:
    if received.outgoing is not None:
        return bool(received.outgoing == row.id)
    return received.text == shown(to_html(row.body["text"]))[0]
