"""The turn worker: once, in order, in batches, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Row, event, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.db import Database
from backend.repositories import conversations, dead, inbox
from backend.services.facts import Subject
from bot.effects import Say
from bot.events import Choice, Event, JobFinished, PhotoRef, Photos, Started, Text, Timeout, to_json
from bot.facts import Facts
from bot.handlers.turns import TurnWorker
from bot.session import Session
from bot.texts import Catalogue
from tests.handlers.support import CHATS, INBOX, OUTBOX, Bench


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def test_a_message_becomes_one_reply(bench: Bench) -> None:
    await bench.arrives("a", Started())
    await bench.work()
    assert bench.channel.sent[0].text.startswith("Selamat datang")
    assert await bench.outbox() == [("sent", "menu.welcome menu.choose", 1)]


async def test_the_same_webhook_twice_is_one_turn(bench: Bench) -> None:
    await bench.arrives("a", "halo", "w1")
    await bench.arrives("a", "halo", "w1")
    await bench.work()
    await bench.arrives("a", "halo", "w1")
    await bench.work()
    assert len(bench.channel.sent) == 1


async def test_messages_of_one_chat_are_advanced_in_the_order_of_arrival(bench: Bench) -> None:
    for text in ("daftar", "ya", "3510164503870001"):
        await bench.arrives("a", text)
    await bench.work()
    keys = [keys for _, keys, _ in await bench.outbox() if keys]
    assert [key.split()[-1] for key in keys] == ["identify.consent_data", "identify.ask_nik", "identify.ask_kk"]


async def test_three_hundred_chats_in_one_batch_need_a_handful_of_statements(bench: Bench) -> None:
    await asyncio.gather(*(bench.arrives(f"chat-{n}", Started()) for n in range(300)))
    statements: list[str] = []
    engine = bench.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    await bench.turn()
    assert len(statements) <= 14, statements
    await bench.send()
    assert len(bench.channel.sent) == 300
    assert {m.address for m in bench.channel.sent} == {f"chat-{n}" for n in range(300)}


async def test_two_workers_on_the_same_chat_advance_it_once(bench: Bench) -> None:
    await bench.arrives("a", Started())
    ids = await bench.rung("turns")
    await asyncio.gather(bench.turns.run(ids), bench.turns.run(ids), bench.turns.run(ids))
    assert len(await bench.outbox()) == 1


async def test_a_worker_that_hangs_with_a_chat_in_hand_stops_nobody_else_and_loses_it_after_a_while(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "HANGING_AFTER_MS", "500")
    hanging, database = Database(postgres_url), Database(postgres_url)
    bench = Bench(database)
    for address in ("a", "b"):
        await bench.arrives(address, Started())
    async with database.read() as connection:
        [held] = await connection.execute(select(INBOX.c.conversation_id).order_by(INBOX.c.id).limit(1))
    async with hanging.engine.connect() as connection:
        await conversations.lock(connection, [held.conversation_id])
        await bench.work()
        assert [m.address for m in bench.channel.sent] == ["b"]
        async with asyncio.timeout(10):
            while len(bench.channel.sent) < 2:
                await asyncio.sleep(0.05)
                await bench.work()
        with pytest.raises(DBAPIError):
            await conversations.set_reachable(connection, [held.conversation_id], False)
    assert [m.address for m in bench.channel.sent] == ["b", "a"]
    assert [row.reachable for row in await _chats(database)] == [True, True], "what it says later counts no more"
    await hanging.close()
    await database.close()


async def _chats(database: Database) -> Sequence[Row[Any]]:
    async with database.read() as connection:
        return (await connection.execute(select(CHATS))).all()


async def test_a_poison_message_stops_only_its_own_chat_and_is_set_aside_with_its_cause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.arrives("bad", "racun")
    await bench.arrives("good", Started())
    resolve = Catalogue.resolve

    def breaks(catalogue: Catalogue, event: Event, session: Session, language: str = "id") -> Event:
        if isinstance(event, Text) and event.text == "racun":
            raise RuntimeError("3510164503870001")
        return resolve(catalogue, event, session, language)

    monkeypatch.setattr(Catalogue, "resolve", breaks)
    chats = await bench.rung("turns")
    for _ in range(3):
        await bench.turns.run(chats)
    await bench.send()
    async with bench.database.read() as connection:
        row = (await connection.execute(select(INBOX).where(INBOX.c.provider_id == "m1"))).mappings().one()
        [stored] = await dead.page(connection, 0, 10)
    assert row["handled_at"] is not None
    assert row["error"] == "RuntimeError"
    assert stored.letter == dead.Letter("turns", row["conversation_id"], row["id"], "Text", "RuntimeError", 3)
    texts = [m.text for m in bench.channel.sent]
    assert any(t.startswith("Selamat datang") for t in texts)
    assert any(t == bench.turns._catalogue.text(Say("common.trouble")) for t in texts)


async def test_members_of_an_album_are_one_event(bench: Bench) -> None:
    for n in range(12):
        await bench.arrives("a", Photos((PhotoRef(f"p{n}"),), group="album"))
    await bench.work()
    assert bench.channel.sent == [], "an album is waited for"
    bench.clock.passes(seconds=2)
    await bench.turns.run([1])
    await bench.send()
    assert len(bench.channel.sent) == 1


async def test_a_timer_that_is_due_is_an_event_once(bench: Bench) -> None:
    await bench.arrives("a", "daftar")
    await bench.arrives("a", "ya")
    await bench.arrives("a", "3510164503870001")
    await bench.arrives("a", "3510160101100001")
    await bench.work()
    told = len(bench.channel.sent)
    bench.clock.passes(seconds=7)
    await bench.turns.run([1])
    await bench.turns.run([1])
    await bench.send()
    assert len(bench.channel.sent) == told + 1, "the slow look-up is told, once"


async def test_a_database_that_is_away_is_no_fault_of_the_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.arrives("a", Started())

    async def breaks(*_: object) -> list[int]:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(TurnWorker, "_write", breaks)
        for _ in range(5):
            with pytest.raises(ConnectionError):
                await bench.turns.run([1])
    assert await bench.pending() == 1
    await bench.turns.run([1])
    await bench.send()
    assert len(bench.channel.sent) == 1


async def test_a_button_of_another_question_changes_nothing(bench: Bench) -> None:
    await bench.arrives("a", "daftar")
    await bench.work()
    first = bench.channel.sent[-1].buttons[0]
    await bench.arrives("a", Choice(first.payload, first.title))
    await bench.arrives("a", Choice(first.payload, first.title))
    await bench.work()
    keys = [keys for _, keys, _ in await bench.outbox()]
    assert keys[-1].split()[0] == "common.old_button"


async def test_nothing_personal_rests_readable(bench: Bench) -> None:
    await bench.arrives("628123456789", "NIK saya 3510164503870001")
    await bench.work()
    async with bench.database.read() as connection:
        for source in (INBOX, OUTBOX, CHATS):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {source.name}")).all()
            for value in [v for row in rows for v in row]:
                raw = value if isinstance(value, bytes) else str(value).encode()
                assert b"3510164503870001" not in raw
                assert b"628123456789" not in raw


async def test_an_event_of_an_unknown_session_version_is_set_aside_not_guessed(bench: Bench) -> None:
    await bench.arrives("a", Started())
    async with bench.database.write() as connection:
        await connection.execute(update(CHATS).values(session={"v": 99}))
    for _ in range(3):
        await bench.turns.run([1])
    assert await bench.pending() == 0
    async with bench.database.read() as connection:
        assert (await connection.execute(select(INBOX.c.error))).scalar_one() == "ValueError"
    assert to_json(Timeout("slow"))["name"] == "slow"


async def test_a_proof_that_arrives_together_with_a_timer_is_told_with_the_facts_of_its_person(bench: Bench) -> None:
    """A slow check's timer and its outcome fall into one batch: the outcome must not be advanced with a stranger's facts."""
    for text in ("daftar", "ya", "3510164503870001", "3510160101100001"):
        await bench.arrives("a", text)
    await bench.work()
    asked: list[int | None] = []
    load = bench.turns._load_facts

    async def remembering(connection: AsyncConnection, subjects: Sequence[Subject], now: datetime) -> Sequence[Facts]:
        asked.extend(subject.person_id for subject in subjects)
        return await load(connection, subjects, now)

    bench.turns._load_facts = remembering
    outcome = to_json(JobFinished("ikd.look_up", "1", "not_together", {}, person_id=77))
    async with bench.database.write() as connection:
        await inbox.insert_events(connection, bench.database, [inbox.Arrival(1, "job", "9", outcome)], bench.clock())
    bench.clock.passes(seconds=7)
    await bench.turns.run([1])
    assert asked == [None, 77]
