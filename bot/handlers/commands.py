"""Who does what a turn asks for: every record has a function that writes it, every command one that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.broadcasts import HOURS
from backend.gateways.faces import FacePool
from backend.gateways.ikd import IkdGateway
from backend.gateways.photo_store import PhotoStore
from backend.gateways.webhooks import WebhookGateway
from backend.policy.loading import load_baseline
from backend.repositories.jobs import JobRow
from backend.services import (
    appeal_clock,
    appeals,
    benefits,
    broadcasts,
    delegations,
    facilitators,
    filing,
    identity,
    photos,
    privacy,
    records,
    selection,
    selection_runs,
    webhooks,
)
from backend.services.announce import FAN_OUT
from backend.services.records import RecordFunction, RecordItem, Terms
from backend.services.rulebook import Rulebook
from backend.services.sources import Sources
from backend.services.work import Finished, JobFunction, PhotoGone, TryLater, Work
from bot.events import PhotoRef
from bot.handlers.channel import Channel, FetchError
from bot.handlers.jobs import Executor as JobExecutor
from bot.handlers.turns import RecordExecutor

RECORDS: Mapping[str, RecordFunction] = {
    "consent.give": records.give_consent,
    "consent.withdraw": records.withdraw_consent,
    "registration.file": filing.file_registrations,
    "registration.hold": filing.hold_registrations,
    "appeal.file": appeals.file_appeals,
    "appeal.add": appeals.add_to_appeals,
    "appeal.withdraw": appeals.withdraw_appeals,
    "ticket.open": records.open_ticket,
    "notifications.set": records.set_notifications,
    "decision.told": records.decision_told,
    "conversation.reachable": records.set_reachable,
    "delegation.give": delegations.give,
    "delegation.withdraw": delegations.withdraw,
    "result.explained": delegations.explained,
}

JOBS: Mapping[str, JobFunction] = {
    "ikd.look_up": identity.look_up,
    "photo.receive": photos.receive,
    "photo.forget": photos.forget,
    "photo.erase_faces": photos.erase_faces,
    "face.verify": identity.verify_face,
    "selection.run": selection.run_selection,
    "selection.page": selection_runs.run_page,
    "selection.tell": selection_runs.tell,
    "appeals.watch": appeal_clock.look,
    broadcasts.FEED_JOB: broadcasts.feed,
    "benefits.tell": benefits.tell,
    "person.erase": privacy.erase,
    "facilitator.code": facilitators.look_at_code,
    "facilitator.bind": facilitators.bind,
    "facilitator.people": delegations.listed,
    FAN_OUT: webhooks.fan_out,
    webhooks.SEND: webhooks.send,
}

FACE_JOBS = frozenset({"photo.receive", "face.verify"})
"""What decodes pictures or compares faces: it runs where the child processes are."""


class Executors:
    """`records` and `jobs` as the turn worker and the job workers call them, with all that they need bound in.

    `plain_jobs` and `face_jobs` are `jobs` by where they run.

    `code` makes a fresh public code.
    """

    def __init__(
        self,
        *,
        database: Database,
        ikd: IkdGateway,
        sources: Sources,
        faces: FacePool,
        photos: PhotoStore,
        channels: Mapping[str, Channel],
        webhooks: WebhookGateway,
        code: Callable[[], str],
        auto_select: bool,
        programme: str,
        broadcast_hours: tuple[int, int] = HOURS,
    ) -> None:
        self.work = Work(
            database=database,
            ikd=ikd,
            sources=sources,
            faces=faces,
            photos=photos,
            sources_of_photos={name: ChannelPhotos(channel) for name, channel in channels.items()},
            webhooks=webhooks,
            rulebook=Rulebook(load_baseline()),
            code=code,
            auto_select=auto_select,
            broadcast_hours=broadcast_hours,
        )
        terms = Terms(programme=programme, auto_select=auto_select)
        self.records: dict[str, RecordExecutor] = {
            kind: bound_record(kind, function, terms) for kind, function in RECORDS.items()
        }
        self.jobs: dict[str, JobExecutor] = {kind: _bound_job(function, self.work) for kind, function in JOBS.items()}
        self.plain_jobs = {kind: executor for kind, executor in self.jobs.items() if kind not in FACE_JOBS}
        self.face_jobs = {kind: executor for kind, executor in self.jobs.items() if kind in FACE_JOBS}


class ChannelPhotos:
    """A channel as a source of photos: its errors said in the words of a job."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        try:
            return await self._channel.fetch(photo, max_bytes)
        except FetchError as error:
            raise (PhotoGone(error.cause) if error.gone else TryLater(error.cause)) from error

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        try:
            await self._channel.forget(photos)
        except FetchError as error:
            raise TryLater(error.cause) from error


def bound_record(kind: str, function: RecordFunction, terms: Terms) -> RecordExecutor:
    """Writes what is permitted: whatever kind it is, a facilitator's record passes the rules of delegation first."""

    async def execute(connection: AsyncConnection, database: Database, items: Sequence[RecordItem]) -> Sequence[int]:
        allowed = await delegations.permitted(connection, kind, items)
        return await function(connection, database, terms, allowed) if allowed else ()

    return execute


def _bound_job(function: JobFunction, work: Work) -> JobExecutor:
    async def execute(job: JobRow, now: datetime) -> Finished:
        return await function(work, job, now)

    return execute
