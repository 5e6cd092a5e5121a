"""Judging one person by one rule set. A pure function: the same inputs give the same verdict, today and at a replay."""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from backend.policy.rulesets import DatumSpec, Rule, RuleSet
from backend.policy.values import (
    SOURCE_UNAVAILABLE,
    Datum,
    DatumLike,
    NamedDatum,
    OutcomeKind,
    Reason,
    ReasonKind,
    RuleResult,
    Value,
    Verdict,
    fits,
)


class BadDatum(ValueError):
    """A source answered with something of another type: the gateway must read it properly. Names the datum, not the
    value, which is personal."""


def evaluate(
    rule_set: RuleSet,
    inputs: Mapping[str, DatumLike],
    *,
    region: str,
    disputed: Collection[str] = (),
) -> Verdict:
    """The verdict on a person who lives in `region` ("35.10.16"), from what the sources said.

    A datum that is absent from `inputs`, or whose value is None, was not answered: that is never a refusal, the verdict
    waits. `disputed` names data that an appeal showed to be wrong: rules that read them are left out, as far as an
    appeal may contest them at all. Of several decisive rules that hit, the first in order decides by itself; otherwise
    a refusal waits for all sources, so that the person learns all reasons at once. Raises `BadDatum`.
    """
    values = {spec.name: _known(spec, inputs[spec.name]) for spec in rule_set.data.values() if spec.name in inputs}
    set_aside = {name for rule in rule_set.rules if rule.contestable for name in rule.reads} & set(disputed)
    read = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    limits = rule_set.limits(region)
    results = {rule.code: _result(rule, read, limits, set_aside) for rule in rule_set.rules}

    def reasons(kind: ReasonKind, only_decisive: bool = False) -> list[Reason]:
        return [
            _reason(rule, rule_set, inputs, values, region)
            for rule in rule_set.rules
            if results[rule.code] == "hit" and rule.kind == kind and (rule.decisive or not only_decisive)
        ]

    def verdict(outcome: OutcomeKind, found: list[Reason]) -> Verdict:
        return Verdict(outcome, tuple(found), rule_set.ref, tuple(results.items()))

    first = next((rule for rule in rule_set.rules if rule.decisive and results[rule.code] == "hit"), None)
    if first is not None and first.kind == "wait":
        return verdict("waiting", reasons("wait", only_decisive=True))
    against = reasons("against")
    if first is not None:
        return verdict("not_eligible", against)
    waiting = reasons("wait") + _unanswered(rule_set, values, set_aside)
    if waiting:
        return verdict("waiting", waiting)
    if against:
        return verdict("not_eligible", against)
    return verdict("eligible", reasons("for") + _upheld(rule_set, results))


def gather(
    rule_set: RuleSet, answers: Iterable[NamedDatum], unavailable: Collection[str], asked_on: date
) -> dict[str, DatumLike]:
    """The inputs of `evaluate` from what the data owners answered.

    `unavailable` names the owners (by code) that did not answer. One who answered without a datum knows nothing about
    the person; what that means says the rule set (`unknown`), as of the day of asking. Data that no rule reads are left
    out, so that no more is kept of a person than decides.
    """
    found = list(answers)
    inputs: dict[str, DatumLike] = {datum.name: datum for datum in found if datum.name in rule_set.data}
    for spec in rule_set.data.values():
        if spec.name not in inputs and spec.unknown is not None and spec.source not in unavailable:
            inputs[spec.name] = Datum(spec.unknown, spec.source, asked_on)
    return inputs


def _known(spec: DatumSpec, datum: DatumLike) -> Value | None:
    """The value if it has the declared type; a sequence becomes a tuple."""
    value = datum.value
    if value is None:
        return None
    if not fits(spec.type, value):
        raise BadDatum(f"{spec.name} must be a {spec.type}")
    return value if isinstance(value, bool | int | float | str) else tuple(value)


def _result(rule: Rule, values: Mapping[str, Any], limits: Mapping[str, Any], set_aside: set[str]) -> RuleResult:
    """`values` as expressions read them: lists are lists."""
    if set_aside and not set_aside.isdisjoint(rule.reads):
        return "disputed"
    context: dict[str, Any] = {}
    for name in rule.reads:
        value = context[name] = values.get(name)
        if value is None:
            return "missing"
    for name in rule.uses:
        context[name] = limits[name]
    return "hit" if rule.hits(context) else "clear"


def _reason(
    rule: Rule,
    rule_set: RuleSet,
    inputs: Mapping[str, DatumLike],
    values: Mapping[str, Value | None],
    region: str,
) -> Reason:
    datum = inputs[rule.datum]
    return Reason(
        code=rule.code,
        kind=rule.kind,
        datum=rule.datum,
        value=values[rule.datum],
        limit=rule_set.thresholds[rule.limit].for_region(region) if rule.limit else None,
        owner=_owner_name(rule_set.data[rule.datum], datum.owner),
        as_of=datum.as_of,
        evidence=rule.evidence,
        contestable=rule.contestable,
    )


def _unanswered(rule_set: RuleSet, values: Mapping[str, Value | None], set_aside: set[str]) -> list[Reason]:
    """One wait reason for each owner that has not answered for data some rule needs; `value` lists those data."""
    needed = dict.fromkeys(name for rule in rule_set.rules for name in rule.reads)
    by_owner: dict[str, list[str]] = {}
    for name in needed:
        spec = rule_set.data[name]
        if values.get(name) is None and not spec.optional and name not in set_aside:
            by_owner.setdefault(spec.owner, []).append(name)
    return [
        Reason(SOURCE_UNAVAILABLE, "wait", names[0], tuple(names), None, owner, None)
        for owner, names in by_owner.items()
    ]


def _upheld(rule_set: RuleSet, results: Mapping[str, RuleResult]) -> list[Reason]:
    """A successful appeal is a reason for acceptance, one for each rule that it took out of the way."""
    return [
        Reason(rule.code, "for", rule.datum, None, None, rule_set.data[rule.datum].owner, None)
        for rule in rule_set.rules
        if rule.kind == "against" and rule.contestable and results[rule.code] == "disputed"
    ]


def _owner_name(spec: DatumSpec, owner: str) -> str:
    """The owner's name for citizens; gateways speak of owners by code ("pln")."""
    return spec.owner if owner == spec.source else owner
