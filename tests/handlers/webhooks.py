"""Both webhooks behind a real socket, and what providers and strangers post to them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from backend.gateways.http import HttpClient, Response
from backend.repositories import outbox
from bot import events as ev
from tests.handlers.support import CHATS, INBOX, OUTBOX, Bench

SECRET = "s3cret-of-the-webhook"
ACCOUNT = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PUBLIC = "https://perlinsos.banyuwangikab.example"
HOOK = f"{PUBLIC}/webhooks/whatsapp"
NIK = "3510164503870001"


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a real socket in the test's own loop, where its database lives too."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving
    listening.close()


@dataclass
class Edge:
    """Both webhooks, and what a provider or a stranger posts to them."""

    bench: Bench
    http: HttpClient
    url: str

    async def telegram(
        self, update: Any, secret: str | None = SECRET, *, raw: bytes | None = None, path: str = "/webhooks/telegram"
    ) -> Response:
        headers = {"content-type": "application/json"}
        if secret is not None:
            headers["x-telegram-bot-api-secret-token"] = secret
        body = orjson.dumps(update) if raw is None else raw
        return await self.http.request("POST", f"{self.url}{path}", content=body, headers=headers)

    async def twilio(
        self,
        fields: Mapping[str, str],
        *,
        signed: Mapping[str, str] | None = None,
        signed_url: str = HOOK,
        path: str = "/webhooks/whatsapp",
        token: str = AUTH_TOKEN,
        headers: Mapping[str, str | None] | None = None,
        raw: bytes | None = None,
    ) -> Response:
        """A form; `signed` are the fields that the signature covers when they are not the ones sent."""
        covered = dict(fields if signed is None else signed)
        sent: dict[str, str | None] = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": RequestValidator(token).compute_signature(signed_url, covered),
            **(headers or {}),
        }
        body = urlencode(fields).encode() if raw is None else raw
        kept = {name: value for name, value in sent.items() if value is not None}
        return await self.http.request("POST", f"{self.url}{path}", content=body, headers=kept)

    async def rows(self) -> tuple[int, int]:
        """How many messages and chats are stored."""
        async with self.bench.database.read() as connection:
            counts = [
                (await connection.execute(select(func.count()).select_from(source))).scalar_one()
                for source in (INBOX, CHATS)
            ]
        return counts[0], counts[1]

    async def stored(self) -> list[tuple[str, str, ev.Event]]:
        async with self.bench.database.read() as connection:
            found = await connection.execute(
                select(INBOX.c.channel, INBOX.c.provider_id, INBOX.c.event).order_by(INBOX.c.id)
            )
            return [(row.channel, row.provider_id, ev.from_json(row.event)) for row in found]


def said(words: str, update_id: int = 810_000_001) -> dict[str, Any]:
    who = {"id": 5_200_000_001, "is_bot": False, "first_name": "Siti"}
    chat = {"id": 5_200_000_001, "type": "private", "first_name": "Siti"}
    message = {"message_id": 7, "from": who, "chat": chat, "date": 1_795_311_000, "text": words}
    return {"update_id": update_id, "message": message}


def wrote(body: str, sid: str = "SM" + "1" * 32, **more: str) -> dict[str, str]:
    sender = {"From": "whatsapp:+6281200000001", "To": "whatsapp:+6281100000000", "WaId": "6281200000001"}
    message = {"MessageSid": sid, "AccountSid": ACCOUNT, "Body": body, "NumMedia": "0", "MessageType": "text"}
    return {**message, **sender, "ProfileName": "", **more}


async def a_message_out(edge: Edge) -> int:
    """One reply as the sender would have it under way; its id."""
    await edge.bench.arrives("a", ev.Started())
    async with edge.bench.database.write() as connection:
        await outbox.add(connection, [outbox.Draft(1, "reply", "t", {"text": "t", "buttons": []})], edge.bench.clock())
        return int((await connection.execute(select(OUTBOX.c.id))).scalar_one())


async def receipt(edge: Edge, outgoing: object, status: str, **more: Any) -> Response:
    fields = {"MessageSid": "SM" + "9" * 32, "MessageStatus": status, "AccountSid": ACCOUNT, "ErrorCode": ""}
    path = f"/webhooks/whatsapp/status?outgoing={outgoing}"
    return await edge.twilio({**fields, **more.pop("fields", {})}, path=path, signed_url=f"{PUBLIC}{path}", **more)


async def status_of(edge: Edge) -> str:
    async with edge.bench.database.read() as connection:
        return str((await connection.execute(select(OUTBOX.c.status))).scalar_one())
