"""A broadcast from its draft to every chat: to whom, once, at what hour, and never against somebody's wish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import insert, select, update

from backend.db import Database
from backend.domain.broadcasts import HOURS, Act, NotPossibleError, Template, problem_of
from backend.models import BroadcastRecipient, Conversation, Person, Registration, table
from backend.repositories import broadcasts as stored
from backend.repositories import jobs, people
from backend.repositories.broadcasts import BroadcastRow
from backend.repositories.jobs import JobRow
from backend.repositories.listing import Page
from backend.services import broadcasts
from backend.services.work import Finished, Work
from bot.handlers.channel import SendError
from bot.handlers.jobs import JobWorker
from tests.handlers.support import OUTBOX, Bench
from tests.statements import sent_to

PEOPLE, CHATS, REGISTRATIONS, RECIPIENTS = map(table, (Person, Conversation, Registration, BroadcastRecipient))
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""Noon in the west."""


class Office:
    """People with registrations, a worker that feeds, and a sender."""

    def __init__(self, database: Database) -> None:
        self.bench = Bench(database)
        self.bench.clock.time = NOON
        self.database = database
        work = cast(Work, SimpleNamespace(database=database, broadcast_hours=HOURS))

        async def feed(job: JobRow, now: datetime) -> Finished:
            return await broadcasts.feed(work, job, now)

        self.worker = JobWorker(database, self.bench.bus, {broadcasts.FEED_JOB: feed}, self.bench.clock)

    async def people(self, *regions: str) -> None:
        """A person with a chat and a registration for each of these."""
        now = NOON - timedelta(days=9)
        async with self.database.write() as connection:
            for number, region in enumerate(regions, 1):
                values: dict[str, Any] = {
                    "id": number, "nik_hash": people.nik_hash(f"{number:016}"), "region_code": region, "level": "none",
                    "created_at": now, "updated_at": now,
                }  # fmt: skip
                await connection.execute(insert(PEOPLE).values(**values))
                await connection.execute(
                    insert(CHATS).values(
                        id=number, channel="simulator", address_hash=bytes([number]), address=f"chat {number}",
                        person_id=number, last_inbound_at=now, created_at=now,
                    )
                )  # fmt: skip
                await connection.execute(
                    insert(REGISTRATIONS).values(
                        id=number, number=f"PRL-{number:04}", person_id=number, conversation_id=number, channel="simulator",
                        programme="PKH", region_code=region, status="decided", details={}, created_at=now, updated_at=now,
                    )
                )  # fmt: skip

    async def written(self, **values: Any) -> BroadcastRow:
        given: dict[str, Any] = {"region": "", "outcome": "", "channel": "", "not_before": None, "params": {}, **values}
        async with self.database.write() as connection:
            return await broadcasts.write(
                connection,
                name="Kabar",
                template=given.pop("template", Template.STATUS),
                actor="ani",
                now=NOON,
                **given,
            )

    async def takes(self, row: BroadcastRow, act: Act, actor: str = "budi") -> BroadcastRow:
        async with self.database.write() as connection:
            held = await stored.by_id(connection, row.id, lock=True)
            assert held is not None
            changed, queued = await broadcasts.step(connection, held, act, actor, self.bench.clock())
        await self.bench.bus.ring("jobs", queued)
        return changed

    async def feeds(self, pages: int = 50) -> None:
        """Run the jobs that are due, `pages` of them at most, without sending anything."""
        for _ in range(pages):
            async with self.database.read() as connection:
                due = await jobs.waiting(connection, self.bench.clock(), self.bench.clock() + timedelta(seconds=1), 10)
            if not due:
                return
            await self.worker.run(due)

    async def goes_out(self) -> list[str]:
        await self.feeds()
        await self.bench.send()
        return [message.address for message in self.bench.channel.sent]

    async def counts(self, row: BroadcastRow) -> dict[str, int]:
        async with self.database.read() as connection:
            return await stored.counts(connection, row.id)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


async def approved(office: Office, **values: Any) -> BroadcastRow:
    row = await office.written(**values)
    await office.takes(row, Act.FREEZE)
    return await office.takes(row, Act.APPROVE)


async def test_everybody_of_the_region_gets_it_once_with_their_number(office: Office) -> None:
    await office.people("35.10.16.2001", "35.10.17.2001", "64.71.01.1001")
    row = await approved(office, region="35.10")
    assert sorted(await office.goes_out()) == ["chat 1", "chat 2"]
    assert "PRL-0001" in office.bench.channel.sent[0].text
    assert "berhenti" in office.bench.channel.sent[0].text
    assert await office.counts(row) == {"sent": 2}
    async with office.database.read() as connection:
        after = await stored.by_id(connection, row.id)
    assert after is not None
    assert (after.status, after.total, after.approved_by) == ("done", 2, "budi")


async def test_nobody_gets_anything_before_it_is_approved_and_the_list_never_changes(office: Office) -> None:
    await office.people("35.10.16.2001")
    row = await office.takes(await office.written(), Act.FREEZE)
    assert await office.goes_out() == []
    async with office.database.write() as connection:
        await connection.execute(
            insert(CHATS).values(
                id=9, channel="simulator", address_hash=b"9", address="chat 9", person_id=1,
                last_inbound_at=NOON, created_at=NOON,
            )
        )  # fmt: skip
    await office.takes(row, Act.APPROVE)
    assert await office.goes_out() == ["chat 1"]
    with pytest.raises(NotPossibleError):
        await office.takes(row, Act.FREEZE)


async def test_many_recipients_need_a_second_pair_of_eyes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.domain.broadcasts.FOUR_EYES_ABOVE", 1)
    await office.people("35.10.16.2001", "35.10.16.2001")
    row = await office.takes(await office.written(), Act.FREEZE)
    with pytest.raises(NotPossibleError, match="somebody else"):
        await office.takes(row, Act.APPROVE, "ani")
    await office.takes(row, Act.APPROVE, "budi")


async def test_who_opts_out_or_blocks_us_in_between_gets_nothing(office: Office) -> None:
    await office.people(*["35.10.16.2001"] * 4)
    row = await approved(office)
    async with office.database.write() as connection:
        await connection.execute(update(PEOPLE).where(PEOPLE.c.id == 1).values(notifications=False))
        await connection.execute(update(CHATS).where(CHATS.c.id == 2).values(reachable=False))
    await office.feeds()
    async with office.database.write() as connection:  # after it was queued, before it was sent
        await people.set_notifications(connection, [3], False, NOON)
    await office.bench.send()
    assert [message.address for message in office.bench.channel.sent] == ["chat 4"]
    assert await office.counts(row) == {"passed": 2, "cancelled": 1, "sent": 1}
    async with office.database.read() as connection:
        reasons = {r.person_id: r.reason for r in await stored.recipients(connection, row.id, "passed", Page())}
    assert reasons == {1: "opted_out", 2: "unreachable"}


async def test_it_stops_when_paused_goes_on_when_resumed_and_ends_when_called_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "PAGE", 1)
    await office.people(*["35.10.16.2001"] * 4)
    row = await approved(office)
    await office.feeds(1)
    await office.takes(row, Act.PAUSE)
    assert len(await office.goes_out()) == 1
    await office.takes(row, Act.RESUME)
    await office.feeds(1)
    await office.takes(row, Act.CANCEL)
    assert len(await office.goes_out()) == 1, "what was queued and not sent is called back"
    assert await office.counts(row) == {"sent": 1, "cancelled": 1, "passed": 2}


async def test_two_feeders_at_once_or_one_that_dies_write_to_nobody_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasts, "PAGE", 2)
    await office.people(*["35.10.16.2001"] * 7)
    row = await approved(office)
    await office.takes(await office.takes(row, Act.PAUSE), Act.RESUME)  # now there are two jobs
    died: list[int] = []
    hand_over = broadcasts._hand_over

    async def dies_once(*given: Any) -> list[int]:
        made = await hand_over(*given)
        if not died:
            died.append(1)
            raise ConnectionError("the database went away before the commit")
        return made

    monkeypatch.setattr(broadcasts, "_hand_over", dies_once)
    with pytest.raises(ConnectionError):
        await office.feeds(1)
    office.bench.clock.passes(minutes=10)  # its lease has run out
    assert sorted(await office.goes_out()) == [f"chat {n}" for n in range(1, 8)]
    assert died


@pytest.mark.parametrize(
    ("moment", "arrives"),
    [
        (datetime(2026, 11, 23, 12, 30, tzinfo=UTC), ["chat 1"]),  # 19.30 in the west, 20.30 and 21.30 further east
        (datetime(2026, 11, 22, 22, 30, tzinfo=UTC), ["chat 3"]),  # 05.30, 06.30, 07.30
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), []),
    ],
)
async def test_it_wakes_nobody(office: Office, moment: datetime, arrives: list[str]) -> None:
    await office.people("35.10.16.2001", "64.71.01.1001", "91.71.01.1001")
    office.bench.clock.time = moment
    row = await approved(office)
    assert await office.goes_out() == arrives
    async with office.database.read() as connection:
        held = await stored.by_id(connection, row.id)
    assert held is not None
    assert held.status == "sending"
    office.bench.clock.time = NOON + timedelta(days=1)
    assert sorted(await office.goes_out()) == ["chat 1", "chat 2", "chat 3"]


async def test_what_failed_is_sent_again_when_asked_and_what_is_unknown_is_not(office: Office) -> None:
    await office.people(*["35.10.16.2001"] * 3)
    row = await approved(office)
    office.bench.channel.faults = [SendError("63016"), SendError("time-out", maybe_sent=True)]
    assert len(await office.goes_out()) == 1
    assert await office.counts(row) == {"failed": 1, "unknown": 1, "sent": 1}
    await office.takes(row, Act.RETRY)
    assert len(await office.goes_out()) == 2
    assert await office.counts(row) == {"unknown": 1, "sent": 2}


async def test_one_that_is_put_off_waits_for_its_moment(office: Office) -> None:
    await office.people("35.10.16.2001")
    await approved(office, not_before=NOON + timedelta(hours=2))
    assert await office.goes_out() == []
    office.bench.clock.passes(hours=2)
    assert await office.goes_out() == ["chat 1"]


async def test_a_page_costs_the_same_statements_for_any_number_of_people(office: Office) -> None:
    await office.people(*["35.10.16.2001"] * 40)
    row = await approved(office)
    with sent_to(office.database) as statements:
        await office.feeds(1)
    async with office.database.read() as connection:
        assert len((await connection.execute(select(OUTBOX.c.id))).all()) == 40
        assert (
            len((await connection.execute(select(RECIPIENTS.c.id).where(RECIPIENTS.c.state == "queued"))).all()) == 40
        )
    assert len(statements) <= 20, "nothing is asked a person"
    assert row.total == 40


@pytest.mark.parametrize(
    ("template", "params", "wrong"),
    [
        (Template.STATUS, {}, ""),
        (Template.STATUS, {"place": "Balai"}, "status takes nothing"),
        (Template.DEADLINE, {}, "deadline takes day"),
        (Template.DEADLINE, {"day": " "}, "day: one line"),
        (Template.DEADLINE, {"day": "besok\nKlik"}, "day: one line"),
        (Template.DEADLINE, {"day": "buka https://perlinsos.example"}, "day: no addresses"),
        (Template.DEADLINE, {"day": "x" * 81}, "day: one line"),
    ],
)
def test_what_is_filled_in_is_looked_at(template: Template, params: dict[str, str], wrong: str) -> None:
    found = problem_of(template, params)
    assert found.startswith(wrong) if wrong else not found
