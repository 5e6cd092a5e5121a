"""Old messages go, what still waits stays, and ids are not given twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from backend.db import Database
from backend.models import Inbox, Job, Outbox, table
from backend.partitions import listed, month_after, month_of
from backend.repositories import inbox, jobs, outbox
from backend.services.retention import Upkeep, keep_up
from bot.events import Text, to_json

INBOX, OUTBOX, JOBS = table(Inbox), table(Outbox), table(Job)
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=430)


async def life(database: Database, at: datetime, name: str, *, over: bool = True) -> None:
    """A message, its answer and a job of one moment."""
    async with database.write() as connection:
        await inbox.insert_events(connection, database, [inbox.Arrival(1, "whatsapp", name, to_json(Text(name)))], at)
        await outbox.add(connection, [outbox.Draft(1, "reply", name, {"text": name, "buttons": []})], at)
        [job] = await jobs.add(connection, [jobs.JobDraft(None, "face", {})], at)
        if over:
            await connection.execute(update(INBOX).where(INBOX.c.provider_id == name).values(handled_at=at))
            await connection.execute(update(OUTBOX).where(OUTBOX.c["keys"] == name).values(status="sent"))
            await connection.execute(update(JOBS).where(JOBS.c.id == job).values(status="done"))


async def left(database: Database) -> tuple[set[str], set[str], int]:
    async with database.read() as connection:
        received = set((await connection.execute(select(INBOX.c.provider_id))).scalars())
        sent = set((await connection.execute(select(OUTBOX.c["keys"]))).scalars())
        worked = len((await connection.execute(select(JOBS.c.id))).all())
    return received, sent, worked


async def test_what_is_older_than_thirteen_months_goes(database: Database) -> None:
    for at, name in (
        (OLD, "old"),
        (OLD - timedelta(days=40), "older"),
        (NOW - timedelta(days=380), "kept"),
        (NOW, "new"),
    ):
        await life(database, at, name)
    done = await keep_up(database, NOW, 13)
    assert await left(database) == ({"kept", "new"}, {"kept", "new"}, 2)
    if database.is_sqlite:
        assert done == Upkeep((), (), 6)
    else:
        assert set(done.dropped) == {f"{t}_2025_{m}" for t in ("inbox", "outbox") for m in ("08", "09")}
        assert done.deleted == 2
    assert await keep_up(database, NOW, 13) == Upkeep((), (), 0)


async def test_what_still_waits_stays_however_old(database: Database) -> None:
    await life(database, OLD, "waits", over=False)
    await life(database, NOW, "new")
    await keep_up(database, NOW, 13)
    assert await left(database) == ({"waits", "new"}, {"waits", "new"}, 2)


async def test_nothing_goes_where_it_is_to_be_kept_for_ever(database: Database) -> None:
    await life(database, OLD, "old")
    assert (await keep_up(database, NOW, 0)).deleted == 0
    assert await left(database) == ({"old"}, {"old"}, 1)


async def test_a_new_row_never_takes_the_id_of_one_that_went(database: Database) -> None:
    await life(database, OLD, "old")
    async with database.read() as connection:
        before = [(await connection.execute(select(of.c.id))).scalar_one() for of in (INBOX, OUTBOX, JOBS)]
    await keep_up(database, NOW, 13)
    await life(database, NOW, "new")
    async with database.read() as connection:
        ids: list[int] = [
            (await connection.execute(select(of.c.id).order_by(of.c.id.desc()).limit(1))).scalar_one()
            for of in (INBOX, OUTBOX, JOBS)
        ]
    assert all(new > old for new, old in zip(ids, before, strict=True))


async def test_a_full_year_of_messages_lies_in_its_months(database: Database) -> None:
    for by in range(13):
        await life(database, month_after(month_of(NOW), -by) + timedelta(days=3), f"m{by}")
    await keep_up(database, NOW, 13)
    async with database.read() as connection:
        months = [p.month for p in await listed(connection) if p.table == "inbox" and p.month is not None]
    expected = [] if database.is_sqlite else [month_after(month_of(NOW), by) for by in range(-12, 3)]
    assert [month for month in months if month <= month_after(month_of(NOW), 2)] == expected
    assert len((await left(database))[0]) == 13
