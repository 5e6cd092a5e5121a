"""A small day of chaos: everything is broken once while a few people write, and nothing is lost, doubled or out of order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import Plan, live

TURNS, KILLS, SEED, SECONDS = 400, 6, 4, 24.0


@pytest.mark.timeout(400)
async def test_nothing_is_lost_doubled_or_out_of_order_while_everything_is_broken(
    tmp_path: Path, nlu_model: Path
) -> None:
    outcome = await live(Plan(TURNS, KILLS, SEED, SECONDS), tmp_path)
    print(outcome.line())
    assert outcome.verdict.faults == []
    assert (outcome.turns, outcome.kills) == (TURNS, KILLS)
    assert outcome.verdict.replayed > 20
    assert outcome.doubled_webhooks > 0
