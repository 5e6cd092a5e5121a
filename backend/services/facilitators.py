"""Becoming a facilitator, and ceasing to be one.

An officer makes a facilitator for the owner of one NIK and hands a code over. The chat is bound by that code together with
that owner's own face; neither is enough. Whatever does not fit gets one and the same answer, is noted, and after some tries
no code is looked at in that chat for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import SystemRandom

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.domain.facilitators import (
    CODE_FOR,
    COOL_DOWN,
    LONGEST_DUTY,
    MOST_TRIES,
    FacilitatorRole,
    fresh_duty_code,
    on_duty,
)
from backend.repositories import audit, facilitators, people, photos
from backend.repositories.facilitators import FacilitatorRow
from backend.repositories.jobs import JobRow
from backend.services.clock import FACE_FRESH
from backend.services.records import CHAT
from backend.services.work import Finished, Work

DUTY = "duty"
"""What the face check of a facilitator is made for."""


class FacilitatorError(Exception):
    """A facilitator cannot be made or given a code; the message says why, and names nobody."""


@dataclass(frozen=True, slots=True)
class NewFacilitator:
    """What an officer knows of the one whom they make a facilitator. `regions` are Kemendagri codes."""

    nik: str = field(repr=False)
    name: str = field(repr=False)
    role: FacilitatorRole
    regions: Sequence[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Handed:
    """A code to hand over. It is shown this once; `until` it can be used."""

    facilitator_id: int
    code: str = field(repr=False)
    until: datetime


async def add(connection: AsyncConnection, new: NewFacilitator, actor: str, now: datetime) -> Handed:
    """Make a facilitator. Raises FacilitatorError."""
    if not new.regions:
        raise FacilitatorError("a facilitator works in at least one region")
    if not now < new.expires_at <= now + LONGEST_DUTY:
        raise FacilitatorError("the duty ends within a year, and not before it begins")
    code = fresh_duty_code(SystemRandom())
    values = {
        "nik_hash": people.nik_hash(new.nik),
        "name": new.name,
        "role": new.role.value,
        "expires_at": new.expires_at,
        "code_hash": _code_hash(code),
        "code_until": now + CODE_FOR,
        "created_by": actor,
        "created_at": now,
    }
    try:
        async with connection.begin_nested():
            facilitator_id = await facilitators.add(connection, values, new.regions)
    except IntegrityError:
        raise FacilitatorError("the owner of this NIK is a facilitator already") from None
    data = {"role": new.role.value, "regions": list(new.regions)}
    await audit.note(connection, [audit.Act(now, actor, "facilitator.added", _subject(facilitator_id), data)])
    return Handed(facilitator_id, code, now + CODE_FOR)


async def new_code(connection: AsyncConnection, facilitator_id: int, actor: str, now: datetime) -> Handed:
    """Another code, for another phone or because the first has run out; the one before is of no use any more.

    Raises LookupError for nobody, FacilitatorError for somebody who is none any more.
    """
    row = await _held(connection, facilitator_id)
    if not on_duty(row.expires_at, row.ended_at, now):
        raise FacilitatorError("this facilitator's duty is over")
    code = fresh_duty_code(SystemRandom())
    values = {"code_hash": _code_hash(code), "code_until": now + CODE_FOR, "code_tries": 0}
    await facilitators.change(connection, facilitator_id, values)
    await audit.note(connection, [audit.Act(now, actor, "facilitator.code", _subject(facilitator_id))])
    return Handed(facilitator_id, code, now + CODE_FOR)


async def end(connection: AsyncConnection, facilitator_id: int, actor: str, now: datetime) -> None:
    """They leave, move, or their phone is lost: from the next turn on their chat is a citizen's. Raises LookupError."""
    row = await _held(connection, facilitator_id)
    if row.ended_at is None:
        await facilitators.change(connection, facilitator_id, {"ended_at": now, "code_hash": None})
        await audit.note(connection, [audit.Act(now, actor, "facilitator.ended", _subject(facilitator_id))])


async def _held(connection: AsyncConnection, facilitator_id: int) -> FacilitatorRow:
    row = (await facilitators.by_ids(connection, [facilitator_id], lock=True)).get(facilitator_id)
    if row is None:
        raise LookupError("no such facilitator")
    return row


def _subject(facilitator_id: int) -> str:
    return f"facilitator:{facilitator_id}"


def _code_hash(code: str) -> bytes:
    return crypto.ring().index("duty-code-hash", code)


# --- in the chat -----------------------------------------------------------------------------------------------------


async def look_at_code(work: Work, job: JobRow, now: datetime) -> Finished:
    """`facilitator.code` {code} -> known | refused: unknown, used, run out, tried too often, or too many tries here."""
    chat = job.conversation_id
    async with work.database.read() as connection:
        if chat is None or await _cooling(connection, chat, now):
            return Finished("refused")
        row = await facilitators.by_code(connection, _code_hash(job.data["code"]))
    if row is not None and _usable(row, now):
        return Finished("known")

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await _note_try(connection, chat, "code", now)
        return ()

    return Finished("refused", write=write)


async def bind(work: Work, job: JobRow, now: datetime) -> Finished:
    """`facilitator.bind` {code, person_id} -> bound {facilitator_id} | refused.

    The chat has just seen the face of `person_id`; the code must have been made for them.
    """
    chat, person_id = job.conversation_id, job.data["person_id"]
    async with work.database.write() as connection:
        if chat is None or await _cooling(connection, chat, now):
            return Finished("refused")
        for bound in await facilitators.bound_in(connection, chat):
            if bound.person_id == person_id and on_duty(bound.expires_at, bound.ended_at, now):
                return Finished("bound", {"facilitator_id": bound.id})
        row = await facilitators.by_code(connection, _code_hash(job.data["code"]), lock=True)
        person = (await people.by_ids(connection, [person_id])).get(person_id)
        fits = row is not None and person is not None and bytes(row.nik_hash) == bytes(person.nik_hash)
        if row is None or not _usable(row, now) or not fits or not await _face_seen(connection, chat, person_id, now):
            await _note_try(connection, chat, "face", now)
            if row is not None:
                await facilitators.change(connection, row.id, {"code_tries": row.code_tries + 1})
            return Finished("refused")
        await facilitators.leave_chat(connection, chat, row.id)
        values = {"conversation_id": chat, "person_id": person_id, "bound_at": now, "code_hash": None}
        await facilitators.change(connection, row.id, values)
        await audit.note(connection, [audit.Act(now, CHAT, "facilitator.bound", _subject(row.id))])
        return Finished("bound", {"facilitator_id": row.id})


def _usable(row: FacilitatorRow, now: datetime) -> bool:
    fresh = row.code_until is not None and now < row.code_until
    return fresh and row.code_tries < MOST_TRIES and on_duty(row.expires_at, row.ended_at, now)


async def _cooling(connection: AsyncConnection, chat: int, now: datetime) -> bool:
    return await facilitators.tries_since(connection, chat, now - COOL_DOWN) >= MOST_TRIES


async def _face_seen(connection: AsyncConnection, chat: int, person_id: int, now: datetime) -> bool:
    matches = await photos.matches_since(connection, now - FACE_FRESH, [person_id])
    return any(match.conversation_id == chat and match.purpose == DUTY for match in matches)


async def _note_try(connection: AsyncConnection, chat: int, cause: str, now: datetime) -> None:
    await facilitators.add_try(connection, chat, now)
    act = audit.Act(now, CHAT, "facilitator.refused", f"conversation:{chat}", {"cause": cause})
    await audit.note(connection, [act])
