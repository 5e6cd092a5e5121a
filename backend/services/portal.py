"""Registrations and appeals that another system hands in for a citizen.

A system acts for nobody: it may pass on what a person has said, but whose NIK it is must have been proven by the person's
own face, before or afterwards. A registration of somebody unproven waits for that proof; an appeal is refused without it,
and one against the misuse of a NIK without a fresh one.
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
from backend.domain.appeals import answer_due
from backend.domain.consents import NEEDED_TO_REGISTER, TEXT_VERSIONS, Purpose
from backend.domain.delegation import Ground
from backend.domain.levels import Act, Level, may
from backend.domain.numbers import appeal_number, fresh_code, registration_number
from backend.gateways.photo_store import PhotoStore
from backend.gateways.photos import Photo, legibility, take_in
from backend.repositories import appeals, audit, decisions, people, photos, registrations
from backend.repositories.appeals import AppealRow
from backend.repositories.people import Identity, PersonRow
from backend.services.clock import FACE_FRESH, local_day

CHANNEL = "portal"
MOST_PHOTOS = 20
SYSTEM_RANDOM = random.SystemRandom()

Cause = Literal[
    "consent_missing", "nik_and_kk_differ", "registered_already", "erased", "unknown_decision", "not_proven",
    "nothing_to_contest", "window_over", "open_already", "not_contestable", "no_fresh_face_of_the_owner",
    "unknown_appeal", "not_open", "too_many_photos", "unreadable_photo",
]  # fmt: skip


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


async def register(
    connection: AsyncConnection, database: Database, handed: Handed, actor: str, now: datetime, once: str = ""
) -> int:
    """Store a registration; its id. It waits for its owner's face unless that has been seen before. Raises Refused."""
    if not set(NEEDED_TO_REGISTER) <= handed.consents:
        raise Refused("consent_missing")
    person = await _person(connection, database, handed.identity, now)
    number = registration_number(code(f"{actor}:{once}" if once else ""))
    filed = (await registrations.of_programme(connection, [person.id], handed.programme)).get(person.id)
    if filed is not None:
        if once and filed.number == number:
            return filed.id
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
    return added[number]


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


@dataclass(frozen=True, slots=True)
class Contest:
    """What is contested: codes of reasons, or for a misused NIK the codes whose data are not the owner's."""

    decision_id: int
    kind: Ground
    reasons: Sequence[str]
    not_mine: Sequence[str]
    statement: str = field(repr=False)


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
    await _check(connection, contest, decision, person, newest, now)
    registration = (await registrations.by_ids(connection, [decision.registration_id]))[decision.registration_id]
    row = {
        "number": number,
        "decision_id": decision.id,
        "registration_id": decision.registration_id,
        "person_id": person.id,
        # Where they registered in a chat, they hear of it there.
        "conversation_id": registration.conversation_id,
        "region_code": person.region_code,
        "kind": contest.kind.value,
        "contested": list(contest.reasons),
        "not_mine": list(contest.not_mine),
        "statement": contest.statement or None,
        "status": "received",
        "due_on": answer_due(local_day(now, person.region_code)),
        "created_at": now,
        "updated_at": now,
    }
    appeal_id = (await appeals.add(connection, [row]))[number]
    event = {"appeal_id": appeal_id, "at": now, "status": "received", "note": None, "actor": actor}
    await appeals.add_events(connection, [event])
    await audit.note(connection, [audit.Act(now, actor, "appeal.filed", f"appeal:{appeal_id}")])
    return appeal_id


async def _check(
    connection: AsyncConnection,
    contest: Contest,
    decision: decisions.DecisionRow,
    person: PersonRow,
    newest: AppealRow | None,
    now: datetime,
) -> None:
    if person.erased_at is not None or not may(Level(person.level), Act.APPEAL):
        raise Refused("not_proven")
    if not decision.current or decision.outcome != "not_eligible" or decision.appeal_until is None:
        raise Refused("nothing_to_contest")
    if local_day(now, person.region_code) > decision.appeal_until:
        raise Refused("window_over")
    if await appeals.open_against(connection, [decision.id]):
        raise Refused("open_already")
    if contest.kind is Ground.NIK_MISUSED:
        await _owner_is_here(connection, person, newest, now)
        named, allowed = contest.not_mine, {reason["code"] for reason in decision.reasons}
    else:
        named, allowed = contest.reasons, {reason["code"] for reason in decision.reasons if reason["contestable"]}
    if not named or not set(named) <= allowed:
        raise Refused("not_contestable")


async def _owner_is_here(
    connection: AsyncConnection, person: PersonRow, newest: AppealRow | None, now: datetime
) -> None:
    """The owner's face has just matched, and that proof has not served another appeal."""
    since = now - FACE_FRESH
    if newest is not None and newest.kind == Ground.NIK_MISUSED and newest.created_at >= since:
        since = newest.created_at
    if not await photos.matches_since(connection, since, [person.id]):
        raise Refused("no_fresh_face_of_the_owner")


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
            if found.status not in appeals.OPEN:
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
