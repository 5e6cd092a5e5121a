"""What a job's executor works with, what it gives back, and how it says that now is not the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.db import Database
from backend.domain.broadcasts import HOURS
from backend.gateways.faces import FacePool
from backend.gateways.ikd import IkdError, IkdGateway, RateLimited
from backend.gateways.photo_store import PhotoStore
from backend.gateways.webhooks import WebhookGateway
from backend.repositories.jobs import JobRow
from backend.services.rulebook import Rulebook
from backend.services.sources import Sources
from bot.events import Notice, PhotoRef

Write = Callable[[AsyncConnection], Awaitable[Sequence[int]]]
"""Writes what a job found, in the transaction that closes it; returns the ids of jobs that it queued."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome of a job: it comes back to the conversation that asked as `JobFinished`.

    `notices`: (conversation id, unique id, notice) for chats that hear of it; `write` runs in the closing transaction.
    `sends`: conversations for which it has written messages, once it has run.
    """

    outcome: str
    data: Mapping[str, Any] = field(default_factory=dict)
    person_id: int | None = None
    notices: Sequence[tuple[int, str, Notice]] = ()
    write: Write | None = None
    sends: Sequence[int] = ()


class TryLater(Exception):  # noqa: N818 - it is a request, not a fault
    """Outside trouble that passes: the job is queued again. `after`: seconds, when the other side has named them."""

    def __init__(self, cause: str, after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.after = after


class PhotoGone(Exception):  # noqa: N818 - it says what happened
    """The channel does not have this photo any more, or never will: the person sends it again."""


class PhotoSource(Protocol):
    """Where a channel keeps photos until they are fetched."""

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        """The bytes of a photo. Raises PhotoGone or TryLater."""
        ...

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        """Delete them there. Raises TryLater."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """All that jobs work with. `sources_of_photos` is by channel, `code` makes fresh public codes; `auto_select`: a
    submitted registration is decided without anybody asking for it."""

    database: Database
    ikd: IkdGateway
    sources: Sources
    faces: FacePool
    photos: PhotoStore
    sources_of_photos: Mapping[str, PhotoSource]
    webhooks: WebhookGateway
    rulebook: Rulebook
    code: Callable[[], str]
    auto_select: bool
    broadcast_hours: tuple[int, int] = HOURS


JobFunction = Callable[[Work, JobRow, datetime], Awaitable[Finished]]


def transaction_id(job: JobRow) -> str:
    """What a job calls its questions to others: the same when it runs again, and nothing that can be guessed."""
    return crypto.ring().index("transaction", f"{job.kind}:{job.id}").hex()[:32]


def later(error: IkdError) -> TryLater:
    """Why an IKD that does not answer now is asked again, and when."""
    return TryLater(str(error), error.retry_after if isinstance(error, RateLimited) else None)
