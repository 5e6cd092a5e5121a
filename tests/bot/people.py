"""The sandbox residents as the dialogs meet them, and the steps that lead them through the face check."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from bot.facts import Facts, PersonFacts
from tests.conversation import Conversation

TODAY = date(2026, 11, 22)
REGIONS = {
    "35": "Jawa Timur",
    "35.10": "Kabupaten Banyuwangi",
    "35.10.16": "Banyuwangi",
    "64": "Kalimantan Timur",
    "64.71": "Kota Balikpapan",
    "64.71.03": "Balikpapan Utara",
}
FACTS = Facts(today=TODAY, code="7K2M93", regions=REGIONS)

SITI = PersonFacts(
    id=7,
    name="Siti Aminah",
    sex="female",
    region_code="35.10.16",
    region_name="Banyuwangi",
    level="chat_precheck",
    consents=frozenset({"data_access", "face"}),
)
WAHYUNI = replace(
    SITI,
    id=12,
    name="Wahyuni",
    known_pkh={"components": ["sd", "smp"], "bank": "BRI", "account": "123456789012345"},
)
SITI_NIK, SITI_KK = "3510164503870001", "3510160101100001"
ANDI_NIK, ANDI_KK = "6471031002850005", "6471030505140005"

SITI_FOUND: dict[str, Any] = {
    "name": "Siti Aminah",
    "sex": "female",
    "birth_date": "1987-03-05",
    "region_code": "35.10.16",
    "ikd": "active",
}
ANDI_FOUND: dict[str, Any] = {
    "name": "Andi Saputra",
    "sex": "male",
    "birth_date": "1985-02-10",
    "region_code": "64.71.03",
    "ikd": "inactive",
}


def received(photo_id: int | None = 1, problem: str | None = None) -> dict[str, Any]:
    return {"photos": [{"id": photo_id, "problem": problem}]}


def siti_is_found(chat: Conversation) -> Conversation:
    """From "daftar" to the masked name."""
    chat.says("daftar").says("ya").says(SITI_NIK).says(SITI_KK)
    return chat.job("found", SITI_FOUND)


def siti_at_her_selfie(chat: Conversation) -> Conversation:
    """From "daftar" to the question for the first photo."""
    return siti_is_found(chat).says("ya").says("ya, saya izinkan")


def two_photos(chat: Conversation) -> Conversation:
    chat.sends_photo("front").job("received", received(1))
    return chat.sends_photo("turned").job("received", received(2))


def siti_is_proven(chat: Conversation, person: PersonFacts = SITI) -> Conversation:
    """From "daftar" to the first question after her face has matched."""
    return two_photos(siti_at_her_selfie(chat)).job("match", person=person)


def proven_chat(person: PersonFacts = SITI, **facts: Any) -> Conversation:
    """A chat that has just been proven to be `person`, with nothing open."""
    chat = siti_is_proven(Conversation(FACTS), person)
    chat.says("batal").says("ya")
    assert chat.done
    chat.facts = replace(chat.facts, **facts)
    return chat


def noon(day: int = 22) -> datetime:
    return datetime(2026, 11, day, 5, 0, tzinfo=UTC)
