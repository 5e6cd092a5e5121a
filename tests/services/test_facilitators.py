"""Becoming a facilitator and ceasing to be one, on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backend.domain.facilitators import FacilitatorRole
from backend.models import AuditEvent, CodeTry, Facilitator
from backend.repositories import facilitators as stored
from backend.repositories import photos
from backend.repositories.listing import Page
from backend.repositories.people import nik_hash
from backend.sandbox.residents import Resident, load_residents
from backend.services import facilitators
from backend.services.facilitators import FacilitatorError, NewFacilitator
from backend.services.facts import FactsLoader, Subject
from bot.facts import FacilitatorFacts
from tests.services.conftest import Desk

RESIDENTS = load_residents()
SITI, BAMBANG = RESIDENTS[0], RESIDENTS[1]


async def handed(desk: Desk, resident: Resident = SITI, **changes: Any) -> facilitators.Handed:
    """An officer makes a resident a facilitator of Banyuwangi."""
    given: dict[str, Any] = {"regions": ["35.10"], "expires_at": desk.now + timedelta(days=90), **changes}
    new = NewFacilitator(resident.nik, resident.name, FacilitatorRole.PKH, given["regions"], given["expires_at"])
    async with desk.database.write() as connection:
        return await facilitators.add(connection, new, "officer", desk.now)


async def face(desk: Desk, chat: int, resident: Resident = SITI, purpose: str = "duty") -> int:
    """The person, whose face this chat has just seen."""
    person_id = await desk.person(resident, chat)
    check = {
        "conversation_id": chat, "person_id": person_id, "nik_hash": nik_hash(resident.nik), "outcome": "match",
        "score": 0.9, "transaction_id": f"t{chat}{desk.now}"[:40], "purpose": purpose, "at": desk.now,
    }  # fmt: skip
    async with desk.database.write() as connection:
        await photos.add_check(connection, check)
    return person_id


async def bound(desk: Desk, chat: int, code: str, resident: Resident = SITI) -> int:
    """The facilitator of a chat that has just been bound."""
    person_id = await face(desk, chat, resident)
    finished = await desk.do("facilitator.bind", chat, person_id, code=code, person_id=person_id)
    assert finished.outcome == "bound"
    return int(finished.data["facilitator_id"])


async def on_duty(desk: Desk, chat: int, facilitator_id: int) -> FacilitatorFacts | None:
    async with desk.database.read() as connection:
        subject = Subject(chat, "simulator", None, None, facilitator_id)
        [facts] = await FactsLoader()(connection, [subject], desk.now)
    return facts.facilitator


async def test_code_and_own_face_bind_the_chat_once(desk: Desk) -> None:
    made = await handed(desk)
    chat = await desk.chat()
    assert (await desk.do("facilitator.code", chat, code=made.code)).outcome == "known"
    facilitator_id = await bound(desk, chat, made.code)
    found = await on_duty(desk, chat, facilitator_id)
    assert found is not None
    assert (found.id, found.role, found.regions) == (made.facilitator_id, "pkh", ("35.10",))
    other = await desk.chat()
    assert (await desk.do("facilitator.code", other, code=made.code)).outcome == "refused"
    [row] = await desk.rows(Facilitator)
    assert made.code.encode() not in bytes(row.nik_hash)
    assert row.code_hash is None


async def test_the_code_of_another_an_old_face_and_a_face_for_something_else_are_refused_alike(desk: Desk) -> None:
    made = await handed(desk)
    refused = []
    chat = await desk.chat()
    bambang = await face(desk, chat, BAMBANG)
    refused.append(await desk.do("facilitator.bind", chat, bambang, code=made.code, person_id=bambang))
    chat = await desk.chat()
    siti = await face(desk, chat, SITI, purpose="registration")
    refused.append(await desk.do("facilitator.bind", chat, siti, code=made.code, person_id=siti))
    chat = await desk.chat()
    siti = await face(desk, chat)
    desk.later(hours=1)
    refused.append(await desk.do("facilitator.bind", chat, siti, code=made.code, person_id=siti))
    assert [(finished.outcome, finished.data) for finished in refused] == [("refused", {})] * 3
    # Three faces that do not fit are the end of a code, even for its owner.
    chat = await desk.chat()
    assert (await desk.do("facilitator.code", chat, code=made.code)).outcome == "refused"


async def test_forged_codes_get_one_answer_a_cool_down_and_a_line_in_the_log(desk: Desk) -> None:
    made = await handed(desk)
    chat = await desk.chat()
    forged = [await desk.do("facilitator.code", chat, code=code) for code in ("AAAAAAAA", "22222222", "CCCCCCCC")]
    assert [(finished.outcome, finished.data) for finished in forged] == [("refused", {})] * 3
    assert (await desk.do("facilitator.code", chat, code=made.code)).outcome == "refused"
    noted = await desk.rows(AuditEvent, AuditEvent.action == "facilitator.refused")
    assert [(row.subject, row.data) for row in noted] == [(f"conversation:{chat}", {"cause": "code"})] * 3
    assert len(await desk.rows(CodeTry)) == 3
    desk.later(hours=1, seconds=1)
    assert (await desk.do("facilitator.code", chat, code=made.code)).outcome == "known"


async def test_a_code_runs_out(desk: Desk) -> None:
    made = await handed(desk)
    chat = await desk.chat()
    desk.later(hours=48)
    assert (await desk.do("facilitator.code", chat, code=made.code)).outcome == "refused"


async def test_ended_expired_or_on_another_phone_it_is_over_at_once(desk: Desk) -> None:
    made = await handed(desk)
    chat = await desk.chat()
    facilitator_id = await bound(desk, chat, made.code)
    async with desk.database.write() as connection:
        again = await facilitators.new_code(connection, facilitator_id, "officer", desk.now)
    assert await on_duty(desk, chat, facilitator_id) is not None
    second = await desk.chat()
    assert await bound(desk, second, again.code) == facilitator_id
    assert await on_duty(desk, chat, facilitator_id) is None
    assert await on_duty(desk, second, facilitator_id) is not None
    async with desk.database.write() as connection:
        await facilitators.end(connection, facilitator_id, "officer", desk.now)
        await facilitators.end(connection, facilitator_id, "officer", desk.now)
    assert await on_duty(desk, second, facilitator_id) is None
    assert len(await desk.rows(AuditEvent, AuditEvent.action == "facilitator.ended")) == 1

    other = await handed(desk, BAMBANG, expires_at=desk.now + timedelta(days=1))
    third = await desk.chat()
    third_id = await bound(desk, third, other.code, BAMBANG)
    assert await on_duty(desk, third, third_id) is not None
    desk.later(days=1)
    assert await on_duty(desk, third, third_id) is None


async def test_a_phone_that_another_facilitator_takes_over_is_theirs_alone(desk: Desk) -> None:
    chat = await desk.chat()
    first = await bound(desk, chat, (await handed(desk)).code)
    second = await bound(desk, chat, (await handed(desk, BAMBANG)).code, BAMBANG)
    assert await on_duty(desk, chat, first) is None
    assert await on_duty(desk, chat, second) is not None


async def test_a_job_that_runs_again_after_a_crash_is_bound_still(desk: Desk) -> None:
    made = await handed(desk)
    chat = await desk.chat()
    facilitator_id = await bound(desk, chat, made.code)
    person_id = await desk.person(SITI, chat)
    again = await desk.do("facilitator.bind", chat, person_id, code=made.code, person_id=person_id)
    assert (again.outcome, again.data) == ("bound", {"facilitator_id": facilitator_id})


async def test_what_cannot_be_made(desk: Desk) -> None:
    await handed(desk)
    with pytest.raises(FacilitatorError, match="already"):
        await handed(desk)
    wrong: tuple[dict[str, Any], ...] = (
        {"regions": []},
        {"expires_at": desk.now},
        {"expires_at": desk.now + timedelta(days=400)},
    )
    for changes in wrong:
        with pytest.raises(FacilitatorError):
            await handed(desk, BAMBANG, **changes)
    async with desk.database.read() as connection:
        assert len(await stored.newest(connection, ("35.10",), Page())) == 1
        assert await stored.newest(connection, ("64",), Page()) == []
