"""Facts of a batch: complete, and cheap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from sqlalchemy import event, insert

from backend.models import PkhRecord, table
from backend.repositories import people
from backend.sandbox.residents import load_residents
from backend.services.facts import FactsLoader, Subject
from tests.services.conftest import Desk

SITI, BAMBANG, *_ = load_residents()


@contextmanager
def counted(desk: Desk) -> Iterator[list[str]]:
    """The statements that the block sends to the database."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    engine = desk.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_strangers_cost_no_query_and_people_the_same_few_for_any_number(desk: Desk) -> None:
    loader = FactsLoader()
    people_subjects = []
    for resident in (SITI, BAMBANG):
        chat, person_id, _ = await desk.decided(resident)
        people_subjects.append(Subject(chat, "simulator", None, person_id))
    strangers = [Subject(100 + number, "telegram", "+628111", None) for number in range(50)]
    async with desk.database.read() as connection:
        await loader(connection, strangers, desk.now)
        with counted(desk) as none:
            facts = await loader(connection, strangers, desk.now)
        with counted(desk) as one:
            await loader(connection, [*strangers, people_subjects[0]], desk.now)
        with counted(desk) as two:
            both = await loader(connection, [*people_subjects, *strangers, *people_subjects], desk.now)
    assert none == []
    assert [fact.person for fact in facts] == [None] * 50
    assert (facts[0].channel, facts[0].phone, facts[0].today) == ("telegram", "+628111", date(2026, 11, 22))
    assert len(one) == len(two) <= 7
    assert [fact.person.name for fact in (*both[:2], *both[-2:]) if fact.person] == [
        "Siti Aminah",
        "Bambang Sutrisno",
    ] * 2


async def test_the_facts_of_a_person_are_what_is_stored_about_them(desk: Desk) -> None:
    records = table(PkhRecord)
    async with desk.database.write() as connection:
        known = {"components": ["sd"], "bank": "BRI", "account": "123456789012345"}
        await connection.execute(
            insert(records).values(nik_hash=people.nik_hash(BAMBANG.nik), data=known, imported_at=desk.now)
        )
    chat, person_id, decision_id = await desk.decided(BAMBANG)
    facts = await desk.facts(chat, person_id)
    assert facts.person is not None
    assert (facts.person.region_code, facts.person.region_name) == ("35.10.09", "Banyuwangi")
    assert (facts.person.sex, facts.person.level, facts.person.known_pkh) == ("male", "chat_precheck", known)
    assert facts.decision is not None
    assert facts.decision.id == decision_id
    [reason] = facts.decision.reasons
    assert dict(reason.params) == {"value": 2200, "limit": 1300, "owner": "PLN", "as_of": "2026-11-12"}
    assert reason.contestable
    assert "electricity_meter" in reason.evidence
    assert facts.regions["35.10"] == "Banyuwangi"


async def test_offices_open_by_the_persons_own_clock(desk: Desk) -> None:
    balikpapan = await desk.person(load_residents()[3])
    chat = await desk.chat()
    desk.now = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # Monday, 07.30 WIB, 08.30 WITA
    assert (await desk.facts(chat, None)).office_open is False
    assert (await desk.facts(chat, balikpapan)).office_open is True
    desk.now = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # Sunday, 23.30 WIB, Monday 00.30 WITA
    assert (await desk.facts(chat, None)).today == date(2026, 11, 22)
    assert (await desk.facts(chat, balikpapan)).today == date(2026, 11, 23)
