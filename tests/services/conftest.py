"""The case side of the server on a real database, the sandbox over HTTP, a real face pool and photo store."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from backend import crypto
from backend.bus.memory import MemoryBus
from backend.db import Database
from backend.domain.numbers import fresh_code
from backend.gateways.faces import FacePool
from backend.gateways.http import HttpClient
from backend.gateways.ikd import IkdGateway
from backend.gateways.photo_store import PhotoStore
from backend.gateways.sources import SourcesGateway
from backend.gateways.webhooks import WebhookGateway
from backend.models import Base, Conversation, Job, Region, table
from backend.repositories import inbox, jobs, people
from backend.repositories.people import Identity
from backend.sandbox.residents import Resident
from backend.services.facts import FactsLoader, Subject
from backend.services.records import RecordItem
from backend.services.sources import Sources
from backend.services.work import Finished
from bot.events import PhotoRef
from bot.facts import Facts
from bot.handlers.commands import JOBS, Executors
from bot.handlers.simulator import SimulatorChannel
from tests import faces_support as pictures
from tests.conftest import NOW

REGIONS = {"35": "Jawa Timur", "35.10": "Banyuwangi", "35.10.16": "Banyuwangi", "64.71": "Balikpapan"}


def identity_of(resident: Resident) -> Identity:
    """Who IKD says a resident is."""
    return Identity(
        resident.nik,
        str(resident.kk),
        resident.name,
        resident.sex,
        resident.birth_date(NOW.date()).isoformat(),
        resident.region_code,
    )


@dataclass(slots=True)
class Desk:
    """Everything that stands behind a turn, and shortcuts to use it as turns and the job worker do."""

    database: Database
    executors: Executors
    channel: SimulatorChannel
    sandbox: str
    http: HttpClient
    now: datetime = NOW
    random: random.Random = field(default_factory=lambda: random.Random(7))
    chats: int = 0

    def code(self) -> str:
        return fresh_code(self.random)

    def later(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now

    async def chat(self, phone: str | None = None) -> int:
        """A new conversation."""
        self.chats += 1
        chats = table(Conversation)
        values = {
            "channel": "simulator",
            "address": f"chat-{self.chats}",
            "address_hash": crypto.ring().index("address", f"simulator:chat-{self.chats}"),
            "phone": phone,
            "created_at": self.now,
        }
        async with self.database.write() as connection:
            added = await connection.execute(insert(chats).values(**values).returning(chats.c.id))
            chat: int = added.scalar_one()
        return chat

    async def record(self, kind: str, chat: int, by: int | None = None, /, **data: Any) -> list[int]:
        """Write one record as a turn does; the ids of the jobs that it queued."""
        return await self.records(kind, [(chat, by, data)])

    async def records(self, kind: str, rows: Sequence[tuple[int, int | None, dict[str, Any]]]) -> list[int]:
        items = [RecordItem(chat, "simulator", person, data, self.now) for chat, person, data in rows]
        async with self.database.write() as connection:
            return list(await self.executors.records[kind](connection, self.database, items))

    async def queue(self, kind: str, chat: int | None, data: dict[str, Any]) -> int:
        async with self.database.write() as connection:
            [job_id] = await jobs.add(connection, [jobs.JobDraft(chat, kind, data, "1")], self.now)
        return job_id

    async def claim(self, job_id: int, person_id: int | None = None) -> jobs.JobRow:
        async with self.database.write() as connection:
            [claim] = await jobs.claim(connection, [job_id], JOBS, self.now)
        assert claim.job is not None
        return replace(claim.job, person_id=person_id) if person_id is not None else claim.job

    async def close(self, job: jobs.JobRow, finished: Finished) -> list[int]:
        """Close a job as the job worker does; the ids of the jobs that it queued."""
        async with self.database.write() as connection:
            await jobs.finish(connection, [job.id], self.now)
            return list(await finished.write(connection)) if finished.write is not None else []

    async def selections(self, job_ids: Sequence[int]) -> list[int]:
        """Those of these jobs that decide; what tells other systems goes its own way."""
        kinds = {row.id: row.kind for row in await self.rows(Job)}
        return [job_id for job_id in job_ids if kinds[job_id] == "selection.run"]

    async def run(self, job_id: int, person_id: int | None = None) -> Finished:
        """Carry a queued job out and close it."""
        job = await self.claim(job_id, person_id)
        finished = await self.executors.jobs[job.kind](job, self.now)
        await self.close(job, finished)
        return finished

    async def do(self, kind: str, chat: int | None, by: int | None = None, /, **data: Any) -> Finished:
        """Queue a command and carry it out."""
        return await self.run(await self.queue(kind, chat, data), by)

    async def sends(
        self, chat: int, purpose: str, *photos: bytes, person_id: int | None = None
    ) -> list[dict[str, Any]]:
        """Photos sent in a chat, as `photo.receive` answers."""
        refs: list[PhotoRef] = [await self.channel.keep(self.code(), photo, "image/jpeg") for photo in photos]
        sent = [{"ref": ref.ref, "content_type": ref.content_type, "size": ref.size} for ref in refs]
        finished = await self.do("photo.receive", chat, person_id, photos=sent, purpose=purpose)
        received: list[dict[str, Any]] = finished.data["photos"]
        return received

    async def selfie(self, chat: int, face: str = "collins") -> dict[str, Any]:
        """The photos of a selfie as `face.verify` takes them."""
        portrait = pictures.portrait("collins" if face == "collins" else "hopper")
        [front] = await self.sends(chat, "selfie", portrait)
        [turned] = await self.sends(chat, "turned", pictures.turned(portrait, 30))
        assert (front["problem"], turned["problem"]) == (None, None)
        return {"front": front["id"], "turned": turned["id"], "consent_at": self.now.isoformat()}

    async def person(self, resident: Resident, chat: int | None = None, *, consent: bool = True) -> int:
        """A proven person, without the way through a selfie."""
        identity = identity_of(resident)
        nik_hash = people.nik_hash(identity.nik)
        async with self.database.write() as connection:
            await people.add(connection, self.database, [identity], "chat_precheck", self.now)
            person_id = (await people.by_nik_hashes(connection, [nik_hash]))[nik_hash].id
        if consent:
            where = chat if chat is not None else await self.chat()
            await self.record("consent.give", where, person_id, purpose="data_access", granted=True, version="2026-1")
        return person_id

    async def registered(self, resident: Resident, chat: int) -> tuple[int, list[int]]:
        """A proven person whose registration is filed: the person, and the jobs of the selection."""
        person_id = await self.person(resident, chat)
        filed = await self.record("registration.file", chat, person_id, **self.registration(person_id))
        return person_id, filed

    def registration(self, person_id: int, **changes: Any) -> dict[str, Any]:
        answers = {
            "code": self.code(), "person_id": person_id, "components": ["sd"], "bank": "BRI",
            "account": "123456789012345", "notify": "chat", "phone": "", "from_pkh": False,
        }  # fmt: skip
        return {**answers, **changes}

    def appeal(self, decision_id: int, **changes: Any) -> dict[str, Any]:
        answers = {
            "code": self.code(), "decision_id": decision_id, "kind": "data_wrong", "reasons": ["electricity"],
            "statement": "Meterannya milik penyewa lama.", "photos": [], "not_mine": [],
        }  # fmt: skip
        return {**answers, **changes}

    async def decided(self, resident: Resident) -> tuple[int, int, int]:
        """A resident with a decision: chat, person, decision."""
        chat = await self.chat()
        person_id, [job] = await self.registered(resident, chat)
        finished = await self.run(job)
        return chat, person_id, finished.data["decision_id"]

    async def facts(self, chat: int, person_id: int | None) -> Facts:
        async with self.database.read() as connection:
            [facts] = await FactsLoader()(connection, [Subject(chat, "simulator", None, person_id)], self.now)
        return facts

    async def control(self, **change: Any) -> None:
        assert (await self.http.request("POST", f"{self.sandbox}/control", json=change)).status == 204

    async def rows(self, model: type[Base], *where: Any) -> list[Any]:
        of = table(model)
        async with self.database.read() as connection:
            return list((await connection.execute(select(of).where(*where).order_by(of.c.id))).all())

    async def notices(self, chat: int) -> list[dict[str, Any]]:
        """What still has to be told in a chat."""
        async with self.database.read() as connection:
            return [dict(row.event) for row in await inbox.pending(connection, [chat])]


@pytest.fixture
async def desk(database: Database, sandbox: str, faces: FacePool, http: HttpClient) -> Desk:
    """Runs twice, on SQLite and on PostgreSQL."""
    ring = crypto.ring()
    store = PhotoStore("memory:", ring.seal, ring.open)
    channel = SimulatorChannel(store, MemoryBus())
    codes = random.Random(11)
    ikd = IkdGateway(f"{sandbox}/ikd", http, timeout=5)
    executors = Executors(
        database=database,
        ikd=ikd,
        sources=Sources(database, SourcesGateway(f"{sandbox}/sources", http, timeout=2, backoff=(0.01,)), ikd),
        faces=faces,
        photos=store,
        webhooks=WebhookGateway(loopback=True),
        channels={"simulator": channel},
        code=lambda: fresh_code(codes),
        auto_select=True,
        programme="PKH",
    )
    async with database.write() as connection:
        rows = [{"code": code, "name": name} for code, name in REGIONS.items()]
        await connection.execute(insert(table(Region)), rows)
    return Desk(database, executors, channel, sandbox, http)
