"""Appeals: who may, against what, until when; what officers do with them; what an upheld one changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.models import Appeal, AppealEvent, AuditEvent, Decision, DisputedDatum, Photo
from backend.sandbox.residents import load_residents
from backend.services import review
from backend.services.review import AppealError
from tests import faces_support as pictures
from tests.services.conftest import Desk

SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = load_residents()


async def refused(desk: Desk) -> list[str]:
    """The rules that records broke, and that nothing was written for it."""
    return [row.data["cause"] for row in await desk.rows(AuditEvent) if row.action == "record.refused"]


async def filed(desk: Desk, **changes: Any) -> tuple[int, int, int, int]:
    """Bambang's appeal against his electricity: chat, person, decision, appeal."""
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, **changes))
    [appeal] = await desk.rows(Appeal)
    return chat, person_id, decision_id, appeal.id


async def act(desk: Desk, name: str, *args: Any, **named: Any) -> review.Rung:
    async with desk.database.write() as connection:
        rung: review.Rung = await getattr(review, name)(
            connection, desk.database, *args, actor="budi", now=desk.now, **named
        )
    return rung


async def test_an_appeal_takes_its_evidence_along_and_has_a_deadline(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    [photo] = await desk.sends(chat, "evidence", pictures.portrait("hopper", 900), person_id=person_id)
    elsewhere = await desk.sends(await desk.chat(), "evidence", pictures.portrait("collins", 900))
    photos = [photo["id"], elsewhere[0]["id"]]
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, photos=photos))
    [appeal] = await desk.rows(Appeal)
    assert (appeal.status, appeal.contested, appeal.region_code) == ("received", ["electricity"], "35.10.09")
    assert appeal.due_on.isoformat() == "2026-12-22"
    assert [row.appeal_id for row in await desk.rows(Photo)] == [appeal.id, None]
    facts = await desk.facts(chat, person_id)
    assert facts.appeal is not None
    assert (facts.appeal.number, [step.status for step in facts.appeal.history]) == (appeal.number, ["received"])


async def test_whatever_breaks_a_rule_is_not_filed(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    accepted_chat, accepted, eligible = await desk.decided(SITI)
    for by, where, answers in (
        (None, chat, desk.appeal(decision_id)),
        (accepted, accepted_chat, desk.appeal(decision_id)),
        (accepted, accepted_chat, desk.appeal(eligible)),
        (person_id, chat, desk.appeal(decision_id, reasons=["income"])),
        (person_id, chat, desk.appeal(decision_id, reasons=[])),
        (person_id, chat, desk.appeal(decision_id, kind="because")),
        (person_id, chat, desk.appeal(decision_id, kind="nik_misused", not_mine=["electricity"])),
    ):
        await desk.record("appeal.file", where, by, **answers)
    assert await refused(desk) == [
        "not_proven", "not_own_decision", "nothing_to_contest", "not_contestable", "not_contestable", "unknown_kind",
        "no_fresh_face_of_the_owner",
    ]  # fmt: skip
    assert await desk.rows(Appeal) == []


async def test_the_last_day_counts_and_the_next_does_not(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    desk.later(days=30, hours=13, minutes=59)  # 22 December, 23.59 WIB
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id))
    [appeal] = await desk.rows(Appeal)
    await desk.record("appeal.withdraw", chat, person_id, appeal_id=appeal.id)
    desk.later(minutes=2)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id))
    assert await refused(desk) == ["window_over"]


async def test_one_open_appeal_a_decision_and_after_a_withdrawal_another(desk: Desk) -> None:
    chat, person_id, decision_id, appeal_id = await filed(desk)
    both = [(chat, person_id, desk.appeal(decision_id)) for _ in range(2)]
    await desk.records("appeal.file", both)
    assert await refused(desk) == ["open_already", "open_already"]
    await desk.record("appeal.withdraw", await desk.chat(), await desk.person(SITI), appeal_id=appeal_id)
    assert (await refused(desk))[-1] == "not_own_appeal"
    await desk.record("appeal.withdraw", chat, person_id, appeal_id=appeal_id)
    await desk.records("appeal.file", [(chat, person_id, desk.appeal(decision_id)) for _ in range(2)])
    assert [row.status for row in await desk.rows(Appeal)] == ["withdrawn", "received"]


async def test_a_misused_nik_is_contested_only_after_its_owners_face_in_this_chat(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(SUMIATI)
    answers = {"kind": "nik_misused", "reasons": ["income"], "not_mine": ["income"]}
    elsewhere = await desk.chat()
    selfie = await desk.selfie(elsewhere, "hopper")
    assert (await desk.do("face.verify", elsewhere, **selfie, person_id=person_id)).outcome == "match"
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, **answers))
    selfie = await desk.selfie(chat, "hopper")
    assert (await desk.do("face.verify", chat, **selfie, person_id=person_id)).outcome == "match"
    desk.later(minutes=31)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, **answers))
    assert await refused(desk) == ["no_fresh_face_of_the_owner"] * 2
    again = {**selfie, "consent_at": "2026-11-22T03:00:00+00:00"}
    assert (await desk.do("face.verify", chat, **again, person_id=person_id)).outcome == "match"
    desk.later(minutes=10)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, **answers))
    [appeal] = await desk.rows(Appeal)
    rung = await act(desk, "resolve", appeal.id, "upheld", "Data penghasilan bukan milik pemohon.")
    assert rung.turns == [chat]
    [job] = rung.jobs
    assert (await desk.run(job)).outcome == "eligible"


async def test_an_upheld_appeal_sets_the_datum_aside_and_brings_a_new_decision(desk: Desk) -> None:
    chat, person_id, decision_id, appeal_id = await filed(desk)
    assert (await act(desk, "take_up", appeal_id)).turns == [chat]
    assert (await act(desk, "take_up", appeal_id)).turns == ()
    rung = await act(desk, "resolve", appeal_id, "upheld", "Meteran memang milik penyewa lama.")
    [datum] = await desk.rows(DisputedDatum)
    assert (datum.person_id, datum.datum, datum.appeal_id) == (person_id, "power_va", appeal_id)
    finished = await desk.run(rung.jobs[0])
    old, new = await desk.rows(Decision)
    assert (old.id, old.outcome, old.current) == (decision_id, "not_eligible", False)
    assert (new.outcome, new.current, new.previous_id) == ("eligible", True, decision_id)
    assert finished.notices[0][1] == f"decision:{new.id}"
    facts = await desk.facts(chat, person_id)
    assert facts.appeal is not None
    assert (facts.appeal.status, facts.appeal.outcome) == ("decided", "upheld")
    assert facts.appeal.outcome_reason == "Meteran memang milik penyewa lama."
    assert [step.status for step in facts.appeal.history] == ["received", "in_review", "decided"]
    acts = [(row.actor, row.action) for row in await desk.rows(AuditEvent) if row.subject == f"appeal:{appeal_id}"]
    assert acts == [("chat", "appeal.filed"), ("budi", "appeal.in_review"), ("budi", "appeal.decided")]
    told = [event["data"] for event in await desk.notices(chat)]
    assert told == [{"appeal_id": appeal_id, "status": status} for status in ("in_review", "decided")]


async def test_a_rejected_appeal_changes_no_decision(desk: Desk) -> None:
    _, _, decision_id, appeal_id = await filed(desk)
    rung = await act(desk, "resolve", appeal_id, "rejected", "Meteran terdaftar atas nama pemohon.")
    assert (list(rung.jobs), await desk.rows(DisputedDatum)) == ([], [])
    [row] = await desk.rows(Decision)
    assert (row.id, row.current) == (decision_id, True)
    with pytest.raises(AppealError) as caught:
        await act(desk, "resolve", appeal_id, "upheld", "Berubah pikiran.")
    assert caught.value.cause == "not_open"


async def test_of_four_reasons_one_may_be_upheld(desk: Desk) -> None:
    chat, person_id, decision_id = await desk.decided(RAHMAWATI)
    reasons = ["electricity", "income"]
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, reasons=reasons))
    [appeal] = await desk.rows(Appeal)
    for accepted in ([], ["decile"]):
        with pytest.raises(AppealError) as caught:
            await act(desk, "resolve", appeal.id, "partly", "Sebagian benar.", accepted=accepted)
        assert caught.value.cause == "not_contested"
    rung = await act(desk, "resolve", appeal.id, "partly", "Sebagian benar.", accepted=["income"])
    assert (await desk.run(rung.jobs[0])).outcome == "not_eligible"
    _, new = await desk.rows(Decision)
    assert new.codes.split(",") == ["electricity", "no_component", "decile"]


async def test_an_officers_question_is_answered_in_the_chat(desk: Desk) -> None:
    chat, person_id, _, appeal_id = await filed(desk)
    with pytest.raises(AppealError) as caught:
        await act(desk, "ask_more", appeal_id, "  ")
    assert caught.value.cause == "reason_missing"
    await act(desk, "ask_more", appeal_id, "Tolong kirim foto meteran.")
    facts = await desk.facts(chat, person_id)
    assert facts.appeal is not None
    assert (facts.appeal.status, facts.appeal.history[-1].note) == ("need_more", "Tolong kirim foto meteran.")
    [photo] = await desk.sends(chat, "evidence", pictures.portrait("hopper", 900), person_id=person_id)
    more = {"appeal_id": appeal_id, "photos": [photo["id"]], "statement": "Ini fotonya."}
    await desk.record("appeal.add", chat, person_id, **more)
    [appeal] = await desk.rows(Appeal)
    assert appeal.status == "in_review"
    assert [row.appeal_id for row in await desk.rows(Photo)] == [appeal_id]
    last = (await desk.rows(AppealEvent))[-1]
    assert (last.status, last.note, last.actor) == ("in_review", "Ini fotonya.", "chat")


async def test_two_chats_at_the_same_moment_file_one_appeal(desk: Desk) -> None:
    _, person_id, decision_id = await desk.decided(BAMBANG)
    chats = [await desk.chat() for _ in range(4)]
    filed = [desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id)) for chat in chats]
    await asyncio.gather(*filed)
    assert len(await desk.rows(Appeal)) == 1
    assert await refused(desk) == ["open_already"] * 3
