"""Registrations and appeals that another system hands in for a citizen.

A system acts for nobody: it may pass on what a person has said, but whose NIK it is must have been proven by the person's
own face, before or afterwards. A registration of somebody unproven waits for that proof; an appeal is refused without it.
One against the misuse of a NIK is never taken from a system: only its owner files it, in a chat, with their face.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.domain.appeals import OPEN, Hindrance, hindrance
from backend.domain.consents import NEEDED_TO_REGISTER, TEXT_VERSIONS, Purpose
from backend.domain.levels import Act, Level, may
from backend.domain.numbers import appeal_number, fresh_code, registration_number
from backend.gateways.photo_store import PhotoStore
from backend.gateways.photos import Photo, legibility, take_in
from backend.repositories import appeals, audit, decisions, jobs, people, photos, registrations
from backend.repositories.appeals import AppealRow
from backend.repositories.people import Identity, PersonRow
from backend.services import duplicates
from backend.services.announce import announce
from backend.services.appeals import Contest, draft, may_contest, store
from backend.services.clock import local_day
from backend.services.filing import selection_job

CHANNEL = "portal"
MOST_PHOTOS = 20
SYSTEM_RANDOM = random.SystemRandom()

Cause = (
    Hindrance
    | Literal[
        "consent_missing", "nik_and_kk_differ", "registered_already", "erased", "unknown_decision", "unknown_appeal",
        "not_open", "too_many_photos", "unreadable_photo",
    ]
)  # fmt: skip


class Refused(Exception):  # noqa: N818 - an answer, with its cause
    """What was handed in breaks a rule; `cause` names it. Nothing was written."""

    def __init__(self, cause: Cause, note: str = "") -> None:
        super().__init__(cause)
        self.cause: Cause = cause
        self.note = note


@dataclass(frozen=True, slots=True)
class Handed:
    """A registration as another system hands it in. `consents`: purposes that the person has agreed to there."""

    identity: Identity = field(repr=False)
    programme: str
    components: Sequence[str]
    bank: str
    account: str = field(repr=False)
    phone: str = field(repr=False)
    consents: frozenset[Purpose]


def code(once: str) -> str:
    """The code of a new public number: by chance, or the same for the same idempotency key."""
    if not once:
        return fresh_code(SYSTEM_RANDOM)
    return fresh_code(random.Random(crypto.ring().index("idempotency", once)))  # noqa: S311 - keyed, and no secret


@dataclass(frozen=True, slots=True)
class Filed:
    """A registration that is stored, and the jobs to ring once it is committed."""

    registration_id: int
    jobs: Sequence[int] = ()


async def register(
    connection: AsyncConnection,
    database: Database,
    handed: Handed,
    actor: str,
    now: datetime,
    once: str = "",
    *,
    auto_select: bool,
) -> Filed:
    """Store a registration. It waits for its owner's face unless that has been seen before. Raises Refused.

    `auto_select`: one that waits for nothing goes to the selection by itself.
    """
    if not set(NEEDED_TO_REGISTER) <= handed.consents:
        raise Refused("consent_missing")
    person = await _person(connection, database, handed.identity, now)
    number = registration_number(code(f"{actor}:{once}" if once else ""))
    filed = (await registrations.of_programme(connection, [person.id], handed.programme)).get(person.id)
    if filed is not None:
        if once and filed.number == number:
            return Filed(filed.id)
        raise Refused("registered_already")
    proven = may(Level(person.level), Act.BE_SELECTED)
    row = {
        "number": number,
        "person_id": person.id,
        "conversation_id": None,
        "channel": CHANNEL,
        "programme": handed.programme,
        "region_code": person.region_code,
        "status": registrations.SUBMITTED if proven else registrations.WAITING_IDENTITY,
        "details": {
            "components": list(handed.components),
            "bank": handed.bank,
            "account": handed.account,
            "notify": handed.phone or "none",
            "from_pkh": False,
        },
        "created_at": now,
        "updated_at": now,
    }
    added = await registrations.add(connection, [row])
    await people.add_consents(connection, [_consent(person.id, purpose, now) for purpose in sorted(handed.consents)])
    await audit.note(connection, [audit.Act(now, actor, "registration.filed", f"registration:{added[number]}")])
    await duplicates.examine(connection, database, [added[number]], now, anew=True)
    drafts = [selection_job(added[number])] if proven and auto_select else []
    queued = await jobs.add(connection, drafts, now)
    return Filed(added[number], [*queued, *await announce(connection, now)])


async def _person(connection: AsyncConnection, database: Database, identity: Identity, now: datetime) -> PersonRow:
    """Who this is. Of somebody known nothing is changed: a system that types a NIK is not its owner."""
    key = people.nik_hash(identity.nik)
    await people.add(connection, database, [identity], Level.NONE.value, now)
    person = (await people.by_nik_hashes(connection, [key]))[key]
    if person.erased_at is not None:
        raise Refused("erased")
    if person.kk_hash is not None and bytes(person.kk_hash) != people.kk_hash(identity.kk):
        raise Refused("nik_and_kk_differ")
    return person


def _consent(person_id: int, purpose: Purpose, now: datetime) -> dict[str, Any]:
    return {
        "conversation_id": None,
        "person_id": person_id,
        "purpose": purpose.value,
        "granted": True,
        "version": TEXT_VERSIONS[purpose],
        "channel": CHANNEL,
        "at": now,
    }


# --- appeals ---------------------------------------------------------------------------------------------------------


async def appeal(connection: AsyncConnection, contest: Contest, actor: str, now: datetime, once: str = "") -> int:
    """File an appeal by a person who has proven who they are; its id. Raises Refused."""
    decision = (await decisions.by_ids(connection, [contest.decision_id])).get(contest.decision_id)
    if decision is None:
        raise Refused("unknown_decision")
    # The person is held first: an appeal from a chat at the same moment comes before or after, never beside.
    person = (await people.by_ids(connection, [decision.person_id], lock=True))[decision.person_id]
    number = appeal_number(code(f"{actor}:{once}" if once else ""))
    newest = (await appeals.newest_of(connection, [person.id])).get(person.id)
    if once and newest is not None and newest.number == number:
        return newest.id
    cause = hindrance(
        decision,
        contest.kind,
        contest.named,
        local_day(now, person.region_code),
        proven=may_contest(person),
        open_already=bool(await appeals.open_against(connection, [decision.id])),
        # A system acts for nobody: whose face a chat has seen proves nothing about who sits before the portal.
        face_seen=False,
    )
    if cause is not None:
        raise Refused(cause)
    registration = (await registrations.by_ids(connection, [decision.registration_id]))[decision.registration_id]
    # Where they registered in a chat, they hear of it there.
    first = (await appeals.firsts_of(connection, [registration.id])).get(registration.id)
    row = draft(contest, number, decision, person, registration.conversation_id, now, first)
    return (await store(connection, [row], actor))[number]


# --- evidence --------------------------------------------------------------------------------------------------------


async def take_evidence(given: Sequence[bytes]) -> list[Photo]:
    """Harmless, readable photos. Raises NotAPhoto, or Refused when one cannot be read."""
    taken = [await asyncio.to_thread(take_in, data) for data in given]
    for photo in taken:
        problem = await asyncio.to_thread(legibility, photo)
        if problem is not None:
            raise Refused("unreadable_photo", problem)
    return taken


async def add_evidence(
    database: Database, store: PhotoStore, appeal_id: int, given: Sequence[Photo], actor: str, now: datetime
) -> list[int]:
    """Photos become evidence of an open appeal; the ids of all of its photos. Raises Refused, PhotoStoreError."""
    keys = [f"evidence/{secrets.token_hex(32)}" for _ in given]
    for key, photo in zip(keys, given, strict=True):
        await store.put(key, photo.jpeg)
    try:
        async with database.write() as connection:
            found = (await appeals.by_ids(connection, [appeal_id], lock=True)).get(appeal_id)
            if found is None:
                raise Refused("unknown_appeal")
            if found.status not in OPEN:
                raise Refused("not_open")
            if len(await photos.of_appeals(connection, [appeal_id])) + len(given) > MOST_PHOTOS:
                raise Refused("too_many_photos")
            rows = [_row(found, key, photo, now) for key, photo in zip(keys, given, strict=True)]
            await photos.add(connection, database, rows)
            await audit.note(
                connection, [audit.Act(now, actor, "appeal.evidence", f"appeal:{appeal_id}", {"photos": len(given)})]
            )
            return [photo.id for photo in await photos.of_appeals(connection, [appeal_id])]
    except Refused:
        for key in keys:
            await store.delete(key)
        raise


def _row(found: AppealRow, key: str, photo: Photo, now: datetime) -> Mapping[str, Any]:
    return {
        "conversation_id": found.conversation_id,
        "person_id": found.person_id,
        "appeal_id": found.id,
        "purpose": "evidence",
        "object_key": key,
        "fingerprint": crypto.ring().index("photo", photo.sha256),
        "width": photo.width,
        "height": photo.height,
        "created_at": now,
    }
