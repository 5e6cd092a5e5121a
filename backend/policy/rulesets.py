"""Rule sets: the rules of one programme in some regions for some time, and how the right one is picked."""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from backend.policy.values import DatumType, ReasonKind, RuleSetRef, Value


class NoRuleSet(LookupError):
    """No rule set is in force for this programme, region and day: load one before you select."""


@dataclass(frozen=True, slots=True)
class DatumSpec:
    """A datum that the rules read. `source` is the owner's code in the gateways, `owner` its name for citizens.

    `unknown`: what it means when the owner answered but knows nothing about the person (None: not answered).
    `optional`: when it is missing, the rules that read it are silent instead of waiting.
    """

    name: str
    type: DatumType
    source: str
    owner: str
    unknown: Value | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number (or list of words) that decides about a person, for all regions or with others for some of them."""

    default: Value | None
    by_region: Mapping[str, Value] = field(default_factory=dict)

    def for_region(self, code: str) -> Value | None:
        """The value of the nearest region around `code` ("35.10.16" -> "35.10" -> "35"), else the default."""
        for region in around(code):
            if region in self.by_region:
                return self.by_region[region]
        return self.default


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `when` is its expression, `hits` the same compiled: called with data and thresholds, it says yes or no.

    `limit` names the threshold that is told to the person. `decisive`: known by itself it refuses, even while sources
    are silent, so nobody's data are read for a decision that is already certain.
    """

    code: str
    kind: ReasonKind
    order: int
    datum: str
    when: str
    reads: tuple[str, ...]
    uses: tuple[str, ...]
    limit: str
    evidence: tuple[str, ...]
    contestable: bool
    decisive: bool
    hits: Callable[[Mapping[str, Any]], Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of `programme` in `regions` (empty: everywhere) from `start` to `end` (both included, None: open)."""

    id: str
    version: str
    programme: str
    title: str
    regions: tuple[str, ...]
    start: date
    end: date | None
    data: Mapping[str, DatumSpec]
    thresholds: Mapping[str, Threshold]
    rules: tuple[Rule, ...]
    digest: str
    _limits: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def limits(self, region: str) -> Mapping[str, Any]:
        """The thresholds of a region as expressions read them (lists are lists); worked out once a region."""
        known = self._limits.get(region)
        if known is None:
            values = {name: threshold.for_region(region) for name, threshold in self.thresholds.items()}
            known = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
            self._limits[region] = known
        return known

    @property
    def ref(self) -> RuleSetRef:
        return RuleSetRef(self.id, self.version, self.digest)

    def in_force(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day <= self.end)

    def closeness(self, region: str) -> int:
        """How closely the scope fits: the depth of the region that matches, 0 for everywhere, -1 for no match."""
        if not self.regions:
            return 0
        return max((code.count(".") + 1 for code in around(region) if code in self.regions), default=-1)


@dataclass(frozen=True, slots=True)
class RuleSets:
    """All rule sets of a folder."""

    all: tuple[RuleSet, ...]

    def pick(self, programme: str, region: str, day: date) -> RuleSet:
        """The rule set in force whose scope fits the region of residence most closely; raises `NoRuleSet`.

        Of several versions of one rule set that are in force, the one that began last counts.
        """
        newest: dict[str, RuleSet] = {}
        for rules in self.all:
            if rules.programme == programme and rules.in_force(day):
                newest[rules.id] = max(newest.get(rules.id, rules), rules, key=_age)
        fitting = [(rules.closeness(region), rules) for rules in newest.values()]
        best = max((depth for depth, _ in fitting), default=-1)
        if best < 0:
            raise NoRuleSet(f"no rule set of {programme} is in force in region {region} on {day.isoformat()}")
        return next(rules for depth, rules in fitting if depth == best)

    def get(self, id: str, version: str) -> RuleSet:  # noqa: A002 - the name that the files use
        """The one rule set with this id and version, in force or not; raises `NoRuleSet`."""
        for rules in self.all:
            if (rules.id, rules.version) == (id, version):
                return rules
        raise NoRuleSet(f"rule set {id} {version} is not loaded")


def content_of(rules: RuleSet) -> dict[str, Any]:
    """Everything about a rule set that decides, as JSON: what is stored, and what its digest is made of."""
    return {
        "file": {
            "id": rules.id,
            "version": rules.version,
            "programme": rules.programme,
            "regions": list(rules.regions),
            "effective": {"start": rules.start.isoformat(), "until": rules.end.isoformat() if rules.end else None},
        },
        "data": {n: [s.type, s.source, s.owner, _plain(s.unknown), s.optional] for n, s in rules.data.items()},
        "thresholds": {
            n: [_plain(t.default), {code: _plain(value) for code, value in t.by_region.items()}]
            for n, t in rules.thresholds.items()
        },
        "rules": [
            [r.code, r.kind, r.order, r.datum, r.when, r.limit, list(r.evidence), r.contestable, r.decisive]
            for r in rules.rules
        ],
    }


def digest_of(rules: RuleSet) -> str:
    """The SHA-256 of the content, in hexadecimal."""
    return hashlib.sha256(json.dumps(content_of(rules), sort_keys=True).encode()).hexdigest()


def around(code: str) -> tuple[str, ...]:
    """A region and what it lies in, narrowest first: "35.10.16" -> ("35.10.16", "35.10", "35")."""
    parts = code.split(".")
    return tuple(".".join(parts[:depth]) for depth in range(len(parts), 0, -1))


def overlapping(one: RuleSet, other: RuleSet) -> bool:
    """Whether some region and day would find two equally close rule sets. A later version of the same one takes over."""
    same_time = one.in_force(other.start) or other.in_force(one.start)
    if one.id == other.id:
        return one.start == other.start
    same_place = bool(set(one.regions) & set(other.regions)) or one.regions == other.regions
    return one.programme == other.programme and same_time and same_place


def _age(rules: RuleSet) -> tuple[date, tuple[int, ...]]:
    return rules.start, tuple(int(part) for part in rules.version.split("-"))


def _plain(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value
