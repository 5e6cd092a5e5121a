"""Messages by the month: partitions made in time, nothing refused, nothing moved twice, and updates that stay cheap."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from backend.db import Database
from backend.models import Inbox, table
from backend.partitions import Partition, listed, make_coming, month_after
from backend.repositories import conversations, inbox, outbox
from bot.events import Text, to_json

INBOX = table(Inbox)
FAR = datetime(2031, 4, 7, tzinfo=UTC)


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only PostgreSQL has partitions."""
    return postgres_url


async def arrive(database: Database, now: datetime, *ids: str) -> None:
    async with database.write() as connection:
        rows = [inbox.Arrival(1, "whatsapp", name, to_json(Text("halo"))) for name in ids]
        assert await inbox.insert_events(connection, database, rows, now)


async def rows_in(database: Database, name: str) -> int:
    async with database.read() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one())


async def known(database: Database) -> list[Partition]:
    async with database.read() as connection:
        return await listed(connection)


async def test_this_month_and_two_coming_ones_are_there_after_migrating(database: Database) -> None:
    this = datetime.now(UTC).replace(day=1)
    for name in ("inbox", "outbox"):
        names = {partition.name for partition in await known(database) if partition.table == name}
        assert names == {f"{name}_rest"} | {f"{name}_{month_after(this, by):%Y_%m}" for by in range(3)}


async def test_a_message_without_a_month_is_taken_and_moves_when_its_month_is_made(database: Database) -> None:
    await arrive(database, FAR, "SM1", "SM2")
    assert await rows_in(database, "inbox_rest") == 2
    made = await make_coming(database, FAR)
    assert "inbox_2031_04" in made
    assert "outbox_2031_06" in made
    assert (await rows_in(database, "inbox_rest"), await rows_in(database, "inbox_2031_04")) == (0, 2)
    async with database.write() as connection:
        again = [inbox.Arrival(1, "whatsapp", "SM1", to_json(Text("halo")))]
        assert await inbox.insert_events(connection, database, again, FAR) == []
        assert len(await inbox.pending(connection, [1])) == 2


async def test_many_processes_make_each_month_once(database: Database) -> None:
    made = await asyncio.gather(*(make_coming(database, FAR) for _ in range(4)))
    names = [name for names in made for name in names]
    assert sorted(names) == sorted({f"{t}_2031_0{m}" for t in ("inbox", "outbox") for m in (4, 5, 6)})


async def test_a_month_waits_for_a_long_transaction_without_holding_up_the_others(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(select(func.count()).select_from(INBOX))
        making = asyncio.create_task(make_coming(database, FAR))
        await asyncio.sleep(1.2)
        await asyncio.wait_for(arrive(database, FAR, "SM1"), 2.5)
        assert not making.done()
    assert "inbox_2031_04" in await making


async def test_a_change_of_status_touches_no_index(database: Database) -> None:
    now = datetime.now(UTC)
    async with database.write() as connection:
        chats = {("whatsapp", bytes([n])): {"address": f"whatsapp:+62{n}", "phone": None} for n in range(64)}
        ids = list((await conversations.open_chats(connection, chats, now)).values())
        drafts = [outbox.Draft(chat, "reply", "t", {"text": "x" * 200, "buttons": []}) for chat in ids]
        await outbox.add(connection, drafts, now)
    async with database.write() as connection:
        claimed, _ = await outbox.claim(connection, ids, now)
    assert len(claimed) == 64
    async with database.write() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    async with database.read() as connection:
        found = await connection.execute(
            text("SELECT sum(n_tup_upd), sum(n_tup_hot_upd) FROM pg_stat_user_tables WHERE relname LIKE 'outbox%'")
        )
        updates, cheap = found.one()
    assert updates == 64
    assert cheap >= 60
