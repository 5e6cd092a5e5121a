"""Photos from the chat: fetched, made harmless, looked at, sealed and stored; then forgotten at the provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.gateways.photo_store import PhotoStoreError
from backend.gateways.photos import EVIDENCE_SIDE, MAX_BYTES, SELFIE_SIDE, NotAPhoto, Photo, legibility
from backend.repositories import jobs, photos
from backend.repositories.jobs import JobDraft, JobRow
from backend.services.work import Finished, PhotoGone, TryLater, Work
from bot.events import PhotoRef

FORGET = "photo.forget"
FACES = frozenset({"selfie", "turned"})
SMALLEST_SELFIE = 200
"""Pixels of the longer side. In a thumbnail no face can be compared, whether the detector finds one or not."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A photo that was taken in, or what is wrong with it."""

    key: str
    photo: Photo | None = field(repr=False)
    problem: str | None = None


async def receive(work: Work, job: JobRow, now: datetime) -> Finished:
    """`photo.receive` {photos: [{ref, content_type, size}], purpose} -> received {photos: [{id, problem}]}, in their order.

    Only photos without a problem are kept. Run again after a crash it finds what it has stored and fetches the rest.
    """
    refs = [PhotoRef(sent["ref"], sent["content_type"], sent["size"]) for sent in job.data["photos"]]
    keys = [_key(job, place) for place in range(len(refs))]
    async with work.database.read() as connection:
        stored = await photos.by_keys(connection, keys)
    taken = [await _take(work, job, ref, key) for ref, key in zip(refs, keys, strict=True) if key not in stored]
    rows = [_row(job, one.key, one.photo, now) for one in taken if one.photo is not None]
    async with work.database.write() as connection:
        await photos.add(connection, work.database, rows)
        stored = await photos.by_keys(connection, keys)
    problems = {one.key: one.problem for one in taken}
    received = [
        {"id": stored[key].id, "problem": None} if key in stored else {"id": None, "problem": problems[key]}
        for key in keys
    ]

    async def write(connection: AsyncConnection) -> Sequence[int]:
        data = {"channel": job.channel, "photos": job.data["photos"]}
        return await jobs.add(connection, [JobDraft(job.conversation_id, FORGET, data, trace=job.trace)], now)

    return Finished("received", {"photos": received}, write=write)


def _key(job: JobRow, place: int) -> str:
    """Where a photo lies in the store: the same when the job runs again, and nothing that can be guessed."""
    return f"{job.data['purpose']}/{crypto.ring().index('photo-key', f'{job.id}:{place}').hex()}"


async def _take(work: Work, job: JobRow, ref: PhotoRef, key: str) -> _Taken:
    if ref.size is not None and ref.size > MAX_BYTES:
        return _Taken(key, None, "too_large")
    purpose = job.data["purpose"]
    try:
        data = await work.sources_of_photos[job.channel or ""].fetch(ref, MAX_BYTES)
        photo = await work.faces.take_in(data, SELFIE_SIDE if purpose in FACES else EVIDENCE_SIDE)
    except PhotoGone:
        return _Taken(key, None, "gone")
    except NotAPhoto as error:
        return _Taken(key, None, error.reason)
    problem = await _look(work, photo, purpose)
    if problem is not None:
        return _Taken(key, None, problem)
    try:
        await work.photos.put(key, photo.jpeg)
    except PhotoStoreError as error:
        raise TryLater(str(error)) from error
    return _Taken(key, photo)


async def _look(work: Work, photo: Photo, purpose: str) -> str | None:
    """What is wrong with the picture for its purpose. A turned head is what the second photo is for."""
    if purpose not in FACES:
        return await work.faces.run(legibility, photo)
    if max(photo.width, photo.height) < SMALLEST_SELFIE:
        return "too_small"
    problem = (await work.faces.inspect(photo.jpeg)).problem
    return None if purpose == "turned" and problem == "turned" else problem


def _row(job: JobRow, key: str, photo: Photo, now: datetime) -> dict[str, Any]:
    return {
        "conversation_id": job.conversation_id,
        # Evidence comes from whom the chat has proven to be; whose face a selfie shows is only known after the check.
        "person_id": job.person_id if job.data["purpose"] not in FACES else None,
        "purpose": job.data["purpose"],
        "object_key": key,
        "fingerprint": crypto.ring().index("photo", photo.sha256),
        "width": photo.width,
        "height": photo.height,
        "created_at": now,
    }


async def forget(work: Work, job: JobRow, now: datetime) -> Finished:
    """`photo.forget` {channel, photos}: what is stored here is deleted at the provider."""
    refs = [PhotoRef(sent["ref"], sent["content_type"], sent["size"]) for sent in job.data["photos"]]
    await work.sources_of_photos[job.data["channel"]].forget(refs)
    return Finished("forgotten")


async def erase_faces(work: Work, job: JobRow, now: datetime) -> Finished:
    """`photo.erase_faces` {person_id}: whoever withdraws the consent to the face check leaves no picture of it here."""
    async with work.database.read() as connection:
        kept = await photos.faces_of(connection, job.data["person_id"])
    try:
        for key in kept.values():
            await work.photos.delete(key)
    except PhotoStoreError as error:
        raise TryLater(str(error)) from error

    async def write(connection: AsyncConnection) -> Sequence[int]:
        await photos.erased(connection, list(kept), now)
        return ()

    return Finished("erased", write=write)
