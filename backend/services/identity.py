"""Who somebody is: the look-up in IKD, the face check, and what a proof changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.facilitators import works_in
from backend.domain.levels import Level, higher
from backend.domain.values import evolve
from backend.gateways import ikd
from backend.gateways.ikd import FaceMatch, IkdError
from backend.gateways.photo_store import PhotoMissing, PhotoStoreError
from backend.repositories import audit, jobs, people, photos, registrations, tickets
from backend.repositories.jobs import JobRow
from backend.repositories.people import Identity
from backend.services.filing import HELD_FOR, selection_job
from backend.services.records import CHAT, ticket
from backend.services.work import Finished, TryLater, Work, later, transaction_id

MOST_FAILURES = 6
"""Comparisons that may fail for one NIK or in one chat before IKD is no longer asked."""
FAILURES_COUNT_FOR = timedelta(hours=24)
BORDERLINE = 0.05
"""How far below IKD's threshold a score is worth a human look: an old portrait, not a stranger."""

PAIR_REFUSED = "facilitator.pair_refused"
MOST_PAIRS_REFUSED = 15
PAIRS_COUNT_FOR = timedelta(hours=1)

_OUTCOMES_OF_THEIR_OWN = frozenset({"not_turned", "same_photo", "other_person"})


async def look_up(work: Work, job: JobRow, now: datetime) -> Finished:
    """`ikd.look_up` {nik, kk, consent_at, regions?} -> found {name, sex, birth_date, region_code, ikd} | not_together |
    inactive_nik. Everything that is not a living pair of NIK and KK is `not_together`.

    With `regions` a facilitator asks (`_look_up_for_facilitator`).
    """
    data = job.data
    regions: Sequence[str] | None = data.get("regions")
    if regions is not None:
        return await _look_up_for_facilitator(work, job, regions, now)
    try:
        record = await work.ikd.look_up(
            data["nik"], data["kk"], datetime.fromisoformat(data["consent_at"]), transaction_id(job)
        )
    except ikd.NikUnknown:
        return Finished("not_together")
    except ikd.NikInactive:
        return Finished("inactive_nik")
    except IkdError as error:
        raise later(error) from error
    if not record.belongs or record.sex is None or record.birth_date is None:
        return Finished("not_together")
    if not record.nik_active:
        return Finished("inactive_nik")
    found = {
        "name": record.name,
        "sex": record.sex,
        "birth_date": record.birth_date.isoformat(),
        "region_code": record.region_code,
        "ikd": record.ikd,
    }
    return Finished("found", found)


async def _look_up_for_facilitator(work: Work, job: JobRow, regions: Sequence[str], now: datetime) -> Finished:
    """Whatever a facilitator may not open is `not_together`, so that nothing is learnt of it. Each is noted, and after many
    of them in an hour IKD is not asked for this chat any more: a list of numbers is not tried out here."""
    subject = f"conversation:{job.conversation_id}"
    async with work.database.read() as connection:
        refused = await audit.count(connection, PAIR_REFUSED, subject, now - PAIRS_COUNT_FOR)
    if refused < MOST_PAIRS_REFUSED:
        plain = {name: job.data[name] for name in ("nik", "kk", "consent_at")}
        found = await look_up(work, evolve(job, data=plain), now)
        if found.outcome == "found" and works_in(found.data["region_code"], regions):
            return found

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await audit.note(connection, [audit.Act(now, CHAT, PAIR_REFUSED, subject)])
        return ()

    return Finished("not_together", write=write)


# --- the face --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Claim:
    """Whose face is to be checked, with which photos. `identity` is None for a person whom we know already."""

    nik: str = field(repr=False)
    nik_hash: bytes = field(repr=False)
    person_id: int | None
    identity: Identity | None
    keys: tuple[str, str]
    failures: int
    before: photos.FaceCheckRow | None


async def verify_face(work: Work, job: JobRow, now: datetime) -> Finished:
    """`face.verify` {front, turned, consent_at, act, person | person_id} -> match (with `person_id`) | no_match | borderline |
    not_turned | same_photo | other_person | problem {problem} | ikd_inactive | inactive_nik.

    A match makes the person known at the level of a chat pre-check, never lower than they were, and submits what waited
    for nothing else.
    """
    claim = await _claim(work, job, now)
    if isinstance(claim, Finished):
        return claim
    if claim.before is not None:
        return Finished(claim.before.outcome, person_id=claim.before.person_id)
    if claim.failures >= MOST_FAILURES:
        return Finished("no_match")
    try:
        front, turned = [await work.photos.get(key) for key in claim.keys]
    except PhotoMissing:
        return Finished("problem", {"problem": "gone"})
    except PhotoStoreError as error:
        raise TryLater(str(error)) from error
    verdict = await work.faces.verify_selfie(front, turned)
    if verdict.problem in _OUTCOMES_OF_THEIR_OWN:
        return Finished(str(verdict.problem))
    if not verdict.ok:
        return Finished("problem", {"problem": verdict.problem, "photo": verdict.photo})
    answer = await _ask_ikd(work, job, claim, front)
    if isinstance(answer, Finished):
        return answer
    if not answer.match:
        return _no_match(work, job, claim, answer, now)
    person_id, queued = await _proven(work, job, claim, answer, now)

    async def write(connection: AsyncConnection) -> Sequence[int]:
        return queued

    return Finished("match", person_id=person_id, write=write)


async def _claim(work: Work, job: JobRow, now: datetime) -> _Claim | Finished:
    data = job.data
    async with work.database.read() as connection:
        if data.get("person") is not None:
            identity: Identity | None = Identity.from_json(data["person"])
            person_id, nik = None, data["person"]["nik"]
        else:
            known = (await people.by_ids(connection, [data["person_id"]])).get(data["person_id"])
            if known is None or known.nik is None:
                return Finished("no_match")
            identity, person_id, nik = None, known.id, known.nik
        sent = await photos.by_ids(connection, [data["front"], data["turned"]])
        mine = {key: row for key, row in sent.items() if row.conversation_id == job.conversation_id}
        if data["front"] not in mine or data["turned"] not in mine:
            return Finished("problem", {"problem": "gone"})
        nik_hash = people.nik_hash(nik)
        before = await photos.check_of(connection, transaction_id(job))
        failures = await photos.failures_since(connection, now - FAILURES_COUNT_FOR, nik_hash, job.conversation_id)
    keys = (mine[data["front"]].object_key, mine[data["turned"]].object_key)
    # In a facilitator's chat many people's faces are seen: only each one's own failures say something.
    counted = failures[0] if job.case_key else max(failures)
    return _Claim(nik, nik_hash, person_id, identity, keys, counted, before)


async def _ask_ikd(work: Work, job: JobRow, claim: _Claim, front: bytes) -> FaceMatch | Finished:
    consent_at = datetime.fromisoformat(job.data["consent_at"])
    try:
        return await work.ikd.match_face(claim.nik, front, consent_at, transaction_id(job))
    except ikd.NoFace:
        return Finished("problem", {"problem": "no_face", "photo": "front"})
    except ikd.InvalidImage:
        return Finished("problem", {"problem": "unreadable", "photo": "front"})
    except ikd.ImageTooLarge:
        return Finished("problem", {"problem": "too_large", "photo": "front"})
    except ikd.NikUnknown:
        return Finished("no_match")
    except ikd.NikInactive:
        return Finished("inactive_nik")
    except ikd.IkdNotActive:
        return Finished("ikd_inactive")
    except IkdError as error:
        raise later(error) from error


def _no_match(work: Work, job: JobRow, claim: _Claim, answer: FaceMatch, now: datetime) -> Finished:
    outcome = "borderline" if answer.score >= answer.threshold - BORDERLINE else "no_match"

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await photos.add_check(connection, _check(job, claim, claim.person_id, outcome, answer, now))
        if outcome == "borderline":
            row = ticket(work.code(), "face", "", job.conversation_id, claim.person_id, now)
            await tickets.add(connection, [row])
        return ()

    return Finished(outcome, write=write)


async def _proven(
    work: Work, job: JobRow, claim: _Claim, answer: FaceMatch, now: datetime
) -> tuple[int, Sequence[int]]:
    """Store what the match has proven: the person, and the jobs that were queued for them.

    Which person a chat is bound to, the turn that hears of the match decides.
    """
    async with work.database.write() as connection:
        if claim.identity is not None:
            await people.add(connection, work.database, [claim.identity], Level.NONE.value, now)
        person = (await people.by_nik_hashes(connection, [claim.nik_hash]))[claim.nik_hash]
        level = higher(Level(person.level), Level.CHAT_PRECHECK).value
        if claim.identity is not None:
            await people.refresh(connection, person.id, claim.identity, level, now)
        else:
            await people.set_level(connection, person.id, level, now)
        if job.conversation_id is not None:
            await people.adopt_consents(connection, job.conversation_id, person.id, job.case_key)
        await photos.set_person(connection, [job.data["front"], job.data["turned"]], person.id)
        await photos.add_check(connection, _check(job, claim, person.id, "match", answer, now))
        queued = await _submit_complete(work, connection, person.id, job.conversation_id, now)
    return person.id, queued


async def _submit_complete(
    work: Work, connection: AsyncConnection, person_id: int, conversation_id: int | None, now: datetime
) -> Sequence[int]:
    """Registrations with all their answers (from another system) only waited for this proof; one that was held before
    the answers were given is completed in the chat."""
    waiting = await registrations.waiting_of(connection, person_id)
    complete = [row.id for row in waiting if HELD_FOR not in row.details]
    await registrations.set_status(connection, complete, registrations.SUBMITTED, now)
    if conversation_id is not None:
        await registrations.move(connection, complete, conversation_id)
    if not work.auto_select:
        return ()
    return await jobs.add(connection, [selection_job(row_id, conversation_id) for row_id in complete], now)


def _check(
    job: JobRow, claim: _Claim, person_id: int | None, outcome: str, answer: FaceMatch, now: datetime
) -> Mapping[str, Any]:
    return {
        "conversation_id": job.conversation_id,
        "person_id": person_id,
        "nik_hash": claim.nik_hash,
        "outcome": outcome,
        "score": answer.score,
        "transaction_id": transaction_id(job),
        "purpose": str(job.data.get("act") or "")[:20],
        "at": now,
    }


# --- in person -------------------------------------------------------------------------------------------------------


async def verify_in_person(
    connection: AsyncConnection, database: Database, person_id: int, actor: str, now: datetime
) -> Sequence[int]:
    """An officer has seen the person and their KTP: the highest level, and a held registration goes to the selection.

    Returns the ids of the jobs to ring. Raises LookupError for nobody.
    """
    person = (await people.by_ids(connection, [person_id], lock=True)).get(person_id)
    if person is None or person.erased_at is not None:
        raise LookupError("no such person")
    await people.set_level(connection, person_id, Level.IN_PERSON.value, now)
    released = [row.id for row in await registrations.waiting_of(connection, person_id)]
    await registrations.set_status(connection, released, registrations.SUBMITTED, now)
    await audit.note(connection, [audit.Act(now, actor, "person.verified_in_person", f"person:{person_id}")])
    return await jobs.add(connection, [selection_job(row_id) for row_id in released], now)
