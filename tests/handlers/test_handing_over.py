"""Turns and sender in one process: a reply goes out without a way over the bus, and none of the sender's promises breaks."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from backend.db import Database
from backend.repositories import outbox
from bot.events import Started
from bot.handlers import outbox as sending
from bot.handlers.channel import Outgoing, SendError, Sent
from tests.handlers.support import Bench


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database, handing=True)


async def test_a_reply_goes_out_without_a_ring(bench: Bench) -> None:
    await bench.arrives("a", Started())
    await bench.turn()
    await bench.sender.drain()
    assert len(bench.channel.sent) == 1
    assert await bench.rung("sends") == []
    assert [(status, tries) for status, _, tries in await bench.outbox()] == [("sent", 1)]


async def test_what_is_older_goes_first(bench: Bench) -> None:
    bench.channel.faults = [SendError("429", retryable=True, retry_after=7)]
    await bench.arrives("a", Started())
    await bench.turn()
    await bench.sender.drain()
    await bench.arrives("a", "bantuan")
    await bench.turn()
    await bench.sender.drain()
    assert bench.channel.sent == [], "the first waits as its provider asked, and the second waits behind it"
    bench.clock.passes(seconds=8)
    await bench.sender.run([1])
    await bench.sender.run([1])
    assert [message.id for message in bench.channel.sent] == [1, 2]


async def test_two_turns_of_one_chat_are_sent_in_order(bench: Bench) -> None:
    await bench.arrives("a", Started())
    await bench.turn()
    await bench.arrives("a", "bantuan")
    await bench.turn()
    await bench.sender.drain()
    await bench.send()
    assert [message.id for message in bench.channel.sent] == [1, 2]


async def test_what_a_crash_left_is_sent_after_a_while(bench: Bench) -> None:
    await bench.arrives("a", Started())
    take_over = bench.sender.take_over
    bench.sender.take_over = lambda claimed: []  # type: ignore[method-assign]  # the process ends after the commit
    await bench.turn()
    bench.sender.take_over = take_over  # type: ignore[method-assign]
    await bench.sender.run([1])
    assert bench.channel.sent == [], "a receipt may still settle it"
    bench.clock.passes(seconds=outbox.UNKNOWN_AFTER.total_seconds() + 1)
    await bench.sender.run([1])
    assert len(bench.channel.sent) == 1


async def test_beyond_what_the_sender_can_hold_replies_wait_in_the_database(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_UNDER_WAY", 2)
    for number in range(5):
        await bench.arrives(f"chat {number}", Started())
    await bench.turn()
    await bench.sender.drain()
    assert len(bench.channel.sent) == 2
    await bench.send()
    assert sorted(message.address for message in bench.channel.sent) == [f"chat {n}" for n in range(5)]


async def test_a_message_with_a_nik_vanishes_together_with_the_reply(bench: Bench) -> None:
    await bench.arrives("a", "3510164503870001", provider_id="m7")
    await bench.turn()
    await bench.sender.drain()
    assert sorted((m.kind, m.delete_ref) for m in bench.channel.sent) == [("delete", "m7"), ("reply", "")]
    assert len(await bench.outbox()) == 1, "one row, one commit"


async def test_a_message_that_could_not_be_deleted_is_deleted_later_without_a_second_reply(bench: Bench) -> None:
    send = bench.channel.send

    async def stubborn(message: Outgoing) -> Sent:
        if message.kind == "delete" and not refused:
            refused.append(message)
            raise SendError("503", retryable=True, maybe_sent=False)
        return await send(message)

    refused: list[Outgoing] = []
    bench.channel.send = stubborn  # type: ignore[method-assign]  # the provider's trouble is with one of two calls
    await bench.arrives("a", "3510164503870001", provider_id="m7")
    await bench.turn()
    await bench.sender.drain()
    await bench.send()
    assert [(m.kind, m.delete_ref) for m in bench.channel.sent] == [("reply", ""), ("delete", "m7")]


async def test_a_deletion_without_an_answer_keeps_nobody_from_settling_the_reply(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "DELETED_WITHIN", 0.05)
    send, asked = bench.channel.send, count()

    async def silent(message: Outgoing) -> Sent:
        if message.kind == "delete" and next(asked) == 0:
            await asyncio.Event().wait()
        return await send(message)

    bench.channel.send = silent  # type: ignore[method-assign]  # the provider is silent about one of two calls
    await bench.arrives("a", "3510164503870001", provider_id="m7")
    await bench.turn()
    await bench.sender.drain()
    assert [status for status, _, _ in await bench.outbox()] == ["sent", "queued"], "the deletion is left to do"
    await bench.send()
    assert [(m.kind, m.delete_ref) for m in bench.channel.sent] == [("reply", ""), ("delete", "m7")]
