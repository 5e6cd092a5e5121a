"""One time for all processes of a database, whatever a machine's own clock says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from backend import clock as clocks
from backend.clock import Clock
from backend.db import Database


class Wrong(datetime):
    """The time of a machine whose clock was set an hour ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + timedelta(hours=1)


async def test_a_machine_that_is_an_hour_ahead_goes_by_the_databases_clock(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "datetime", Wrong)
    database = Database(postgres_url)
    clock = Clock(database)
    with capture_logs() as lines:
        await clock.follow()
    async with database.read() as connection:
        truth = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert abs(clock.now() - truth) < timedelta(seconds=1)
    assert [(line["event"], round(line["seconds"], -2)) for line in lines] == [("clock_differs", 3600)]
    before = clock.now()
    await asyncio.sleep(0.05)
    assert timedelta(seconds=0.05) <= clock.now() - before < timedelta(seconds=1), "it goes on between two readings"
    await database.close()


async def test_while_the_database_is_away_the_clock_goes_on(free_port: int) -> None:
    clock = Clock(Database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port}/none"))
    with capture_logs() as lines:
        await clock.try_to_follow()
    assert lines[0]["event"] == "clock_not_read"
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


async def test_who_started_without_the_database_looks_again_soon(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "datetime", Wrong)
    monkeypatch.setattr(clocks, "FIRST_AGAIN", 0.01)
    database = Database(postgres_url)
    clock = Clock(database)
    assert clock.now() - datetime.now(UTC) > timedelta(minutes=59), "nobody has told it better yet"
    following = asyncio.create_task(clock.keep_following())
    async with asyncio.timeout(10):
        while clock.now() - datetime.now(UTC) > timedelta(seconds=1):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
    following.cancel()
    await database.close()


async def test_a_process_alone_with_sqlite_has_its_machines_time(sqlite_url: str) -> None:
    clock = Clock(Database(sqlite_url))
    await clock.follow()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
