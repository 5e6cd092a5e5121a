"""What looks like one person twice becomes a review case, and never a refusal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.db import Database
from backend.models import AccountMark, Appeal, AuditEvent, Decision, ReviewCase, ReviewMember
from backend.repositories import duplicates as stored
from backend.repositories import review_cases
from backend.sandbox.residents import Resident, load_residents
from backend.services import duplicates, review
from backend.services.duplicates import CaseError
from backend.services.imports import import_file
from tests.command_line import Runner
from tests.services.conftest import Desk, identity_of
from tests.services.test_policy_commands import decided

RESIDENTS = load_residents()
SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = RESIDENTS
ONE, OTHER, THIRD = "111122223333", "444455556666", "777788889999"


async def registers(desk: Desk, resident: Resident, account: str) -> int:
    """A resident's registration with this account; its id."""
    chat = await desk.chat()
    person_id = await desk.person(resident, chat)
    [job] = await desk.record("registration.file", chat, person_id, **desk.registration(person_id, account=account))
    registration: int = (await desk.claim(job)).data["registration_id"]
    return registration


async def cases(desk: Desk) -> list[tuple[str, str, list[int | None]]]:
    """Kind, state and registrations of every case."""
    members = await desk.rows(ReviewMember)
    return [
        (row.kind, row.state, [one.registration_id for one in members if one.case_id == row.id])
        for row in await desk.rows(ReviewCase)
    ]


async def decide(desk: Desk, case_id: int, verdict: Any = "cleared", reason: str = "Kakak beradik.") -> None:
    async with desk.database.write() as connection:
        await duplicates.decide(connection, case_id, verdict, reason, "budi", desk.now)


async def test_one_account_of_two_people_is_a_case_and_both_are_decided_as_before(desk: Desk) -> None:
    first = await registers(desk, SITI, ONE)
    await registers(desk, BAMBANG, OTHER)
    assert await cases(desk) == []
    second = await registers(desk, WAHYUNI, ONE)
    assert await cases(desk) == [("account", "open", [first, second])]
    third = await registers(desk, RAHMAWATI, ONE)
    assert await cases(desk) == [("account", "open", [first, second, third])]
    job = await desk.queue("selection.run", None, {"registration_id": second})
    assert (await desk.run(job)).outcome == "eligible"
    codes = ",".join(row.codes for row in await desk.rows(Decision))
    assert "registered" not in codes


async def test_one_family_card_of_two_people_is_a_case(desk: Desk) -> None:
    assert SITI.kk == AMINAH.kk
    first = await registers(desk, SITI, ONE)
    second = await registers(desk, AMINAH, OTHER)
    assert await cases(desk) == [("kk", "open", [first, second])]
    async with desk.database.read() as connection:
        [case] = await desk.rows(ReviewCase)
        sides = await review_cases.sides_of(connection, case.id)
    assert sides.matches == ["kk"]
    assert [one.nik for one in sides.members] == ["************" + one.nik[-4:] for one in (SITI, AMINAH)]
    assert sides.members[0].account == "********" + ONE[-4:]


async def test_a_nik_typed_in_another_chat_by_nobody_proven_is_a_case(desk: Desk) -> None:
    registration = await registers(desk, SITI, ONE)
    identity = identity_of(SITI)
    typed = {name: getattr(identity, name) for name in ("nik", "kk", "name", "sex", "birth_date", "region_code")}
    elsewhere = await desk.chat()
    for _ in range(2):
        await desk.record("registration.hold", elsewhere, None, code=desk.code(), reason="ikd", **typed)
    assert [(row.kind, row.state) for row in await desk.rows(ReviewCase)] == [("nik", "open")]
    members = [(row.registration_id, row.conversation_id) for row in await desk.rows(ReviewMember)]
    assert members == [(registration, None), (None, elsewhere)]
    [case] = await desk.rows(ReviewCase)
    await decide(desk, case.id)
    await desk.record("registration.hold", elsewhere, None, code=desk.code(), reason="ikd", **typed)
    assert len(await desk.rows(ReviewCase)) == 1
    await desk.record("registration.hold", await desk.chat(), None, code=desk.code(), reason="ikd", **typed)
    assert [row.state for row in await desk.rows(ReviewCase)] == ["cleared", "open"]


async def test_after_a_word_only_somebody_new_opens_a_case_again(desk: Desk) -> None:
    first, second = await registers(desk, SITI, ONE), await registers(desk, WAHYUNI, ONE)
    [case] = await desk.rows(ReviewCase)
    await decide(desk, case.id)
    async with desk.database.write() as connection:
        await duplicates.examine(connection, desk.database, [first, second], desk.now)
    assert await cases(desk) == [("account", "cleared", [first, second])]
    third = await registers(desk, RAHMAWATI, ONE)
    assert (await cases(desk))[1] == ("account", "open", [first, second, third])
    [row, _] = await desk.rows(ReviewCase)
    assert (row.reason, row.decided_by) == ("Kakak beradik.", "budi")
    assert ("budi", "review_case.cleared") in {(act.actor, act.action) for act in await desk.rows(AuditEvent)}
    for case_id, reason, cause in (
        (case.id, "Sama.", "case_closed"),
        (99, "Sama.", "case_unknown"),
        (2, " ", "reason_missing"),
    ):
        with pytest.raises(CaseError, match=cause):
            await decide(desk, case_id, "confirmed", reason)


async def test_two_who_register_at_once_share_one_case(desk: Desk) -> None:
    await registers(desk, SITI, ONE)
    people = [(await desk.chat(), await desk.person(one)) for one in (WAHYUNI, RAHMAWATI, NURHAYATI)]
    await asyncio.gather(
        *(
            desk.record("registration.file", chat, person, **desk.registration(person, account=ONE))
            for chat, person in people
        )
    )
    assert [(kind, state) for kind, state, _ in await cases(desk)] == [("account", "open")]
    assert len((await cases(desk))[0][2]) == 4


async def test_an_account_that_an_import_knows_of_another_nik_is_a_case(desk: Desk, tmp_path: Path) -> None:
    first, second = await registers(desk, SITI, ONE), await registers(desk, BAMBANG, OTHER)

    async def brought(*rows: str) -> None:
        path = tmp_path / "pkh.csv"
        path.write_text("\n".join(["nik,bank,account,components", *rows]) + "\n")
        await import_file(desk.database, "pkh", path, tmp_path / "bad.csv", "cli:ani", lambda: desk.now)

    await brought(f"{SITI.nik},BRI,{ONE},sd")
    assert await cases(desk) == []
    await brought(f"{JOKO.nik},BRI,{ONE},sd", f"{AGUS.nik},BRI,{THIRD},sd")
    assert await cases(desk) == [("account", "open", [first, None])]
    third = await registers(desk, WAHYUNI, THIRD)
    assert (await cases(desk))[1] == ("account", "open", [third, None])
    async with desk.database.read() as connection:
        sides = await review_cases.sides_of(connection, (await desk.rows(ReviewCase))[0].id)
    assert [(one.what, one.number != "") for one in sides.members] == [("registration", True), ("recipient", False)]
    assert "account" in sides.matches
    assert second not in (await cases(desk))[0][2]


async def test_registrations_from_before_are_examined_when_they_are_selected(desk: Desk) -> None:
    first, second = await registers(desk, SITI, ONE), await registers(desk, WAHYUNI, ONE)
    async with desk.database.write() as connection:
        for of in (stored.MEMBERS, stored.CASES, stored.MARKS):
            await connection.execute(of.delete())
    for registration in (first, second):
        await desk.run(await desk.queue("selection.run", None, {"registration_id": registration}))
    assert await cases(desk) == [("account", "open", [first, second])]


async def test_who_is_erased_leaves_the_cases(desk: Desk) -> None:
    chat = await desk.chat()
    person = await desk.person(SITI, chat)
    await desk.record("registration.file", chat, person, **desk.registration(person, account=ONE))
    second = await registers(desk, WAHYUNI, ONE)
    await desk.do("person.erase", chat, person, person_id=person)
    assert await cases(desk) == [("account", "cleared", [second])]
    assert len(await desk.rows(AccountMark)) == 1


def test_the_command_examines_what_was_there_before(run: Runner) -> None:
    asyncio.run(decided(run.url))

    async def same_account() -> None:
        database = Database(run.url)
        async with database.write() as connection:
            await connection.execute(stored.REGISTRATIONS.update().values(details={"bank": "BRI", "account": ONE}))
        await database.close()

    asyncio.run(same_account())
    assert "1 new review cases" in run("duplicates", "--no-progress").stdout
    assert "0 new review cases" in run("duplicates", "--no-progress").stdout


async def test_aminah_shares_a_card_contests_it_and_the_officer_tells_them_apart(desk: Desk) -> None:
    """The rule refuses her with an appeal, the case is only looked at: each goes its own way."""
    await desk.decided(SITI)
    chat, person_id, decision_id = await desk.decided(AMINAH)
    [case] = [row for row in await desk.rows(ReviewCase) if row.kind == "kk"]
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert [reason.code for reason in facts.decision.reasons] == ["kk_registered"]
    await decide(desk, case.id, "cleared", "Ipar, sudah pecah KK.")
    assert (await desk.facts(chat, person_id)).decision == facts.decision
    contest = desk.appeal(decision_id, kind="household_wrong", reasons=["kk_registered"])
    await desk.record("appeal.file", chat, person_id, **contest)
    [appeal] = await desk.rows(Appeal)
    async with desk.database.write() as connection:
        rung = await review.resolve(
            connection, desk.database, appeal.id, "upheld", "KK baru sudah terbit.", "budi", desk.now
        )
    [job] = await desk.selections(rung.jobs)
    await desk.run(job)
    facts = await desk.facts(chat, person_id)
    assert facts.decision is not None
    assert facts.decision.outcome == "eligible"
    assert ("kk_registered", "for") in [(reason.code, reason.kind) for reason in facts.decision.reasons]
    assert [row.state for row in await desk.rows(ReviewCase) if row.kind == "kk"] == ["cleared"]
