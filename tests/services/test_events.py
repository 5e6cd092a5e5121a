"""What chats bring about is written down for other systems, without who it was."""

from __future__ import annotations

from sqlalchemy import select

from backend.domain.webhooks import KINDS
from backend.models import Event, table
from backend.sandbox.residents import load_residents
from tests.services.conftest import Desk

EVENTS = table(Event)


async def test_a_withdrawn_consent_and_an_erasure_are_events(desk: Desk) -> None:
    chat = await desk.chat()
    person = await desk.person(load_residents()[0], chat)
    await desk.record("consent.withdraw", chat, person, purpose="notification")
    assert (await desk.do("person.erase", chat, person, person_id=person)).outcome == "erased"
    async with desk.database.read() as connection:
        found = await connection.execute(
            select(EVENTS.c.kind, EVENTS.c.person_id, EVENTS.c.region_code, EVENTS.c.detail).order_by(EVENTS.c.id)
        )
        told = [tuple(row) for row in found]
    assert told == [
        ("consent.withdrawn", person, "35.10.16", "notification"),
        ("person.erased", person, "35.10.16", None),
    ]
    assert {kind for kind, *_ in told} <= set(KINDS)
