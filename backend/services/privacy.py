"""Erasing a person on their request (UU 27/2022): nothing that names or describes them stays.

What stays is what happened, without whom: case rows with dates, outcomes, codes of reasons and the district, so that
the counts of a region still add up and a reviewer's acts stay accountable. The hash that found the person is replaced
by one that cannot be computed from a NIK: whoever was erased and comes back is a new person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.numbers import ticket_number
from backend.gateways.photo_store import PhotoStoreError
from backend.repositories import audit, erasure, tickets
from backend.repositories.jobs import JobRow
from backend.services.records import CHAT
from backend.services.work import Finished, TryLater, Work

RECEIPT = "erasure"
"""The kind of ticket that proves an erasure: closed from the start."""


async def erase(work: Work, job: JobRow, now: datetime) -> Finished:
    """`person.erase` {person_id} -> erased {receipt}, or refused when the chat is not that person's.

    Photos go first, since the store knows no transaction; what is gone already is passed over when the job runs again.
    """
    person_id: int = job.data["person_id"]
    if job.person_id != person_id:
        return Finished("refused")
    async with work.database.read() as connection:
        keys = await erasure.photo_keys(connection, person_id)
    try:
        for key in keys:
            await work.photos.delete(key)
    except PhotoStoreError as error:
        raise TryLater(str(error)) from error
    code = work.code()

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await erasure.scrub(connection, person_id, job.conversation_id, now)
        receipt = {
            "number": ticket_number(code),
            "conversation_id": job.conversation_id,
            "kind": RECEIPT,
            "status": "closed",
            "created_at": now,
            "due_at": now,
            "closed_at": now,
        }
        await tickets.add(connection, [receipt])
        await audit.note(connection, [audit.Act(now, CHAT, "person.erased", f"person:{person_id}")])
        return ()

    return Finished("erased", {"receipt": ticket_number(code)}, write=write)
