"""From many webhooks at once into the inbox: once each, together, in order, and acknowledged only when committed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import event, select, text

from backend.db import Database
from bot.events import Text, from_json
from bot.handlers import intake
from bot.handlers.channel import Inbound
from tests.handlers.support import CHATS, INBOX, Bench


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def stored(bench: Bench) -> list[tuple[int, str]]:
    """(chat, words) in the order in which they will be handled."""
    async with bench.database.read() as connection:
        found = await connection.execute(select(INBOX.c.conversation_id, INBOX.c.event).order_by(INBOX.c.id))
        events = [(row.conversation_id, from_json(row.event)) for row in found]
    return [(chat, event.text) for chat, event in events if isinstance(event, Text)]


async def test_two_hundred_webhooks_at_once_share_a_few_transactions(bench: Bench) -> None:
    begun: list[object] = []
    event.listen(bench.database.engine.sync_engine, "commit", begun.append)
    await asyncio.gather(*(bench.arrives(f"chat-{n % 50}", f"pesan {n}") for n in range(200)))
    assert len(await stored(bench)) == 200
    assert len(begun) <= 4, "concurrent messages go into one transaction"
    assert len(await bench.rung("turns")) == 50


async def test_messages_of_one_chat_keep_the_order_in_which_they_came(bench: Bench) -> None:
    for n in range(10):
        await bench.arrives("a", str(n))
    assert [words for _, words in await stored(bench)] == [str(n) for n in range(10)]


async def test_a_repeated_message_is_passed_over_and_rings_nobody(bench: Bench) -> None:
    await asyncio.gather(*(bench.arrives("a", "halo", "same") for _ in range(20)))
    assert await bench.rung("turns") == [1]
    await bench.bus.done("turns", [1])
    await bench.arrives("a", "halo", "same")
    assert await bench.rung("turns") == []
    assert await stored(bench) == [(1, "halo")]


async def test_the_same_number_from_two_channels_is_two_messages(bench: Bench) -> None:
    await bench.intake.accept([Inbound("telegram", "1", "7", Text("satu")), Inbound("whatsapp", "1", "7", Text("dua"))])
    assert [words for _, words in await stored(bench)] == ["satu", "dua"]
    assert len({chat for chat, _ in await stored(bench)}) == 2


async def test_a_failed_transaction_is_told_to_everybody_in_it_and_leaves_nothing(bench: Bench) -> None:
    async with bench.database.write() as connection:
        await connection.execute(text("ALTER TABLE inbox RENAME TO inbox_away"))
    told = await asyncio.gather(*(bench.arrives(f"c{n}", "halo", f"m{n}") for n in range(5)), return_exceptions=True)
    assert all(isinstance(error, Exception) for error in told)
    assert await bench.rung("turns") == []
    async with bench.database.write() as connection:
        await connection.execute(text("ALTER TABLE inbox_away RENAME TO inbox"))
        assert (await connection.execute(select(CHATS.c.id))).all() == [], "no chat without its message"
    await asyncio.gather(*(bench.arrives(f"c{n}", "halo", f"m{n}") for n in range(5)))
    assert len(await stored(bench)) == 5


async def test_a_forgotten_chat_is_found_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of chats is bounded; who falls out of it keeps their conversation."""
    monkeypatch.setattr(intake, "MOST_CHATS_KNOWN", 2)
    for _ in range(2):
        for n in range(6):
            await bench.arrives(f"chat-{n}", "halo")
    assert sorted({chat for chat, _ in await stored(bench)}) == [1, 2, 3, 4, 5, 6]


async def test_words_that_a_database_may_not_like_arrive_as_they_were(bench: Bench) -> None:
    words = ["", "\x00", "a\x00b", "😀" * 2000, "\u202e\u200f", "'; DROP TABLE inbox; --"]
    for said in words:
        await bench.arrives("a", said)
    assert [said for _, said in await stored(bench)] == words
