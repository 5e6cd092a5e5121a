"""The sender: order per chat, back-off, unknown fates, receipts, unreachable people."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from backend.db import Database
from backend.repositories import dead, outbox
from bot.events import Started
from bot.handlers import outbox as sending
from bot.handlers.channel import Receipt, SendError
from bot.handlers.receipts import Receipts
from tests.handlers.support import Bench


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


async def queue(bench: Bench, *texts: str, kind: str = "reply") -> None:
    """Messages to the chat `a`, as turns would have queued them."""
    async with bench.database.write() as connection:
        drafts = [outbox.Draft(1, kind, "t", {"text": words, "buttons": []}) for words in texts]
        await outbox.add(connection, drafts, bench.clock())
    await bench.bus.ring("sends", [1])


@pytest.fixture
async def chat(bench: Bench) -> Bench:
    await bench.arrives("a", Started())
    await bench.work()
    bench.channel.sent.clear()
    return bench


async def test_messages_of_one_chat_go_out_in_order(chat: Bench) -> None:
    await queue(chat, "satu", "dua", "tiga")
    await chat.send()
    assert [m.text for m in chat.channel.sent] == ["satu", "dua", "tiga"]


async def test_four_senders_at_once_send_each_message_once(chat: Bench) -> None:
    await queue(chat, "satu", "dua")
    await asyncio.gather(*(chat.sender.run([1]) for _ in range(4)))
    assert len({m.id for m in chat.channel.sent}) == len(chat.channel.sent)


async def test_a_message_that_was_not_processed_is_tried_again_after_a_pause(chat: Bench) -> None:
    chat.channel.faults = [SendError("429", retryable=True, retry_after=7)]
    await queue(chat, "satu", "dua")
    await chat.send()
    assert chat.channel.sent == []
    await chat.sender.run([1])
    assert chat.channel.sent == [], "not before the time that the provider named"
    chat.clock.passes(seconds=8)
    await chat.sender.run([1])
    await chat.sender.run([1])
    assert [m.text for m in chat.channel.sent] == ["satu", "dua"]


async def test_a_reply_of_unknown_fate_is_sent_again_but_a_broadcast_never(chat: Bench) -> None:
    chat.channel.faults = [SendError("time-out", maybe_sent=True)]
    await queue(chat, "balasan")
    await chat.send()
    chat.clock.passes(seconds=5)
    await chat.sender.run([1])
    assert chat.channel.sent == []
    chat.clock.passes(seconds=20)
    await chat.sender.run([1])
    assert [m.text for m in chat.channel.sent] == ["balasan"]
    chat.channel.faults = [SendError("time-out", maybe_sent=True)]
    await queue(chat, "siaran", kind="broadcast")
    await chat.send()
    chat.clock.passes(minutes=5)
    await chat.sender.run([1])
    assert [status for status, _, _ in await chat.outbox()][-1] == "unknown"
    assert [m.text for m in chat.channel.sent] == ["balasan"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_broadcast_whose_sender_ended_stays_unknown_and_the_chat_goes_on(chat: Bench, restarted: bool) -> None:
    await queue(chat, "siaran", kind="broadcast")
    await queue(chat, "balasan")
    async with chat.database.write() as connection:
        await outbox.claim(connection, [1], chat.clock())
    if restarted:
        async with chat.database.write() as connection:
            await outbox.recover(connection, chat.clock())
    chat.clock.passes(minutes=1)
    await chat.sender.run([1])
    await chat.send()
    assert [m.text for m in chat.channel.sent] == ["balasan"]
    assert [status for status, _, _ in await chat.outbox()][1:] == ["unknown", "sent"]


async def test_a_receipt_settles_an_unknown_reply_so_that_it_is_not_repeated(chat: Bench) -> None:
    chat.channel.faults = [SendError("time-out", maybe_sent=True)]
    await queue(chat, "balasan")
    await chat.send()
    await Receipts(chat.database, chat.clock).take(Receipt(2, "SM1", "delivered"))
    chat.clock.passes(minutes=1)
    await chat.sender.run([1])
    assert chat.channel.sent == []
    assert [status for status, _, _ in await chat.outbox()][-1] == "delivered"


async def test_receipts_only_move_forward(chat: Bench) -> None:
    await queue(chat, "satu")
    await chat.send()
    for status in ("read", "delivered", "sent", "failed"):
        await Receipts(chat.database, chat.clock).take(Receipt(2, "SM1", status))
    assert [status for status, _, _ in await chat.outbox()][-1] == "read"


async def test_who_has_blocked_us_gets_nothing_more_and_the_rest_is_cancelled(chat: Bench) -> None:
    chat.channel.faults = [SendError("403", unreachable=True)]
    await queue(chat, "satu", "dua", "tiga")
    await chat.send()
    assert [status for status, _, _ in await chat.outbox()][1:] == ["failed", "cancelled", "cancelled"]


async def test_after_eight_tries_a_message_is_given_up_with_its_cause(chat: Bench) -> None:
    chat.channel.faults = [SendError("500", retryable=True) for _ in range(9)]
    await queue(chat, "satu")
    for _ in range(9):
        await chat.sender.run([1])
        chat.clock.passes(minutes=2)
    assert (await chat.outbox())[-1] == ("failed", "t", 8)


async def test_a_message_over_which_we_break_ends_in_the_dead_letters_and_the_others_go(chat: Bench) -> None:
    async with chat.database.write() as connection:
        drafts = [
            outbox.Draft(1, "reply", "t", {"buttons": []}),
            outbox.Draft(1, "reply", "t", {"text": "ini", "buttons": []}),
        ]
        await outbox.add(connection, drafts, chat.clock())
    for _ in range(10):
        await chat.sender.run([1])
        chat.clock.passes(minutes=1)
    assert [m.text for m in chat.channel.sent] == ["ini"]
    async with chat.database.read() as connection:
        (letter,) = await dead.page(connection, 0, 10)
    assert (letter.letter.topic, letter.letter.reason, letter.letter.tries) == ("sends", "KeyError", 8)


async def test_who_sends_slowly_holds_turns_back_for_a_moment_only(
    chat: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "EASY", 0)
    answered = asyncio.Event()
    chat.channel.before = answered.wait
    await queue(chat, "satu")
    begun = await chat.sender.start([1])
    before = asyncio.get_running_loop().time()
    await chat.sender.until_room()
    assert 0.3 < asyncio.get_running_loop().time() - before < 3
    waiting = asyncio.create_task(chat.sender.until_room())
    answered.set()
    await asyncio.wait_for(waiting, 0.3)
    await asyncio.wait(begun)


async def test_after_a_crash_what_was_being_sent_goes_again(chat: Bench) -> None:
    await queue(chat, "satu")
    async with chat.database.write() as connection:
        await outbox.claim(connection, [1], chat.clock())
    async with chat.database.write() as connection:
        assert await outbox.recover(connection, chat.clock()) == 1
    chat.clock.passes(seconds=6)
    await chat.sender.run([1])
    assert [m.text for m in chat.channel.sent] == ["satu"]


async def test_what_another_sender_is_claiming_is_not_overtaken_by_what_came_meanwhile(postgres_url: str) -> None:
    database = Database(postgres_url)
    chat = Bench(database)
    await chat.arrives("a", Started())
    await chat.work()
    chat.channel.sent.clear()
    await queue(chat, "satu")
    async with database.write() as other:
        claimed, _ = await outbox.claim(other, [1], chat.clock())
        assert [message.body["text"] for message in claimed] == ["satu"]
        await queue(chat, "dua")
        await chat.sender.run([1])
    assert chat.channel.sent == []
    chat.clock.passes(seconds=30)
    await chat.sender.run([1])
    await chat.sender.run([1])
    assert [m.text for m in chat.channel.sent] == ["satu", "dua"]
    await database.close()


async def test_what_was_sent_while_the_database_went_away_is_settled_when_it_is_back(postgres_url: str) -> None:
    database = Database(postgres_url)
    chat = Bench(database)
    await chat.arrives("a", Started())
    await chat.work()
    chat.channel.sent.clear()
    await queue(chat, "satu")
    chat.channel.before = lambda: end_connections(postgres_url)
    await chat.send()
    assert [status for status, _, _ in await chat.outbox()][-1] == "sent"
    chat.clock.passes(minutes=2)
    await chat.sender.run([1])
    assert [m.text for m in chat.channel.sent] == ["satu"], "what is known to have left does not go again"
    await database.close()


async def end_connections(url: str) -> None:
    """What a restart of PostgreSQL does to everybody who is connected."""
    other = Database(url)
    async with other.write() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await other.close()
