"""Everything that is emptied when a person is erased, in one place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.domain.appeals import OPEN
from backend.models import (
    Appeal,
    AppealEvent,
    BenefitState,
    Conversation,
    Decision,
    Delegation,
    DisputedDatum,
    FaceCheck,
    Inbox,
    Job,
    Outbox,
    Person,
    Photo,
    PkhRecord,
    Registration,
    SourceRecord,
    Ticket,
    table,
)
from backend.repositories import duplicates, events
from bot.events import Text, to_json

PEOPLE, CONVERSATIONS, REGISTRATIONS, DECISIONS = map(table, (Person, Conversation, Registration, Decision))
APPEALS, EVENTS, PHOTOS, TICKETS = map(table, (Appeal, AppealEvent, Photo, Ticket))
INBOX, OUTBOX, JOBS, CHECKS = map(table, (Inbox, Outbox, Job, FaceCheck))
DELEGATIONS = table(Delegation)
DISPUTED, PKH_RECORDS, SOURCES, BENEFITS = map(table, (DisputedDatum, PkhRecord, SourceRecord, BenefitState))

_OVER = ("sent", "delivered", "read", "failed", "unknown", "cancelled")


async def photo_keys(connection: AsyncConnection, person_id: int) -> list[str]:
    """The object keys of all photos of a person: those they are known on, and those sent in their chats."""
    found = await connection.execute(select(PHOTOS.c.object_key).where(_their_photos(person_id)))
    return list(found.scalars())


async def scrub(connection: AsyncConnection, person_id: int, asking_chat: int | None, now: datetime) -> None:
    """Empty whatever says something about this person. `asking_chat` keeps its session: it still has to be answered,
    and forgets by itself."""
    for work in (_scrub_chats, _scrub_cases):
        await work(connection, person_id, asking_chat, now)
    found = await connection.execute(select(PEOPLE.c.nik_hash).where(PEOPLE.c.id == person_id))
    nik_hash = found.scalar_one()
    await duplicates.leave(connection, person_id, nik_hash, now)
    await connection.execute(delete(PKH_RECORDS).where(PKH_RECORDS.c.nik_hash == nik_hash))
    await connection.execute(delete(SOURCES).where(SOURCES.c.nik_hash == nik_hash))
    await connection.execute(delete(BENEFITS).where(BENEFITS.c.nik_hash == nik_hash))
    tombstone = crypto.ring().index("erased", str(person_id))
    await connection.execute(
        update(CHECKS)
        .where(or_(CHECKS.c.person_id == person_id, CHECKS.c.nik_hash == nik_hash))
        .values(nik_hash=tombstone)
    )
    personal = dict.fromkeys(("nik", "kk", "kk_hash", "name", "birth_date", "phone"))
    await connection.execute(
        update(PEOPLE)
        .where(PEOPLE.c.id == person_id)
        .values(
            **personal, nik_hash=tombstone, sex="", level="none", notifications=False, erased_at=now, updated_at=now
        )
    )
    await events.people_changed(connection, "person.erased", [person_id], now)


def _chats(person_id: int) -> Select[Any]:
    return select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.person_id == person_id)


def _their_photos(person_id: int) -> Any:
    return or_(
        PHOTOS.c.person_id == person_id, PHOTOS.c.person_id.is_(None) & PHOTOS.c.conversation_id.in_(_chats(person_id))
    )


async def _scrub_chats(connection: AsyncConnection, person_id: int, asking_chat: int | None, now: datetime) -> None:
    """What was written to and fro in the person's chats, and the photos sent there."""
    chats = list((await connection.execute(_chats(person_id))).scalars())

    async def empty(of: Table, *where: Any, **values: Any) -> None:
        await connection.execute(update(of).where(of.c.conversation_id.in_(chats), *where).values(**values))

    await connection.execute(update(PHOTOS).where(_their_photos(person_id)).values(erased_at=now, fingerprint=b""))
    await empty(INBOX, INBOX.c.handled_at.is_not(None), event=to_json(Text("")))
    await empty(OUTBOX, OUTBOX.c.status.in_(_OVER), body={"text": "", "buttons": []})
    await empty(JOBS, JOBS.c.status.in_(("done", "failed")), data={})
    others = [chat for chat in chats if chat != asking_chat]
    await connection.execute(update(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(others)).values(session=None))
    await connection.execute(update(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(chats)).values(person_id=None))


async def _scrub_cases(connection: AsyncConnection, person_id: int, asking_chat: int | None, now: datetime) -> None:
    """Registrations, decisions, appeals, tickets: what happened stays, what it was about goes."""

    async def empty(of: Table, **values: Any) -> None:
        await connection.execute(update(of).where(of.c.person_id == person_id).values(**values))

    appealed = select(APPEALS.c.id).where(APPEALS.c.person_id == person_id)
    await connection.execute(update(EVENTS).where(EVENTS.c.appeal_id.in_(appealed)).values(note=None))
    await empty(REGISTRATIONS, details={}, status="erased", conversation_id=None, updated_at=now)
    await empty(DECISIONS, inputs={}, reasons=[])
    await connection.execute(
        update(APPEALS)
        .where(APPEALS.c.person_id == person_id, APPEALS.c.status.in_(OPEN))
        .values(status="withdrawn", outcome="withdrawn")
    )
    await empty(APPEALS, statement=None, outcome_reason=None, conversation_id=None, updated_at=now)
    await empty(TICKETS, text=None)
    await connection.execute(
        update(DELEGATIONS)
        .where(DELEGATIONS.c.person_id == person_id, DELEGATIONS.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )
    await connection.execute(delete(DISPUTED).where(DISPUTED.c.person_id == person_id))
