"""A decision made again from what it stored: the same data, the same rules, and whether the same comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.policy.evaluation import evaluate
from backend.policy.rulesets import NoRuleSet, RuleSet
from backend.policy.values import Datum, Verdict
from backend.repositories.decisions import FullDecision
from backend.services.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Replayed:
    """`differences` says where the decision is not reproduced; empty: bit for bit the same. They hold no datum."""

    decision_id: int
    decided_at: datetime
    outcome: str
    rule_set: str
    version: str
    differences: Sequence[str]


async def replay(connection: AsyncConnection, book: Rulebook, found: Sequence[FullDecision]) -> list[Replayed]:
    """These decisions, each made again."""
    return [
        Replayed(
            row.id,
            row.decided_at,
            row.outcome,
            row.rule_set,
            row.rule_set_version,
            tuple([difference async for difference in _again(connection, book, row)]),
        )
        for row in found
    ]


async def _again(connection: AsyncConnection, book: Rulebook, row: FullDecision) -> AsyncIterator[str]:
    if not row.inputs:
        yield "its person was erased: what it was made of is gone"
        return
    try:
        rules = await book.by_digest(connection, row.inputs["digest"])
    except NoRuleSet as error:
        yield str(error)
        return
    for difference in _compare(row, rules, judge(row.inputs, rules)):
        yield difference


def judge(inputs: Mapping[str, Any], rules: RuleSet) -> Verdict:
    """The verdict on stored inputs of a decision."""
    data = {name: Datum.from_json(datum) for name, datum in inputs["data"].items()}
    return evaluate(rules, data, region=inputs["region"], disputed=inputs["disputed"])


def _compare(row: FullDecision, rules: RuleSet, verdict: Verdict) -> Iterator[str]:
    if (rules.id, rules.version) != (row.rule_set, row.rule_set_version):
        yield f"the content belongs to {rules.id} {rules.version}, the decision names {row.rule_set} {row.rule_set_version}"
    if verdict.outcome != row.outcome:
        yield f"the outcome is {verdict.outcome}, stored is {row.outcome}"
    stored: Mapping[str, str] = row.inputs["results"]
    for code, result in verdict.results:
        if stored.get(code) != result:
            yield f"the rule {code} is {result}, stored is {stored.get(code, 'nothing')}"
    for code in stored.keys() - dict(verdict.results).keys():
        yield f"the rule {code} is stored and not in the rule set"
    reasons = [reason.to_json() for reason in verdict.reasons]
    if orjson.dumps(reasons) != orjson.dumps(row.reasons):
        yield from _reasons(reasons, row.reasons)


def _reasons(made: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    codes = [reason["code"] for reason in made], [reason["code"] for reason in stored]
    if codes[0] != codes[1]:
        yield f"the reasons are {', '.join(codes[0])}, stored are {', '.join(codes[1])}"
        return
    for one, other in zip(made, stored, strict=True):
        for name in one.keys() | other.keys():
            if one.get(name) != other.get(name):
                yield f"the reason {one['code']} has another {name}"
