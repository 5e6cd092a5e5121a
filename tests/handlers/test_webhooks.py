"""Telegram's webhook over real HTTP, and what both do when nothing can be stored."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs

from backend.db import Database
from backend.gateways.http import HttpClient
from bot import events as ev
from bot.handlers.webhooks import MOST_BYTES, Webhooks, telegram_routes
from tests.handlers.support import Bench
from tests.handlers.webhooks import NIK, SECRET, Edge, a_message_out, receipt, said, served, status_of, wrote


async def test_telegram_without_the_secret_is_refused_and_nothing_is_stored(edge: Edge) -> None:
    for secret in (None, "", "salah", SECRET[:-1], SECRET + "x", SECRET.upper(), "rahasia-ä"):
        assert (await edge.telegram(said("halo"), secret)).status == 403, secret
    assert await edge.rows() == (0, 0)


async def test_without_a_configured_secret_nobody_gets_in(database: Database, http: HttpClient) -> None:
    bench = Bench(database)
    app = FastAPI()
    app.add_middleware(Webhooks, routes=telegram_routes(bench.intake, ""))
    async with served(app) as url:
        edge = Edge(bench, http, url)
        for secret in (None, "", SECRET):
            assert (await edge.telegram(said("halo"), secret)).status == 403
        assert await edge.rows() == (0, 0)


async def test_the_same_update_twice_is_one_row_and_both_are_acknowledged(edge: Edge) -> None:
    answers = await asyncio.gather(*(edge.telegram(said("halo")) for _ in range(5)))
    assert {(answer.status, answer.content) for answer in answers} == {(200, b"")}
    assert (await edge.telegram(said("halo"))).status == 200
    assert await edge.stored() == [("telegram", "810000001", ev.Text("halo"))]


async def test_a_tap_is_answered_in_the_answer_itself(edge: Edge) -> None:
    tap = {
        "id": "4382bfdwdsb323b2d9",
        "from": said("")["message"]["from"],
        "message": {"message_id": 9, "chat": said("")["message"]["chat"], "date": 1_795_311_000, "text": "Mau mulai?"},
        "chat_instance": "-4416552901822310144",
        "data": "1:register",
    }
    answer = await edge.telegram({"update_id": 810_000_002, "callback_query": tap})
    assert answer.json() == {"method": "answerCallbackQuery", "callback_query_id": "4382bfdwdsb323b2d9"}
    assert [event for _, _, event in await edge.stored()] == [ev.Choice("1:register")]


async def test_garbage_with_the_right_secret_is_a_bad_request(edge: Edge) -> None:
    for raw in (b"", b"{", b"null", b"[]", b'"halo"', b"\xff\xfe", b'{"update_id": NaN}', b"[" * 50_000):
        assert (await edge.telegram(None, raw=raw)).status == 400, raw[:20]
    assert await edge.rows() == (0, 0)


async def test_json_that_is_no_message_is_acknowledged_so_that_it_is_not_repeated_for_a_day(edge: Edge) -> None:
    for update in ({}, {"update_id": "x"}, {"update_id": 1, "message": 7}, {"update_id": 2, "message": {"chat": None}}):
        assert (await edge.telegram(update)).status == 200, update
    assert await edge.rows() == (0, 0)


async def test_no_body_longer_than_a_message_can_be_is_read(edge: Edge) -> None:
    for path in ("/webhooks/telegram", "/webhooks/whatsapp", "/webhooks/whatsapp/status"):
        assert (await edge.telegram(None, raw=b" " * (MOST_BYTES + 1), path=path)).status == 413, path
    assert await edge.rows() == (0, 0)


async def test_a_body_without_a_named_length_is_cut_off_too(edge: Edge) -> None:
    host, port = edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhooks/telegram HTTP/1.1\r\nhost: {host}\r\nx-telegram-bot-api-secret-token: {SECRET}\r\n"
    writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
    for _ in range(20):
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    await writer.drain()
    assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_another_method_is_not_an_entry(edge: Edge) -> None:
    for path in ("telegram", "whatsapp", "whatsapp/status"):
        assert (await edge.http.request("GET", f"{edge.url}/webhooks/{path}")).status == 405


async def test_what_cannot_be_stored_is_not_acknowledged_and_comes_again(edge: Edge) -> None:
    known = await a_message_out(edge)

    async def rename(old: str, new: str) -> None:
        async with edge.bench.database.write() as connection:
            await connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    for name in ("inbox", "outbox"):
        await rename(name, f"{name}_away")
    with capture_logs() as lines:
        refused = [
            await edge.telegram(said(f"NIK saya {NIK}")),
            await edge.twilio(wrote(f"NIK saya {NIK}")),
            await receipt(edge, known, "delivered"),
        ]
    assert [answer.status for answer in refused] == [503, 503, 503]
    cause = "OperationalError" if edge.bench.database.is_sqlite else "ProgrammingError"
    assert [line["cause"] for line in lines if line["event"] == "webhook_failed"] == [cause] * 3
    assert NIK not in str(lines)
    assert all(NIK.encode() not in answer.content for answer in refused)
    for name in ("inbox", "outbox"):
        await rename(f"{name}_away", name)
    assert (await edge.telegram(said(f"NIK saya {NIK}"))).status == 200
    assert (await edge.twilio(wrote(f"NIK saya {NIK}"))).status == 200
    assert (await receipt(edge, known, "delivered")).status == 204
    assert [channel for channel, _, _ in await edge.stored()] == ["simulator", "telegram", "whatsapp"]
    assert await status_of(edge) == "delivered"


async def test_the_value_of_a_failed_statement_is_in_no_error(database: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as caught:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO no_such_table VALUES (:nik)"), {"nik": NIK})
    assert NIK not in str(caught.value)
    assert NIK not in repr(caught.value)
