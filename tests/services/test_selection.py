"""The selection: each resident's story, silent sources, family cards, and once is once."""

from __future__ import annotations

import asyncio

import pytest

from backend.models import Decision, Registration
from backend.repositories import decisions
from backend.sandbox.residents import Resident, load_residents
from backend.services.selection import select_one
from backend.services.work import TryLater
from tests.services.conftest import Desk

SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = load_residents()

STORIES = [
    (SITI, "eligible", ["decile_in_target", "has_sd"]),
    (BAMBANG, "not_eligible", ["electricity"]),
    (SUMIATI, "not_eligible", ["income"]),
    (NURHAYATI, "not_eligible", ["account_turnover"]),
    (AGUS, "not_eligible", ["decile"]),
    (RAHMAWATI, "not_eligible", ["electricity", "income", "no_component", "decile"]),
    (SLAMET, "not_eligible", ["nik_inactive"]),
    (WAHYUNI, "eligible", ["decile_in_target", "has_sd", "has_smp"]),
]


@pytest.mark.parametrize(("resident", "outcome", "codes"), STORIES, ids=[story[0].name for story in STORIES])
async def test_the_story_of_a_resident_comes_out(
    desk: Desk, resident: Resident, outcome: str, codes: list[str]
) -> None:
    chat, person_id, decision_id = await desk.decided(resident)
    [row] = await desk.rows(Decision)
    assert (row.id, row.outcome, row.codes.split(",")) == (decision_id, outcome, codes)
    [registration] = await desk.rows(Registration)
    assert registration.status == "decided"
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert [reason.code for reason in facts.decision.reasons] == codes
    assert facts.decision.appeal_until is not None
    assert facts.decision.appeal_until.isoformat() == "2026-12-22"


async def test_a_decision_keeps_what_it_was_made_of_sealed(desk: Desk) -> None:
    _, _, decision_id = await desk.decided(BAMBANG)
    async with desk.database.read() as connection:
        inputs = await decisions.inputs_of(connection, decision_id)
        raw = (await connection.exec_driver_sql("SELECT inputs FROM decisions")).scalar_one()
    assert inputs is not None
    assert inputs["data"]["power_va"] == {"value": 2200, "owner": "pln", "as_of": "2026-11-12"}
    assert b"power_va" not in bytes(raw)


async def test_the_second_registration_of_a_family_card_is_refused_and_the_first_stands(desk: Desk) -> None:
    await desk.decided(SITI)
    desk.later(minutes=1)
    _, _, second = await desk.decided(AMINAH)
    rows = {row.id: row for row in await desk.rows(Decision)}
    assert (rows[second].outcome, rows[second].codes) == ("not_eligible", "kk_registered")
    assert [row.outcome for row in rows.values()] == ["eligible", "not_eligible"]


async def test_a_silent_source_makes_it_wait_is_told_once_and_asked_again(desk: Desk) -> None:
    await desk.control(service="pln", fault="500")
    chat = await desk.chat()
    person_id, [job] = await desk.registered(SITI, chat)
    claimed = await desk.claim(job)
    first = await desk.executors.jobs[claimed.kind](claimed, desk.now)
    follow_up, _ = await desk.close(claimed, first)  # and the job that tells other systems
    assert (first.outcome, len(first.notices)) == ("waiting", 1)
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert [(r.code, r.params["owner"]) for r in facts.decision.reasons] == [("source_unavailable", "PLN")]
    assert facts.registration is not None
    assert facts.registration.status == "submitted"
    desk.later(minutes=2)
    again = await desk.claim(follow_up)
    with pytest.raises(TryLater):
        await desk.executors.jobs[again.kind](again, desk.now)
    assert len(await desk.rows(Decision)) == 1
    await desk.control(clear=True)
    last = await desk.executors.jobs[again.kind](again, desk.now)
    assert (last.outcome, len(last.notices)) == ("eligible", 1)
    assert [row.current for row in await desk.rows(Decision)] == [False, True]


async def test_a_silent_ikd_is_waited_for_too(desk: Desk) -> None:
    await desk.control(service="ikd", fault="500")
    chat = await desk.chat()
    person_id, [job] = await desk.registered(SITI, chat)
    assert (await desk.run(job)).outcome == "waiting"
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert [r.params["owner"] for r in facts.decision.reasons] == ["Dukcapil"]


async def test_run_twice_it_decides_once_and_tells_the_same(desk: Desk) -> None:
    chat = await desk.chat()
    _, [job] = await desk.registered(BAMBANG, chat)
    claimed = await desk.claim(job)
    first = await desk.executors.jobs[claimed.kind](claimed, desk.now)
    second = await desk.executors.jobs[claimed.kind](claimed, desk.now)
    assert len(await desk.rows(Decision)) == 1
    assert first.notices == second.notices
    assert first.data == second.data


async def test_without_consent_nobody_is_asked(desk: Desk) -> None:
    await desk.control(service="pln", fault="500")
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    [job] = await desk.record("registration.file", chat, person_id, **desk.registration(person_id))
    await desk.record("consent.withdraw", chat, person_id, purpose="data_access")
    assert (await desk.run(job)).outcome == "waiting"
    [row] = await desk.rows(Decision)
    assert row.codes == "consent_missing"
    assert set(row.inputs["data"]) <= {
        "consent_data_access", "verification_level", "nik_registered_by_other", "kk_registered_by_other",
        "pkh_recipient",
    }  # fmt: skip


async def test_whoever_wants_no_messages_gets_none(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    answers = desk.registration(person_id, notify="none")
    [job] = await desk.record("registration.file", chat, person_id, **answers)
    assert (await desk.run(job)).notices == ()


async def test_selections_at_the_same_moment_decide_once(desk: Desk) -> None:
    chat = await desk.chat()
    await desk.registered(BAMBANG, chat)
    [registration] = await desk.rows(Registration)
    work = desk.executors.work
    selected = await asyncio.gather(*(select_one(work, registration.id, desk.now) for _ in range(4)))
    [decision] = await desk.rows(Decision)
    assert {one.decision_id for one in selected} == {decision.id}
    assert [one.new for one in selected].count(True) == 1


async def test_a_decision_that_stands_is_not_made_again(desk: Desk) -> None:
    _, _, decision_id = await desk.decided(BAMBANG)
    [registration] = await desk.rows(Registration)
    selected = await select_one(desk.executors.work, registration.id, desk.now)
    assert (selected.decision_id, selected.new) == (decision_id, False)
    assert (await select_one(desk.executors.work, 999, desk.now)).outcome == "skipped"
