"""The judge of the chaos sees what it is there for: a chat that went well, and the same chat with one thing wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from backend.db import Database
from bot.events import JobFinished, Started
from bot.handlers.telegram import to_html
from tests.chaos.havoc import Trouble
from tests.chaos.providers import Received
from tests.chaos.replay import Judge, Seen, Verdict
from tests.fakes.telegram_html import shown
from tests.handlers.support import Bench

NIK, KK = "3510164503870001", "3510160101100001"
FOUND = {
    "name": "Budi Santoso",
    "sex": "male",
    "birth_date": "1980-03-12",
    "region_code": "35.10.16",
    "ikd": "inactive",
}
PERSON = ("daftar", "ya", NIK, KK)


@pytest.fixture
async def bench(database: Database) -> Bench:
    """A chat whose registration was kept, at a provider that took everything once."""
    bench = Bench(database)
    for what in (Started(), *PERSON):
        await bench.arrives("a", what)
        await bench.work()
        bench.clock.passes(seconds=2)
    async with database.write() as connection:
        [job] = await connection.execute(text("UPDATE jobs SET status = 'done' RETURNING id, kind, token"))
    await _told(bench, job.id, JobFinished(job.kind, job.token, "found", FOUND))
    await bench.arrives("a", "1")
    await bench.work()
    return bench


async def _told(bench: Bench, job_id: int, outcome: JobFinished) -> None:
    """The outcome of a job, as its worker stores it."""
    await bench.arrives("a", outcome, str(job_id))
    async with bench.database.write() as connection:
        await connection.execute(text("UPDATE inbox SET channel = 'job' WHERE provider_id = :id"), {"id": str(job_id)})
    await bench.work()
    bench.clock.passes(seconds=2)


def received(bench: Bench) -> list[Received]:
    return [
        Received(float(at), "simulator", message.address, message.text, message.id)
        for at, message in enumerate(bench.channel.sent)
        if message.kind == "reply"
    ]


async def judged(
    bench: Bench, took: Sequence[Received], hidden: Sequence[Received] = (), troubles: Sequence[Trouble] = ()
) -> Verdict:
    accepted = [("simulator", f"m{number}") for number in range(1, 7)]
    seen = Seen(accepted, took, frozenset(), set(hidden), troubles)
    return await Judge(bench.database, seen, bench.nlu).verdict()


async def test_a_chat_that_went_well_is_told_again_word_for_word(bench: Bench) -> None:
    found = await judged(bench, received(bench))
    assert found == Verdict(replayed=1)


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("DELETE FROM inbox WHERE provider_id = 'm2'", "lost", "acknowledged and is not there"),
        ("UPDATE inbox SET handled_at = NULL WHERE provider_id = 'm6'", "lost", "was not handled"),
        ("DELETE FROM outbox WHERE id = 3", "disorder", "before its turn"),
        ("UPDATE outbox SET status = 'failed', error = 'x' WHERE id = 3", "lost", "ended failed"),
        ("DELETE FROM consents", "lost", "its consents are []"),
        ("UPDATE jobs SET status = 'failed'", "doubled", "is failed"),
        ("DELETE FROM registrations", "doubled", "its registrations are 0"),
    ],
)
async def test_what_is_missing_is_found(bench: Bench, statement: str, kind: str, words: str) -> None:
    took = received(bench)
    async with bench.database.write() as connection:
        await connection.execute(text(statement))
    found = await judged(bench, took)
    assert getattr(found, kind) >= 1
    assert any(words in fault for fault in found.faults), found.faults


@pytest.mark.parametrize(
    ("table", "columns", "words"),
    [
        ("outbox", "conversation_id, kind, keys, body, status, created_at", "its messages are"),
        ("consents", "conversation_id, purpose, granted, version, channel, at", "its consents are"),
        ("jobs", "conversation_id, kind, token, data, status, created_at", "two jobs for"),
    ],
)
async def test_what_is_there_twice_is_found(bench: Bench, table: str, columns: str, words: str) -> None:
    async with bench.database.write() as connection:
        await connection.execute(text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = 1"))
    found = await judged(bench, received(bench))
    assert found.doubled >= 1
    assert any(words in fault for fault in found.faults), found.faults


async def test_messages_that_changed_places_are_found(bench: Bench) -> None:
    took = received(bench)
    found = await judged(bench, [took[0], took[2], took[1], *took[3:]])
    assert found.disorder == 1


async def test_a_message_that_nobody_took_is_lost(bench: Bench) -> None:
    found = await judged(bench, received(bench)[:-1])
    assert (found.lost, found.disorder) == (1, 0)


async def test_a_repeat_is_right_only_where_its_fate_was_open(bench: Bench) -> None:
    took = received(bench)
    repeated = [*took[:3], replace(took[2], at=2.5), *took[3:]]
    without_reason = await judged(bench, repeated)
    assert (without_reason.repeated, without_reason.doubled) == (1, 1)
    hidden = await judged(bench, repeated, hidden=[took[2]])
    assert (hidden.repeated, hidden.unknown, hidden.faults) == (1, 1, [])
    killed = await judged(bench, repeated, troubles=[Trouble("kill", "sender-1", took[2].at, took[2].at)])
    assert (killed.repeated, killed.faults) == (1, [])
    another = await judged(bench, repeated, troubles=[Trouble("kill", "web-1", took[2].at, took[2].at)])
    assert another.doubled == 1


async def test_of_two_messages_with_the_same_words_either_may_be_the_repeated_one(bench: Bench) -> None:
    for words in ("12345", "12345"):
        bench.clock.passes(seconds=2)
        await bench.arrives("a", words)
        await bench.work()
    took = [replace(one, outgoing=None, text=shown(to_html(one.text))[0]) for one in received(bench)]
    assert took[-1].text == took[-2].text
    open_one, other = took[-2:]
    repeated = [*took[:-1], replace(open_one, at=20.0), replace(other, at=20.3)]
    found = await judged(bench, repeated, hidden=[open_one])
    assert (found.repeated, found.faults) == (1, [])
    twice = await judged(bench, [*repeated, replace(other, at=20.6)], hidden=[open_one])
    assert (twice.repeated, twice.doubled) == (2, 1)
