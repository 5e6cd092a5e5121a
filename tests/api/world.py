"""A small world of made-up residents, written through the repositories, and the API served over it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from PIL import Image, ImageDraw

from backend import crypto
from backend.api.app import add_api
from backend.bus.memory import MemoryBus
from backend.db import Database
from backend.domain.broadcasts import Status, Template
from backend.gateways.photo_store import PhotoStore
from backend.models import Conversation, Inbox, Outbox, table
from backend.repositories import (
    appeals,
    broadcasts,
    decisions,
    facilitators,
    people,
    photos,
    registrations,
    review_cases,
    tickets,
)
from backend.repositories.listing import Filters, Page
from backend.repositories.people import Identity
from backend.sandbox.residents import load_residents
from backend.services import duplicates
from backend.services.records import ticket

SITI, BAMBANG, SUMIATI, NURHAYATI = range(4)
REFUSED_REASON = {
    "code": "electricity",
    "kind": "against",
    "datum": "power_va",
    "value": 2200,
    "limit": 1300,
    "owner": "PLN",
    "as_of": "2026-11-12",
    "evidence": ["electricity_bill", "electricity_meter"],
    "contestable": True,
}


@dataclass(frozen=True, slots=True)
class World:
    """Ids of what was written: two people of Banyuwangi and one of Balikpapan, each with a chat and a registration.

    Siti is eligible, Bambang was refused for his electricity and appealed, Nurhayati of Balikpapan was refused too.
    """

    siti: int
    bambang: int
    nurhayati: int
    chats: Mapping[int, int]
    registrations: Mapping[int, int]
    decisions: Mapping[int, int]
    appeal: int
    photo: int
    ticket: int
    facilitator: int
    case: int
    broadcast: int


async def write_world(database: Database, store: PhotoStore, now: datetime, picture: bytes) -> World:
    residents = load_residents()
    chosen = [residents[number] for number in (SITI, BAMBANG, NURHAYATI)]
    identities = [
        Identity(r.nik, r.kk or "", r.name, "female" if int(r.nik[6:8]) > 40 else "male", "1980-01-01", _region(r.nik))
        for r in chosen
    ]
    async with database.write() as connection:
        await people.add(connection, database, identities, "chat_precheck", now)
        known = await people.by_nik_hashes(connection, [people.nik_hash(one.nik) for one in identities])
        ids = [known[people.nik_hash(one.nik)].id for one in identities]
        chats = {person: await _chat(connection, person, number, now) for number, person in enumerate(ids)}
        filed: dict[int, int] = {}
        decided: dict[int, int] = {}
        for number, person in enumerate(ids):
            row = _registration(person, chats[person], identities[number].region_code, f"PRL-7K2M-9{number + 2}", now)
            filed[person] = (await registrations.add(connection, [row]))[row["number"]]
            refused = number > 0
            decided[person] = await decisions.add(connection, _decision(filed[person], person, refused, now))
        siti, bambang, nurhayati = ids
        appeal = _appeal(decided[bambang], filed[bambang], bambang, chats[bambang], now)
        appeal_id = (await appeals.add(connection, [appeal]))[appeal["number"]]
        await appeals.add_events(
            connection, [{"appeal_id": appeal_id, "at": now, "status": "received", "note": None, "actor": "chat"}]
        )
        key = "evidence/" + "a" * 64
        await photos.add(connection, database, [_photo(bambang, appeal_id, chats[bambang], key, now)])
        photo_id = (await photos.by_keys(connection, [key]))[key].id
        # All three name the same account.
        await duplicates.examine(connection, database, list(filed.values()), now)
        [found] = await review_cases.listed(connection, Filters(), Page())
        case = found.id
        facilitator_id = await facilitators.add(connection, _facilitator(residents[SUMIATI].nik, now), ["35.10"])
        broadcast = await broadcasts.add(connection, _broadcast(now))
        await tickets.add(connection, [ticket("7K2M93", "human", "Kapan hasilnya?", chats[bambang], bambang, now)])
    await store.put(key, picture)
    return World(
        siti, bambang, nurhayati, chats, filed, decided, appeal_id, photo_id, 1, facilitator_id, case, broadcast.id
    )


def _broadcast(now: datetime) -> dict[str, Any]:
    return {
        "name": "Kabar",
        "template": Template.STATUS.value,
        "params": {},
        "region_code": "35.10",
        "status": Status.DRAFT.value,
        "created_by": "key:author",
        "created_at": now,
        "updated_at": now,
    }


def _facilitator(nik: str, now: datetime) -> dict[str, Any]:
    return {
        "nik_hash": people.nik_hash(nik),
        "name": "Sumiati",
        "role": "pkh",
        "expires_at": now + timedelta(days=90),
        "created_by": "officer",
        "created_at": now,
    }


def _region(nik: str) -> str:
    return f"{nik[:2]}.{nik[2:4]}.{nik[4:6]}"


async def _chat(connection: Any, person: int, number: int, now: datetime) -> int:
    chats, inbox, outbox = table(Conversation), table(Inbox), table(Outbox)
    address = f"chat-{number}"
    added = await connection.execute(
        chats.insert()
        .values(
            channel="simulator",
            address_hash=crypto.ring().index("address", f"simulator:{address}"),
            address=address,
            person_id=person,
            last_inbound_at=now,
            created_at=now,
        )
        .returning(chats.c.id)
    )
    chat: int = added.scalar_one()
    event = {"kind": "Text", "text": "NIK saya 3510 0917 0879 0002 <img src=x onerror=alert(1)>"}
    await connection.execute(
        inbox.insert().values(
            channel="simulator", provider_id=f"m{number}", conversation_id=chat, event=event, received_at=now,
            handled_at=now,
        )
    )  # fmt: skip
    await connection.execute(
        outbox.insert().values(
            conversation_id=chat, kind="reply", body={"text": "Terima kasih.", "buttons": []}, status="delivered",
            created_at=now + timedelta(seconds=1),
        )
    )  # fmt: skip
    return chat


def _registration(person: int, chat: int, region: str, number: str, now: datetime) -> dict[str, Any]:
    return {
        "number": number,
        "person_id": person,
        "conversation_id": chat,
        "channel": "simulator",
        "programme": "PKH",
        "region_code": region,
        "status": "decided",
        "details": {
            "components": ["smp"],
            "bank": "BRI",
            "account": "002170001234",
            "notify": "here",
            "from_pkh": False,
        },
        "created_at": now,
        "updated_at": now,
    }


def _decision(registration: int, person: int, refused: bool, now: datetime) -> dict[str, Any]:
    reason = REFUSED_REASON if refused else {**REFUSED_REASON, "kind": "for", "value": 450, "contestable": False}
    return {
        "registration_id": registration,
        "person_id": person,
        "previous_id": None,
        "outcome": "not_eligible" if refused else "eligible",
        "rule_set": "pkh",
        "rule_set_version": "2026-1",
        "codes": "electricity",
        "inputs": {"data": {"power_va": {"value": 2200, "owner": "PLN", "as_of": "2026-11-12"}}},
        "reasons": [reason],
        "decided_at": now,
        "appeal_until": (now + timedelta(days=30)).date(),
    }


def _appeal(decision: int, registration: int, person: int, chat: int, now: datetime) -> dict[str, Any]:
    return {
        "number": "SGH-7K2M-93",
        "decision_id": decision,
        "registration_id": registration,
        "person_id": person,
        "conversation_id": chat,
        "region_code": "35.10.09",
        "kind": "data_wrong",
        "contested": ["electricity"],
        "not_mine": [],
        "statement": "Daya rumah saya 900 VA <script>document.title='hacked'</script>",
        "status": "received",
        "due_on": (now + timedelta(days=30)).date(),
        "created_at": now,
        "updated_at": now,
    }


def _photo(person: int, appeal: int, chat: int, key: str, now: datetime) -> dict[str, Any]:
    return {
        "conversation_id": chat,
        "person_id": person,
        "appeal_id": appeal,
        "purpose": "evidence",
        "object_key": key,
        "fingerprint": b"f" * 32,
        "width": 640,
        "height": 480,
        "created_at": now,
    }


def drawn_meter() -> bytes:
    """A photo of a meter, drawn: sharp and bright enough to be read."""
    picture = Image.new("RGB", (900, 700), (214, 220, 224))
    draw = ImageDraw.Draw(picture)
    for row in range(12):
        draw.rectangle((60, 30 + row * 55, 60 + (row * 97) % 700 + 80, 60 + row * 55), fill=(30, 34, 40))
        draw.text((70, 35 + row * 55), f"kWh {row * 7919} daya 900 VA", fill=(250, 250, 250))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


class RecordingBus(MemoryBus):
    """The in-memory bus, whose waiting ids a test can look at."""

    def waiting(self, topic: Any) -> set[int]:
        return set(self._waiting[topic])


def api_over(url: str, folder: Path, now: Callable[[], datetime]) -> tuple[FastAPI, RecordingBus]:
    """The API alone, with a database connection of its own: it runs in the loop of the server's thread."""
    app = FastAPI()
    ring = crypto.ring()
    bus = RecordingBus()
    add_api(
        app,
        Database(url),
        bus,
        PhotoStore(f"file:{folder}", ring.seal, ring.open),
        now,
        auto_select=True,
        loopback=True,
    )
    return app, bus
