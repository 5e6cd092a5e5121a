"""Appeals: who may, against what, until when; what officers do with them; what an upheld one changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.models import Appeal, AppealEvent, AuditEvent, Decision, DisputedDatum, Job, Photo, Ticket
from backend.sandbox.residents import load_residents
from backend.services import review
from backend.services.review import AppealError
from backend.services.work import TryLater
from tests import faces_support as pictures
from tests.conftest import NOW
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


MISUSED = {"kind": "nik_misused", "reasons": ["income"], "not_mine": ["income"]}


async def face(desk: Desk, chat: int, person_id: int, act: str = "appeal", whose: str = "hopper") -> str:
    """A face check in a chat with photos that were sent there once."""
    photos = [row for row in await desk.rows(Photo) if row.conversation_id == chat]
    sent = {row.purpose: row.id for row in reversed(photos)}
    if whose != "hopper" or not sent:
        selfie = await desk.selfie(chat, whose)
    else:
        selfie = {"front": sent["selfie"], "turned": sent["turned"]}
    # The sandbox's clock stands: a consent of later would lie in its future.
    asked = {**selfie, "consent_at": NOW.isoformat(), "person_id": person_id, "act": act}
    for _ in range(3):
        try:
            return (await desk.do("face.verify", chat, **asked)).outcome
        except TryLater:  # a slow machine: the job worker would ask again, too
            continue
    raise AssertionError("IKD of the sandbox did not answer three times")


async def test_a_misused_nik_is_contested_by_its_owners_face_and_nothing_else(desk: Desk) -> None:
    """Attacked in turn: another chat, a facilitator's face, a proof of another act, an old one, one that has served."""
    chat, person_id, decision_id = await desk.decided(SUMIATI)
    contest = desk.appeal(decision_id, **MISUSED)

    async def tries(where: int, by: int | None, **changes: Any) -> str:
        await desk.record("appeal.file", where, by, **{**contest, "code": desk.code(), **changes})
        return (await refused(desk))[-1]

    # Somebody whose session was edited says that the face has matched: no check was made.
    assert await tries(chat, person_id, matched_for_appeal=True) == "no_fresh_face_of_the_owner"
    # The owner's face, made for the appeal, in another chat: whoever sits at this one is somebody else.
    elsewhere = await desk.chat()
    assert await face(desk, elsewhere, person_id) == "match"
    assert await tries(chat, person_id) == "no_fresh_face_of_the_owner"
    # A facilitator to whom the chat is bound.
    facilitator = await desk.person(SITI)
    assert await tries(chat, facilitator) == "not_own_decision"
    # The owner's face in this chat, but for another act: they did not know of an appeal.
    assert await face(desk, chat, person_id, act="") == "match"
    assert await tries(chat, person_id) == "no_fresh_face_of_the_owner"
    # A facilitator with a face of their own, proven in the owner's chat for this very act.
    assert await face(desk, chat, facilitator, whose="collins") == "match"
    assert await tries(chat, person_id) == "no_fresh_face_of_the_owner"
    # Made for it, and too long ago.
    assert await face(desk, chat, person_id) == "match"
    desk.later(minutes=31)
    assert await tries(chat, person_id) == "no_fresh_face_of_the_owner"
    assert await desk.rows(Appeal) == []
    # The owner, here and now; twice in the same moment it is one appeal.
    assert await face(desk, chat, person_id) == "match"
    desk.later(minutes=10)
    await asyncio.gather(
        *(desk.record("appeal.file", chat, person_id, **{**contest, "code": desk.code()}) for _ in range(3))
    )
    [appeal] = await desk.rows(Appeal)
    # Withdrawn within minutes, and the same proof again: it has served.
    await desk.record("appeal.withdraw", chat, person_id, appeal_id=appeal.id)
    assert await tries(chat, person_id) == "no_fresh_face_of_the_owner"
    assert await face(desk, chat, person_id) == "match"
    await desk.record("appeal.file", chat, person_id, **{**contest, "code": desk.code()})
    first, second = await desk.rows(Appeal)
    assert (first.status, second.status, second.first_id) == ("withdrawn", "received", first.id)
    facts = await desk.facts(chat, person_id)
    assert facts.appeal is not None
    assert (facts.appeal.number, facts.appeal.first_number) == (second.number, first.number)
    rung = await act(desk, "resolve", second.id, "upheld", "Data penghasilan bukan milik pemohon.")
    assert rung.turns == [chat]
    [job] = await desk.selections(rung.jobs)
    assert (await desk.run(job)).outcome == "eligible"


@pytest.mark.parametrize(
    ("kind", "reasons", "cause"),
    [
        ("circumstances", ["income", "decile"], None),
        ("household_wrong", ["no_component", "decile"], None),
        ("household_wrong", ["electricity"], "not_contestable"),
        ("circumstances", [], "not_contestable"),
    ],
)
async def test_other_grounds_contest_what_they_are_about(
    desk: Desk, kind: str, reasons: list[str], cause: str | None
) -> None:
    chat, person_id, decision_id = await desk.decided(RAHMAWATI)
    await desk.record("appeal.file", chat, person_id, **desk.appeal(decision_id, kind=kind, reasons=reasons))
    assert await refused(desk) == ([cause] if cause else [])
    assert [(row.kind, row.contested) for row in await desk.rows(Appeal)] == ([] if cause else [(kind, reasons)])


async def test_every_state_has_its_day_and_officers_are_warned_once_of_each(desk: Desk) -> None:
    _, person_id, _, appeal_id = await filed(desk)

    async def looks() -> list[tuple[str, int | None]]:
        [clock] = [job for job in await desk.rows(Job) if job.kind == "appeals.watch" and job.status == "queued"]
        desk.now = max(desk.now, clock.not_before)
        await desk.run(clock.id)
        return [(row.text, row.person_id) for row in await desk.rows(Ticket) if row.kind == "deadline"]

    async def due() -> str:
        [row] = await desk.rows(Appeal)
        return f"{row.status} {row.step_due_on}"

    [appeal] = await desk.rows(Appeal)
    assert await due() == "received 2026-11-25"
    assert await looks() == []
    desk.later(days=1)
    assert await looks() == await looks() == [(appeal.number, person_id)]
    await act(desk, "take_up", appeal_id)
    assert await due() == "in_review 2026-12-03"
    rung = await act(desk, "field_check", appeal_id)
    assert (len(rung.turns), (await act(desk, "field_check", appeal_id)).turns) == (1, ())
    assert await due() == "field_check 2026-12-07"
    desk.later(days=13)
    assert len(await looks()) == 2
    await act(desk, "resolve", appeal_id, "rejected", "Hasil cek lapangan: daya 2.200 VA.")
    assert await due() == "decided None"
    assert len(await looks()) == 2
    assert [job for job in await desk.rows(Job) if job.kind == "appeals.watch" and job.status == "queued"] == []


async def test_an_upheld_appeal_sets_the_datum_aside_and_brings_a_new_decision(desk: Desk) -> None:
    chat, person_id, decision_id, appeal_id = await filed(desk)
    assert (await act(desk, "take_up", appeal_id)).turns == [chat]
    assert (await act(desk, "take_up", appeal_id)).turns == ()
    rung = await act(desk, "resolve", appeal_id, "upheld", "Meteran memang milik penyewa lama.")
    [datum] = await desk.rows(DisputedDatum)
    assert (datum.person_id, datum.datum, datum.appeal_id) == (person_id, "power_va", appeal_id)
    [job] = await desk.selections(rung.jobs)
    finished = await desk.run(job)
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
    assert (await desk.selections(rung.jobs), await desk.rows(DisputedDatum)) == ([], [])
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
    [job] = await desk.selections(rung.jobs)
    assert (await desk.run(job)).outcome == "not_eligible"
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
