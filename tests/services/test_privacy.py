"""Erasing a person: nothing that names or describes them is left, anywhere."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from backend.gateways.photo_store import PhotoMissing
from backend.models import (
    Appeal,
    Conversation,
    Decision,
    Inbox,
    Outbox,
    Person,
    Photo,
    Registration,
    Ticket,
    table,
)
from backend.repositories import inbox
from backend.sandbox.residents import load_residents
from bot.events import Text, to_json
from tests import faces_support as pictures
from tests.services.conftest import Desk

SITI, BAMBANG, *_ = load_residents()


async def lived(desk: Desk) -> tuple[int, int, str]:
    """Bambang with everything: chat, person, and the key of a photo of his."""
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    [photo] = await desk.sends(chat, "evidence", pictures.portrait("hopper", 900), person_id=person_id)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, photos=[photo["id"]]))
    await desk.record("ticket.open", chat, person_id, code=desk.code(), kind="human", text="Nama saya Bambang.")
    conversations, outbox = table(Conversation), table(Outbox)
    async with desk.database.write() as connection:
        await connection.execute(
            update(conversations).where(conversations.c.id == chat).values(person_id=person_id, session={"v": 1})
        )
        event = to_json(Text(f"NIK saya {BAMBANG.nik}"))
        await inbox.insert_events(connection, desk.database, [inbox.Arrival(chat, "simulator", "1", event)], desk.now)
        [row] = await inbox.pending(connection, [chat])
        await inbox.handled(connection, [row.id], desk.now, desk.now)
        body = {"text": "Pak Bambang", "buttons": []}
        await connection.execute(
            insert(outbox).values(conversation_id=chat, kind="reply", body=body, status="sent", created_at=desk.now)
        )
    [stored] = await desk.rows(Photo)
    return chat, person_id, stored.object_key


async def test_nothing_that_describes_the_person_is_left(desk: Desk) -> None:
    chat, person_id, key = await lived(desk)
    finished = await desk.do("person.erase", chat, person_id, person_id=person_id)
    assert finished.outcome == "erased"
    [person] = await desk.rows(Person)
    assert (person.nik, person.kk, person.kk_hash, person.name, person.birth_date) == (None,) * 5
    assert person.erased_at == desk.now
    [registration] = await desk.rows(Registration)
    [decision] = await desk.rows(Decision)
    [appeal] = await desk.rows(Appeal)
    assert (registration.status, registration.details) == ("erased", {})
    assert (decision.inputs, decision.reasons, decision.codes) == ({}, [], "electricity")
    assert (appeal.status, appeal.statement) == ("withdrawn", None)
    human, receipt = await desk.rows(Ticket)
    assert (human.text, receipt.kind, receipt.status) == (None, "erasure", "closed")
    assert finished.data == {"receipt": receipt.number}
    assert [row.event["text"] for row in await desk.rows(Inbox)] == [""]
    assert [row.body["text"] for row in await desk.rows(Outbox)] == [""]
    [photo] = await desk.rows(Photo)
    assert photo.erased_at == desk.now
    with pytest.raises(PhotoMissing):
        await desk.executors.work.photos.get(key)
    facts = await desk.facts(chat, person_id)
    assert (facts.person, facts.registration) == (None, None)
    [row] = await desk.rows(Conversation)
    assert (row.person_id, row.session) == (None, {"v": 1})


async def test_whoever_comes_back_is_a_new_person(desk: Desk) -> None:
    chat, person_id, _ = await lived(desk)
    await desk.do("person.erase", chat, person_id, person_id=person_id)
    again = await desk.person(BAMBANG, await desk.chat())
    assert again != person_id
    assert len(await desk.rows(Person)) == 2


async def test_an_erasure_that_runs_again_is_as_good_as_one(desk: Desk) -> None:
    chat, person_id, _ = await lived(desk)
    job = await desk.claim(await desk.queue("person.erase", chat, {"person_id": person_id}))
    await desk.executors.jobs[job.kind](job, desk.now)
    second = await desk.executors.jobs[job.kind](job, desk.now)
    await desk.close(job, second)
    assert [row.kind for row in await desk.rows(Ticket)] == ["human", "erasure"]


async def test_nobody_erases_somebody_else(desk: Desk) -> None:
    chat, person_id, _ = await lived(desk)
    siti = await desk.person(SITI)
    assert (await desk.do("person.erase", chat, siti, person_id=person_id)).outcome == "refused"
    assert (await desk.rows(Person))[0].name == "Bambang Sutrisno"
