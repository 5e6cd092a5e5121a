"""What a facilitator may do for a citizen, asked again where it is written; the working list; nothing of one with another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from backend.domain.delegation import DELEGABLE, DELEGATED_FOR, DELEGATION_TEXT
from backend.models import AuditEvent, Consent, Delegation, Explanation, Registration
from backend.repositories import erasure, people, photos
from backend.repositories import facilitators as stored
from backend.repositories.people import nik_hash
from backend.sandbox.residents import Resident, load_residents
from backend.services.facts import FactsLoader, Subject
from backend.services.records import RecordItem
from bot.facts import DelegationFacts
from tests.services.conftest import Desk

RESIDENTS = load_residents()
SITI, BAMBANG, SUMIATI = RESIDENTS[0], RESIDENTS[1], RESIDENTS[2]
ELSEWHERE = next(one for one in RESIDENTS if one.nik.startswith("64"))


class Field:
    """A facilitator of Banyuwangi in a chat of their own."""

    def __init__(self, desk: Desk, chat: int, duty: int) -> None:
        self.desk, self.chat, self.duty = desk, chat, duty

    async def write(self, kind: str, person_id: int | None, case: str = "1", /, **data: Any) -> Sequence[int]:
        """A record of a case, as a turn writes it."""
        item = RecordItem(self.chat, "simulator", person_id, data, self.desk.now, duty=self.duty, case=case)
        async with self.desk.database.write() as connection:
            return await self.desk.executors.records[kind](connection, self.desk.database, [item])

    async def shows(self, resident: Resident, chat: int | None = None, purpose: str = "accompany") -> int:
        person_id = await self.desk.person(resident, chat or self.chat)
        check = {
            "conversation_id": chat or self.chat, "person_id": person_id, "nik_hash": nik_hash(resident.nik),
            "outcome": "match", "score": 0.9, "transaction_id": self.desk.code(), "purpose": purpose, "at": self.desk.now,
        }  # fmt: skip
        async with self.desk.database.write() as connection:
            await photos.add_check(connection, check)
        return person_id

    async def delegates(self, resident: Resident) -> int:
        person_id = await self.shows(resident)
        await self.write("delegation.give", person_id, **self.assent())
        return person_id

    def assent(self) -> dict[str, Any]:
        return {"acts": sorted(DELEGABLE), "version": DELEGATION_TEXT, "assented_at": self.desk.now.isoformat()}

    async def holds(self, person_id: int, duty: int | None = None) -> DelegationFacts | None:
        async with self.desk.database.read() as connection:
            subject = Subject(self.chat, "simulator", None, person_id, duty or self.duty, person_id)
            [facts] = await FactsLoader()(connection, [subject], self.desk.now)
        return facts.delegation

    async def refused(self) -> list[tuple[str, str]]:
        rows = await self.desk.rows(AuditEvent, AuditEvent.action == "record.refused")
        return [(row.data["record"], row.data["cause"]) for row in rows]

    async def listed(self, search: str = "", skip: int = 0) -> dict[str, Any]:
        asked = {"facilitator_id": self.duty, "search": search, "skip": skip, "most": 6}
        finished = await self.desk.do("facilitator.people", self.chat, None, **asked)
        assert finished.outcome == "listed"
        return dict(finished.data)


async def field(desk: Desk, nik: str = "3510160101900000", regions: Sequence[str] = ("35.10",)) -> Field:
    chat = await desk.chat()
    values = {
        "nik_hash": nik_hash(nik), "name": "Wati", "role": "pkh", "expires_at": desk.now + timedelta(days=90),
        "conversation_id": chat, "created_by": "officer", "created_at": desk.now,
    }  # fmt: skip
    async with desk.database.write() as connection:
        return Field(desk, chat, await stored.add(connection, values, regions))


async def test_assent_and_face_make_a_delegation_that_ends(desk: Desk) -> None:
    at = await field(desk)
    siti = await at.delegates(SITI)
    held = await at.holds(siti)
    assert held is not None
    assert held.acts == frozenset(DELEGABLE)
    assert held.until == desk.now + timedelta(days=90), "never longer than the facilitator is one"
    [row] = await desk.rows(Delegation)
    assert (row.version, row.conversation_id) == (DELEGATION_TEXT, at.chat)
    desk.later(days=90)
    assert await at.holds(siti) is None
    assert timedelta(days=90) < DELEGATED_FOR


async def test_no_face_a_face_elsewhere_or_for_something_else_another_region_make_none(desk: Desk) -> None:
    at = await field(desk)
    bambang = await desk.person(BAMBANG)
    await at.write("delegation.give", bambang, **at.assent())
    await at.shows(BAMBANG, chat=await desk.chat())
    await at.write("delegation.give", bambang, **at.assent())
    await at.shows(BAMBANG, purpose="registration")
    await at.write("delegation.give", bambang, **at.assent())
    await at.delegates(ELSEWHERE)
    assert await desk.rows(Delegation) == []
    assert [cause for _, cause in await at.refused()] == ["no_face", "no_face", "no_face", "other_region"]


async def test_a_record_of_a_case_passes_the_rules_again(desk: Desk) -> None:
    at = await field(desk)
    siti, bambang = await at.delegates(SITI), await desk.person(BAMBANG)
    await at.write("registration.file", bambang, **desk.registration(bambang))
    assert await desk.rows(Registration) == []
    await at.write("registration.file", siti, **desk.registration(siti))
    assert [row.person_id for row in await desk.rows(Registration)] == [siti]
    for kind, data in (("notifications.set", {"on": False}), ("consent.withdraw", {"purpose": "face"})):
        await at.write(kind, siti, **data)
    assert await at.refused() == [
        ("registration.file", "no_delegation"),
        ("notifications.set", "act_not_delegated"),
        ("consent.withdraw", "act_not_delegated"),
    ]


async def test_another_facilitator_a_duty_that_is_over_and_a_second_phone_may_nothing(desk: Desk) -> None:
    at, other = await field(desk), await field(desk, "3510160101800099")
    siti = await at.delegates(SITI)
    await other.write("registration.file", siti, **desk.registration(siti))
    assert await at.holds(siti, other.duty) is None
    chat = await desk.chat()
    await Field(desk, chat, at.duty).write("registration.file", siti, **desk.registration(siti))
    async with desk.database.write() as connection:
        await stored.change(connection, at.duty, {"ended_at": desk.now})
    await at.write("registration.file", siti, **desk.registration(siti))
    assert await desk.rows(Registration) == []
    assert [cause for _, cause in await at.refused()] == ["no_delegation", "duty_ended", "duty_ended"]
    asked = {"facilitator_id": at.duty, "search": "", "skip": 0, "most": 6}
    assert (await desk.do("facilitator.people", at.chat, None, **asked)).outcome == "over"
    assert (await desk.do("facilitator.people", chat, None, **asked)).outcome == "over"


async def test_a_misused_nik_is_contested_with_the_owners_own_fresh_face_only(desk: Desk) -> None:
    at = await field(desk)
    chat, bambang, decision = await desk.decided(BAMBANG)
    await at.delegates(BAMBANG)
    misused = desk.appeal(decision, kind="nik_misused", reasons=["electricity"], not_mine=["electricity"])
    await at.write("appeal.file", bambang, **misused)
    assert await at.refused() == [("appeal.file", "no_fresh_face_of_the_owner")]
    await at.shows(BAMBANG, purpose="appeal")
    await at.write("appeal.file", bambang, **misused)
    assert len(await at.refused()) == 1
    assert chat != at.chat


async def test_consents_of_one_case_are_never_anothers(desk: Desk) -> None:
    """Two people answer in one chat before either face has matched; the first match comes last."""
    at = await field(desk)
    answer = {"purpose": "data_access", "version": "2026-1"}
    await at.write("consent.give", None, "1", **answer, granted=True)
    await at.write("consent.give", None, "2", **answer, granted=False)
    siti, bambang = await desk.person(SITI, consent=False), await desk.person(BAMBANG, consent=False)
    async with desk.database.write() as connection:
        await people.adopt_consents(connection, at.chat, siti, "1")
        await people.adopt_consents(connection, at.chat, bambang, "2")
    rows = await desk.rows(Consent)
    assert [(row.person_id, row.granted) for row in rows] == [(siti, True), (bambang, False)]


async def test_a_job_is_the_persons_of_the_case_that_asked(desk: Desk) -> None:
    at = await field(desk)
    siti = await at.delegates(SITI)
    job = await desk.queue("photo.receive", at.chat, {"photos": [], "about": {"case": "7", "person_id": siti}})
    claimed = await desk.claim(job)
    assert (claimed.person_id, claimed.case_key) == (siti, "7")


async def test_the_list_says_who_waits_for_what_and_finds_by_name_and_digits(desk: Desk) -> None:
    at = await field(desk)
    siti, bambang, sumiati = [await at.delegates(one) for one in (SITI, BAMBANG, SUMIATI)]
    await at.write("registration.file", siti, **desk.registration(siti))
    [job] = await at.write("registration.file", bambang, **desk.registration(bambang))
    await desk.run(job)
    found = await at.listed()
    assert (found["all"], found["today"], found["more"]) == (3, 2, False)
    assert [(row["person_id"], row["waits"]) for row in found["rows"]] == [
        (bambang, "result"),
        (sumiati, "registration"),
        (siti, "decision"),
    ]
    assert [row["person_id"] for row in (await at.listed(SITI.nik[-4:]))["rows"]] == [siti]
    assert [row["person_id"] for row in (await at.listed(BAMBANG.name.split()[0][:4].lower()))["rows"]] == [bambang]
    assert (await at.listed("zzz"))["rows"] == []
    for row in found["rows"]:
        assert set(row) == {"person_id", "call", "end", "waits"}
        assert len(row["end"]) == 4


async def test_a_result_that_was_explained_leaves_a_receipt_and_the_list(desk: Desk) -> None:
    at = await field(desk)
    _, bambang, decision = await desk.decided(BAMBANG)
    await at.delegates(BAMBANG)
    assert [row["waits"] for row in (await at.listed())["rows"]] == ["result"]
    await at.write("result.explained", bambang, decision_id=decision, understood=False)
    await at.write("decision.told", bambang, decision_id=decision)
    [row] = await desk.rows(Explanation)
    assert (row.decision_id, row.person_id, row.facilitator_id, row.understood) == (decision, bambang, at.duty, False)
    assert row.at == desk.now
    assert [row["waits"] for row in (await at.listed())["rows"]] != ["result"]


async def test_a_guessed_pair_and_one_of_another_region_look_alike(desk: Desk) -> None:
    at = await field(desk)
    asked = {"consent_at": desk.now.isoformat(), "regions": ["35.10"]}
    outcomes = [
        await desk.do("ikd.look_up", at.chat, None, nik=nik, kk=str(kk), **asked)
        for nik, kk in (
            (ELSEWHERE.nik, ELSEWHERE.kk),
            (SITI.nik, BAMBANG.kk),
            ("3510161203850001", SITI.kk),
        )
    ]
    assert [(finished.outcome, dict(finished.data)) for finished in outcomes] == [("not_together", {})] * 3
    assert (await desk.do("ikd.look_up", at.chat, None, nik=SITI.nik, kk=str(SITI.kk), **asked)).outcome == "found"


async def test_numbers_cannot_be_tried_out(desk: Desk) -> None:
    at = await field(desk)
    asked = {"consent_at": desk.now.isoformat(), "regions": ["35.10"]}
    for number in range(15):
        nik = f"35101641019900{number:02}"
        assert (
            await desk.do("ikd.look_up", at.chat, None, nik=nik, kk=str(SITI.kk), **asked)
        ).outcome == "not_together"
    right = {"nik": SITI.nik, "kk": str(SITI.kk), **asked}
    assert (await desk.do("ikd.look_up", at.chat, None, **right)).outcome == "not_together"
    noted = await desk.rows(AuditEvent, AuditEvent.action == "facilitator.pair_refused")
    assert {row.subject for row in noted} == {f"conversation:{at.chat}"}
    assert len(noted) == 16
    assert SITI.nik not in str(noted)
    desk.later(hours=1, seconds=1)
    assert (await desk.do("ikd.look_up", at.chat, None, **right)).outcome == "found"


async def test_whoever_is_erased_lets_nobody_act_for_them(desk: Desk) -> None:
    at = await field(desk)
    siti = await at.delegates(SITI)
    async with desk.database.write() as connection:
        await erasure.scrub(connection, siti, None, desk.now)
    assert await at.holds(siti) is None
    assert (await at.listed())["all"] == 0


async def test_a_citizen_takes_it_back_from_one_or_from_all(desk: Desk) -> None:
    at, other = await field(desk), await field(desk, "3510160101800099")
    siti, bambang = await at.delegates(SITI), await at.delegates(BAMBANG)
    assert await other.delegates(SITI) == siti
    await at.write("delegation.withdraw", siti)
    assert await at.holds(siti) is None
    assert await other.holds(siti) is not None
    assert await at.holds(bambang) is not None
    await desk.record("delegation.withdraw", await desk.chat(), siti)
    assert await other.holds(siti) is None
    assert len(await desk.rows(AuditEvent, AuditEvent.action == "delegation.withdrawn")) == 2
