"""What turns write: consents, registrations once and by the right person, tickets; a broken rule writes nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from backend.models import AuditEvent, Consent, Job, Person, Registration, Ticket
from backend.repositories import conversations, people
from backend.sandbox.residents import load_residents
from backend.services.records import RecordItem, Terms
from bot.handlers.commands import RECORDS
from tests.services.conftest import Desk, identity_of

SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = load_residents()


def held(desk: Desk, reason: str = "ikd_inactive") -> dict[str, str]:
    identity = identity_of(ANDI)
    return {
        "code": desk.code(), "nik": identity.nik, "kk": identity.kk, "name": identity.name, "sex": identity.sex,
        "birth_date": identity.birth_date, "region_code": identity.region_code, "reason": reason,
    }  # fmt: skip


async def refusals(desk: Desk) -> list[str]:
    return [
        row.data["cause"]
        for row in await desk.rows(
            AuditEvent,
        )
        if row.action == "record.refused"
    ]


async def test_many_records_of_one_kind_are_written_together(desk: Desk) -> None:
    chats = [await desk.chat() for _ in range(5)]
    await desk.records(
        "consent.give",
        [(chat, None, {"purpose": "face", "granted": True, "version": "2026-1"}) for chat in chats],
    )
    rows = await desk.rows(Consent)
    assert [(row.conversation_id, row.person_id, row.purpose, row.granted) for row in rows] == [
        (chat, None, "face", True) for chat in chats
    ]


async def test_a_proven_person_is_registered_once(desk: Desk) -> None:
    chat, other = await desk.chat(), await desk.chat()
    person_id = await desk.person(SITI, chat)
    first, second, third = (desk.registration(person_id) for _ in range(3))
    queued = await desk.records("registration.file", [(chat, person_id, first), (other, person_id, second)])
    assert len(queued) == 1
    assert await desk.record("registration.file", other, person_id, **third) == []
    [row] = await desk.rows(Registration)
    assert row.number == f"PRL-{first['code'][:4]}-{first['code'][4:]}"
    assert (row.status, row.region_code, row.programme) == ("submitted", "35.10.16", "PKH")
    assert row.details == {
        "components": ["sd"], "bank": "BRI", "account": "123456789012345", "notify": "chat", "from_pkh": False,
    }  # fmt: skip
    assert await refusals(desk) == ["registered_already", "registered_already"]


async def test_nobody_is_registered_by_somebody_else_or_unproven(desk: Desk) -> None:
    chat = await desk.chat()
    siti, bambang = await desk.person(SITI), await desk.person(BAMBANG)
    await desk.record("registration.file", chat, siti, **desk.registration(bambang))
    await desk.record("registration.file", chat, None, **desk.registration(bambang))
    await desk.record("registration.hold", chat, None, **held(desk))
    [andi] = [row for row in await desk.rows(Person) if row.id not in {siti, bambang}]
    await desk.record("registration.file", chat, andi.id, **desk.registration(andi.id))
    assert [row.status for row in await desk.rows(Registration)] == ["waiting_identity"]
    assert await refusals(desk) == ["other_person", "not_proven", "level_too_low"]


async def test_a_held_registration_is_completed_under_the_new_number(desk: Desk) -> None:
    chat, stranger = await desk.chat(), await desk.chat()
    await desk.record("registration.hold", stranger, None, **held(desk))
    await desk.record("registration.hold", chat, None, **held(desk, "ikd_none"))
    [kept] = await desk.rows(Registration)
    assert (kept.status, kept.details, kept.conversation_id) == (
        "waiting_identity", {"reason": "ikd_inactive"}, stranger,
    )  # fmt: skip
    async with desk.database.write() as connection:
        await people.set_level(connection, kept.person_id, "chat_precheck", desk.now)
    answers = desk.registration(kept.person_id)
    assert len(await desk.record("registration.file", chat, kept.person_id, **answers)) == 1
    [row] = await desk.rows(Registration)
    assert (row.id, row.status, row.conversation_id) == (kept.id, "submitted", chat)
    assert row.number == f"PRL-{answers['code'][:4]}-{answers['code'][4:]}"
    assert row.details["bank"] == "BRI"


async def test_holding_changes_nothing_about_a_person_who_is_known(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(ANDI, chat)
    await desk.record("registration.file", chat, person_id, **desk.registration(person_id))
    before = await desk.rows(Person)
    stranger = await desk.chat()
    await desk.record("registration.hold", stranger, None, **{**held(desk), "name": "Orang Lain", "kk": str(SITI.kk)})
    assert await desk.rows(Person) == before
    [row] = await desk.rows(Registration)
    assert (row.status, row.conversation_id) == ("submitted", chat)


async def test_how_the_person_wants_to_be_told_is_kept(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    answers = desk.registration(person_id, notify="phone", phone="+6281234567890")
    await desk.record("registration.file", chat, person_id, **answers)
    [row] = await desk.rows(Person)
    assert (row.phone, row.notifications) == ("+6281234567890", True)
    await desk.record("notifications.set", chat, person_id, on=False)
    assert (await desk.rows(Person))[0].notifications is False
    await desk.record("notifications.set", chat, None, on=True)
    assert (await desk.rows(Person))[0].notifications is False


async def test_the_newest_answer_for_a_purpose_counts(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    await desk.record("consent.give", chat, person_id, purpose="face", granted=True, version="2026-1")
    facts = await desk.facts(chat, person_id)
    assert facts.person is not None
    assert facts.person.consents == {"data_access", "face"}
    await desk.record("consent.withdraw", chat, person_id, purpose="data_access")
    facts = await desk.facts(chat, person_id)
    assert facts.person is not None
    assert facts.person.consents == {"face"}
    assert facts.person.notifications is True
    await desk.record("consent.withdraw", chat, person_id, purpose="notification")
    facts = await desk.facts(chat, person_id)
    assert facts.person is not None
    assert facts.person.notifications is False


async def test_a_ticket_is_due_in_three_days_and_lengthens_the_queue(desk: Desk) -> None:
    chat = await desk.chat()
    code = desk.code()
    await desk.record("ticket.open", chat, None, code=code, kind="human", text="Tolong dibantu.")
    await desk.record("ticket.open", chat, None, code=desk.code(), kind="complaint", text="")
    first, second = await desk.rows(Ticket)
    assert first.number == f"TKT-{code[:4]}-{code[4:]}"
    assert (first.text, first.due_at - first.created_at, second.text) == ("Tolong dibantu.", timedelta(hours=72), None)
    assert (await desk.facts(chat, None)).queue == 1


async def test_a_chat_that_blocks_the_bot_is_not_reachable(desk: Desk) -> None:
    chat, other = await desk.chat(), await desk.chat()
    await desk.records(
        "conversation.reachable", [(chat, None, {"reachable": False}), (other, None, {"reachable": True})]
    )
    async with desk.database.read() as connection:
        found = await connection.execute(
            conversations.CONVERSATIONS.select().order_by(conversations.CONVERSATIONS.c.id)
        )
        assert [row.reachable for row in found] == [False, True]


async def test_only_its_owner_has_been_told_a_decision(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    await desk.record("decision.told", chat, await desk.person(SITI), decision_id=decision_id)
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert facts.decision.told is False
    await desk.record("decision.told", chat, person_id, decision_id=decision_id)
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert facts.decision.told is True


async def test_no_selection_follows_when_it_is_switched_off(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    item = RecordItem(chat, "simulator", person_id, desk.registration(person_id), desk.now)
    async with desk.database.write() as connection:
        function = RECORDS["registration.file"]
        assert list(await function(connection, desk.database, Terms("PKH", auto_select=False), [item])) == []
    assert await desk.rows(Job) == []
    assert len(await desk.rows(Registration)) == 1


async def test_two_chats_at_the_same_moment_file_one_registration(desk: Desk) -> None:
    person_id = await desk.person(SITI)
    chats = [await desk.chat() for _ in range(4)]
    filed = [desk.record("registration.file", chat, person_id, **desk.registration(person_id)) for chat in chats]
    queued = await asyncio.gather(*filed)
    assert sorted(len(jobs) for jobs in queued) == [0, 0, 0, 1]
    assert len(await desk.rows(Registration)) == 1


async def test_two_chats_at_the_same_moment_hold_one_registration(desk: Desk) -> None:
    chats = [await desk.chat() for _ in range(4)]
    await asyncio.gather(*(desk.record("registration.hold", chat, None, **held(desk)) for chat in chats))
    assert (len(await desk.rows(Person)), len(await desk.rows(Registration))) == (1, 1)
