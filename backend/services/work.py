"""What a job's executor gives back, and how it says that now is not the time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.events import Notice

Write = Callable[[AsyncConnection], Awaitable[Sequence[int]]]
"""Writes what a job found, in the transaction that closes it; returns the ids of jobs that it queued."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome of a job: it comes back to the conversation that asked as `JobFinished`.

    `notices`: (conversation id, unique id, notice) for chats that hear of it; `write` runs in the closing transaction.
    """

    outcome: str
    data: Mapping[str, Any] = field(default_factory=dict)
    person_id: int | None = None
    notices: Sequence[tuple[int, str, Notice]] = ()
    write: Write | None = None


class TryLater(Exception):  # noqa: N818 - it is a request, not a fault
    """Outside trouble that passes: the job is queued again. `after`: seconds, when the other side has named them."""

    def __init__(self, cause: str, after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.after = after
