"""Four eyes: a version decides once a second person has activated it, everywhere at once, and changes nothing decided."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from backend.models import AuditEvent, Decision
from backend.policy.loading import load_baseline
from backend.repositories.accounts import UserRow
from backend.sandbox.residents import load_residents
from backend.services.rulebook import PolicyRefused, Rulebook, activate, propose, withdraw
from tests.conftest import NOW
from tests.policy.versions import stricter
from tests.services.conftest import Desk

SITI, BAMBANG = load_residents()[:2]
BEGINS = date(2026, 12, 1)


def admin(login: str, region: str = "", role: str = "admin") -> UserRow:
    return UserRow(1, login, login, "", role, region, True, 0, None, NOW)


async def put_forward(desk: Desk, folder: Path, person: UserRow, start: date = BEGINS) -> None:
    async with desk.database.write() as connection:
        await propose(connection, Rulebook(load_baseline()), stricter(folder, "2026-2", start), person, desk.now)


async def put_into_force(desk: Desk, person: UserRow) -> None:
    async with desk.database.write() as connection:
        await activate(connection, Rulebook(load_baseline()), "pkh-pilot", "2026-2", person, desk.now)


async def test_a_version_of_two_people_decides_from_its_day_on_and_changes_no_decision(
    desk: Desk, tmp_path: Path
) -> None:
    _, _, before = await desk.decided(SITI)
    [old] = await desk.rows(Decision)
    await put_forward(desk, tmp_path, admin("ani"))
    await put_into_force(desk, admin("budi"))
    # The desk's own rulebook was made before: a process that runs learns of it without a restart.
    desk.later(days=8)
    _, _, after = await desk.decided(BAMBANG)
    [first] = await desk.rows(Decision, Decision.__table__.c.id == before)
    assert first == old
    [second] = await desk.rows(Decision, Decision.__table__.c.id == after)
    assert (first.rule_set_version, second.rule_set_version) == ("2026-1", "2026-1")
    desk.later(days=2)
    async with desk.database.read() as connection:
        rules = (await desk.executors.work.rulebook.current(connection)).pick("pkh", "35.10.16", desk.now.date())
    assert (rules.version, rules.thresholds["power_va_limit"].default) == ("2026-2", 900)
    acts = [(row.actor, row.action) for row in await desk.rows(AuditEvent) if row.action.startswith("policy")]
    assert acts == [("ani", "policy.proposed"), ("budi", "policy.activated")]


async def test_nobody_activates_their_own_proposal(desk: Desk, tmp_path: Path) -> None:
    await put_forward(desk, tmp_path, admin("ani"))
    with pytest.raises(PolicyRefused, match="same_person"):
        await put_into_force(desk, admin("ani"))
    with pytest.raises(IntegrityError):
        async with desk.database.write() as connection:
            await connection.exec_driver_sql("UPDATE rule_set_versions SET activated_by = 'ani'")


@pytest.mark.parametrize(
    "person", [admin("budi", role="reviewer"), admin("budi", role="auditor"), admin("budi", "35.10")]
)
async def test_only_an_admin_of_all_its_regions_signs(desk: Desk, tmp_path: Path, person: UserRow) -> None:
    with pytest.raises(PolicyRefused, match="may_not"):
        await put_forward(desk, tmp_path, person)
    await put_forward(desk, tmp_path, admin("ani"))
    with pytest.raises(PolicyRefused, match="may_not"):
        await put_into_force(desk, person)


async def test_what_nobody_activated_decides_nothing(desk: Desk, tmp_path: Path) -> None:
    await put_forward(desk, tmp_path, admin("ani"))
    async with desk.database.read() as connection:
        current = await desk.executors.work.rulebook.current(connection)
    assert {rules.version for rules in current.all} == {"2026-1"}


async def test_a_version_never_begins_in_the_past(desk: Desk, tmp_path: Path) -> None:
    await put_forward(desk, tmp_path, admin("ani"), NOW.date() - timedelta(days=1))
    with pytest.raises(PolicyRefused, match="begun_already"):
        await put_into_force(desk, admin("budi"))


async def test_a_version_is_taken_back_before_it_begins_and_not_after(desk: Desk, tmp_path: Path) -> None:
    await put_forward(desk, tmp_path, admin("ani"))
    async with desk.database.write() as connection:
        await withdraw(connection, "pkh-pilot", "2026-2", admin("ani"), desk.now)
    with pytest.raises(PolicyRefused, match="unknown"):
        await put_into_force(desk, admin("budi"))
    await put_forward(desk, tmp_path, admin("ani"))
    with pytest.raises(PolicyRefused, match="known_already"):
        await put_forward(desk, tmp_path, admin("budi"))
    await put_into_force(desk, admin("budi"))
    desk.later(days=10)
    with pytest.raises(PolicyRefused, match="begun_already"):
        async with desk.database.write() as connection:
            await withdraw(connection, "pkh-pilot", "2026-2", admin("ani"), desk.now)
