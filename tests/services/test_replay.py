"""`perlinsos select --replay`: a decision is made again from what it stored, and a difference is told."""

from __future__ import annotations

import asyncio

from sqlalchemy import update

from backend.db import Database
from backend.models import Decision, table
from backend.policy.loading import load_baseline
from backend.repositories import decisions
from backend.sandbox.residents import load_residents
from backend.services.replay import replay
from backend.services.rulebook import Rulebook
from tests.command_line import Runner
from tests.services.conftest import Desk
from tests.services.test_policy_commands import decided

BAMBANG, SUMIATI = load_residents()[1:3]
DECISIONS = table(Decision)


async def differences(desk: Desk) -> list[tuple[str, ...]]:
    async with desk.database.read() as connection:
        found = await decisions.full(connection)
        return [tuple(one.differences) for one in await replay(connection, Rulebook(load_baseline()), found)]


async def test_a_decision_is_reproduced_and_a_changed_one_is_found_out(desk: Desk) -> None:
    await desk.decided(BAMBANG)
    await desk.decided(SUMIATI)
    assert await differences(desk) == [(), ()]
    async with desk.database.read() as connection:
        first, second = await decisions.full(connection)
    changed = {
        **first.inputs,
        "data": {**first.inputs["data"], "power_va": {"value": 450, "owner": "pln", "as_of": None}},
    }
    unknown = {**second.inputs, "digest": "0" * 64}
    async with desk.database.write() as connection:
        for row, inputs in ((first, changed), (second, unknown)):
            await connection.execute(update(DECISIONS).where(DECISIONS.c.id == row.id).values(inputs=inputs))
    assert await differences(desk) == [
        (
            "the outcome is eligible, stored is not_eligible",
            "the rule electricity is clear, stored is hit",
            "the reasons are decile_in_target, has_smp, stored are electricity",
        ),
        ("no rule set with the content 000000000000… was ever in force here",),
    ]


async def test_a_reason_with_another_figure_is_found_out(desk: Desk) -> None:
    await desk.decided(BAMBANG)
    async with desk.database.write() as connection:
        [row] = await decisions.full(connection)
        reasons = [{**row.reasons[0], "limit": 900}]
        await connection.execute(update(DECISIONS).values(reasons=reasons))
    assert await differences(desk) == [("the reason electricity has another limit",)]


def test_the_command_says_what_came_out(run: Runner) -> None:
    asyncio.run(decided(run.url))
    assert "4 of 4 decisions are reproduced bit for bit" in run("select", "--replay", "all").stdout
    assert "reproduced bit for bit" in run("select", "--replay", "PRL-1").stdout
    assert run("select", "--replay", "PRL-NONE").exit_code == 1

    async def lose() -> None:
        database = Database(run.url)
        async with database.write() as connection:
            await connection.execute(update(DECISIONS).where(DECISIONS.c.id == 2).values(outcome="eligible"))
        await database.close()

    asyncio.run(lose())
    changed = run("select", "--replay", "all")
    assert (changed.exit_code, "decision 2" in changed.stdout, "3 of 4 decisions" in changed.stdout) == (1, True, True)
