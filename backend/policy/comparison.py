"""What differs between two rule sets, in words that an officer reads before they sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backend.policy.rulesets import DatumSpec, Rule, RuleSet, Threshold
from backend.policy.values import Value

_KINDS = {"against": "refuses", "for": "speaks for acceptance", "wait": "makes the decision wait"}


def differences(old: RuleSet, new: RuleSet) -> list[str]:
    """One sentence a difference, in the order of the file; empty when both decide alike."""
    return [*_frame(old, new), *_data(old, new), *_thresholds(old, new), *_rules(old, new)]


def _frame(old: RuleSet, new: RuleSet) -> Iterator[str]:
    if old.programme != new.programme:
        yield f"The programme is {new.programme} instead of {old.programme}."
    if set(old.regions) != set(new.regions):
        yield f"It is for {_regions(new)} instead of {_regions(old)}."
    if (old.start, old.end) != (new.start, new.end):
        yield f"It is in force {_days(new)} instead of {_days(old)}."


def _data(old: RuleSet, new: RuleSet) -> Iterator[str]:
    for name in sorted(old.data.keys() | new.data.keys()):
        before, after = old.data.get(name), new.data.get(name)
        if after is None:
            yield f"The datum {name} is no longer read."
        elif before is None:
            yield f"The datum {name} ({after.owner}) is read in addition."
        elif before != after:
            yield f"The datum {name} is described otherwise: {_spec(after)} instead of {_spec(before)}."


def _thresholds(old: RuleSet, new: RuleSet) -> Iterator[str]:
    for name in sorted(old.thresholds.keys() | new.thresholds.keys()):
        before, after = old.thresholds.get(name), new.thresholds.get(name)
        if after is None:
            yield f"The threshold {name} is gone."
        elif before is None:
            yield f"The threshold {name} is new: {_shown(after.default)}."
        else:
            yield from _threshold(name, before, after)


def _threshold(name: str, before: Threshold, after: Threshold) -> Iterator[str]:
    if before.default != after.default:
        yield f"The threshold {name} is {_shown(after.default)} instead of {_shown(before.default)}."
    for region in sorted(before.by_region.keys() | after.by_region.keys()):
        was, now = before.by_region.get(region), after.by_region.get(region)
        if now is None:
            yield f"The threshold {name} has no number of its own for {region} any more (it was {_shown(was)})."
        elif was != now:
            yield f"The threshold {name} for {region} is {_shown(now)} instead of {_shown(was)}."


def _rules(old: RuleSet, new: RuleSet) -> Iterator[str]:
    befores, afters = _by_code(old), _by_code(new)
    for code in [*befores, *(code for code in afters if code not in befores)]:
        before, after = befores.get(code), afters.get(code)
        if after is None:
            yield f"The rule {code} is gone."
        elif before is None:
            yield f"The rule {code} is new: it {_KINDS[after.kind]} when {after.when}."
        else:
            yield from _rule(before, after)


def _rule(before: Rule, after: Rule) -> Iterator[str]:
    code = before.code
    if before.kind != after.kind:
        yield f"The rule {code} now {_KINDS[after.kind]}; before it {_KINDS[before.kind]}."
    if before.when != after.when:
        yield f"The rule {code} hits when {after.when}; before it hit when {before.when}."
    if before.contestable != after.contestable:
        yield f"The rule {code} can {'now' if after.contestable else 'no longer'} be contested."
    if before.decisive != after.decisive:
        decides = "decides by itself" if after.decisive else "no longer decides by itself"
        yield f"The rule {code} {decides}, while sources are silent."
    if set(before.evidence) != set(after.evidence):
        yield f"Against the rule {code} one can send {_list(after.evidence)}; before {_list(before.evidence)}."
    if before.order != after.order:
        yield f"The rule {code} is told at place {after.order} instead of {before.order}."
    if (before.datum, before.limit) != (after.datum, after.limit):
        yield f"The rule {code} tells {_told(after)} instead of {_told(before)}."


def _by_code(rules: RuleSet) -> Mapping[str, Rule]:
    return {rule.code: rule for rule in rules.rules}


def _regions(rules: RuleSet) -> str:
    return ", ".join(rules.regions) or "every region"


def _days(rules: RuleSet) -> str:
    return f"from {rules.start.isoformat()} " + (f"to {rules.end.isoformat()}" if rules.end else "on")


def _spec(spec: DatumSpec) -> str:
    unknown = "" if spec.unknown is None else f", {_shown(spec.unknown)} when the owner knows nothing"
    return f"{spec.type} of {spec.owner} (source {spec.source}){', optional' if spec.optional else ''}{unknown}"


def _told(rule: Rule) -> str:
    return f"{rule.datum} with the limit {rule.limit}" if rule.limit else rule.datum


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words) or "nothing"


def _shown(value: Value | None) -> str:
    shown: Any = value
    if isinstance(value, tuple):
        return _list(value) if value else "an empty list"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{shown:,}"
    return "nothing" if value is None else str(shown)
