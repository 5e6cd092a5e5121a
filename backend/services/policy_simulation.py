"""What a version of a rule set would have made of those who were decided lately, before anybody activates it.

The stored inputs of their decisions are judged again; no source is asked, nothing is written, and nobody is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.db import Database
from backend.policy.evaluation import evaluate
from backend.policy.rulesets import RuleSet, RuleSets
from backend.policy.values import Datum
from backend.repositories import decisions
from backend.repositories.decisions import Judged

PAGE = 1000


@dataclass(slots=True)
class Simulation:
    """Counts over the applicants whose newest decision was made in the time looked at.

    `concerned` of them would be decided by the new version; the other figures are about these. `missing`: for how many
    a datum that the new version reads was not asked then, so that they could only wait.
    """

    applicants: int = 0
    concerned: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    hits_before: Counter[str] = field(default_factory=Counter)
    hits_after: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    @property
    def before(self) -> Counter[str]:
        """How many came to each outcome."""
        return self._outcomes(0)

    @property
    def after(self) -> Counter[str]:
        """How many would come to each outcome."""
        return self._outcomes(1)

    def _outcomes(self, place: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for move, count in self.moves.items():
            counts[move[place]] += count
        return counts


@dataclass(slots=True)
class _World:
    """The rules as they will be when `candidate` begins, and the data that each version in force until then reads."""

    candidate: RuleSet
    future: RuleSets
    read_then: Mapping[str, Mapping[str, Any]]
    _chosen: dict[str, bool] = field(default_factory=dict)

    def concerns(self, region: str) -> bool:
        """Whether the candidate will decide in this region."""
        if region not in self._chosen:
            picked = self.candidate.closeness(region) >= 0 and (
                self.future.pick(self.candidate.programme, region, self.candidate.start) is self.candidate
            )
            self._chosen[region] = picked
        return self._chosen[region]


async def simulate(
    database: Database,
    current: RuleSets,
    candidate: RuleSet,
    since: datetime,
    before: datetime,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Judge everybody decided from `since` to `before` by the rules that will hold when `candidate` begins.

    `progress` hears how many more were judged. Reads a page at a time, so the time looked at may hold millions.
    """
    others = [rules for rules in current.all if (rules.id, rules.version) != (candidate.id, candidate.version)]
    world = _World(candidate, RuleSets((*others, candidate)), {rules.digest: rules.data for rules in current.all})
    found = Simulation()
    after = 0
    while True:
        async with database.read() as connection:
            page = await decisions.judged(connection, since, before, after, PAGE)
        if not page:
            return found
        after = page[-1].id
        for row in page:
            _count(found, row, world)
        if progress is not None:
            progress(len(page))


def _count(found: Simulation, row: Judged, world: _World) -> None:
    found.applicants += 1
    candidate = world.candidate
    if not row.inputs or row.programme.lower() != candidate.programme or not world.concerns(row.inputs["region"]):
        return
    data: Mapping[str, Any] = row.inputs["data"]
    verdict = evaluate(
        candidate,
        {name: Datum.from_json(datum) for name, datum in data.items() if name in candidate.data},
        region=row.inputs["region"],
        disputed=row.inputs["disputed"],
    )
    found.concerned += 1
    found.moves[(row.outcome, verdict.outcome)] += 1
    found.hits_before.update(code for code, result in row.inputs["results"].items() if result == "hit")
    found.hits_after.update(code for code, result in verdict.results if result == "hit")
    read_then = world.read_then.get(row.inputs["digest"], candidate.data)
    found.missing.update(name for name, spec in candidate.data.items() if name not in read_then and not spec.optional)
