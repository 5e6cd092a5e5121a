"""Events were written: the job that hands them on is queued, so that nobody waits for the next sweep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.repositories import jobs
from backend.repositories.jobs import JobDraft

FAN_OUT = "events.fan_out"


async def announce(connection: AsyncConnection, now: datetime) -> Sequence[int]:
    """The job to ring after the commit."""
    return await jobs.add(connection, [JobDraft(None, FAN_OUT, {})], now)
