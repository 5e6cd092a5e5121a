"""The values of the policy: what is known about a person, the rules of one month and region, and what came out.

All of it is frozen and survives JSON, because a decision stores its inputs and its verdict and is replayed from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, Protocol

Scalar = bool | int | float | str
Value = Scalar | tuple[str, ...]
ReasonKind = Literal["against", "for", "wait"]
OutcomeKind = Literal["eligible", "not_eligible", "waiting"]
RuleResult = Literal["hit", "clear", "missing", "disputed"]
DatumType = Literal["number", "boolean", "text", "list"]

# The reason of a datum that its owner has not answered. It is no rule of any file: it follows from what is missing.
SOURCE_UNAVAILABLE = "source_unavailable"
_SCALARS = (bool, int, float, str, NoneType)


class DatumLike(Protocol):
    """One answer of a source. `value` None: the owner has not answered; 0, "none" or an empty list are answers."""

    @property
    def value(self) -> Scalar | Sequence[str] | None: ...
    @property
    def owner(self) -> str: ...
    @property
    def as_of(self) -> date | None: ...


class NamedDatum(DatumLike, Protocol):
    """A datum that says which one it is."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Datum:
    """A datum with its owner ("PLN", "DTSEN") and the day for which the owner vouches for it."""

    value: Scalar | tuple[str, ...] | None
    owner: str
    as_of: date | None

    def to_json(self) -> dict[str, Any]:
        return plain(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Datum:
        return cls(_value(data["value"]), data["owner"], _from_day(data["as_of"]))


def plain(datum: DatumLike) -> dict[str, Any]:
    """A datum as it is stored."""
    value = datum.value
    return {
        "value": value if isinstance(value, _SCALARS) else list(value),
        "owner": datum.owner,
        "as_of": _day(datum.as_of),
    }


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict. `limit` is the threshold in the person's region; `evidence` lists what can contest it.

    Texts: `reasons.<code>.<kind>`, with `value`, `limit`, `owner` and `as_of` as parameters.
    """

    code: str
    kind: ReasonKind
    datum: str
    value: Value | None
    limit: Value | None
    owner: str
    as_of: date | None
    evidence: tuple[str, ...] = ()
    contestable: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """What the texts of this reason take, fit for JSON; figures and words only, the day in ISO form."""
        shown = {"value": self.value, "limit": self.limit}
        figures = {name: value for name, value in shown.items() if isinstance(value, int | float | str)}
        found = {name: value for name, value in figures.items() if not isinstance(value, bool)}
        return {**found, "owner": self.owner, **({"as_of": self.as_of.isoformat()} if self.as_of else {})}

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "kind": self.kind,
            "datum": self.datum,
            "value": _plain(self.value),
            "limit": _plain(self.limit),
            "owner": self.owner,
            "as_of": _day(self.as_of),
            "evidence": list(self.evidence),
            "contestable": self.contestable,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reason:
        return cls(
            code=data["code"],
            kind=data["kind"],
            datum=data["datum"],
            value=_value(data["value"]),
            limit=_value(data["limit"]),
            owner=data["owner"],
            as_of=_from_day(data["as_of"]),
            evidence=tuple(data["evidence"]),
            contestable=data["contestable"],
        )


@dataclass(frozen=True, slots=True)
class RuleSetRef:
    """Which rules decided. `digest` is the SHA-256 of their content: a replay finds out a file edited in place."""

    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say about one person.

    `reasons` are those of the outcome, ordered by what the person can act on: against for `not_eligible`, wait for
    `waiting`, for for `eligible`. `results` holds the result of every rule by its code. Eligible is not paid: the quota
    comes later and elsewhere.
    """

    outcome: OutcomeKind
    reasons: tuple[Reason, ...]
    rule_set: RuleSetRef
    results: tuple[tuple[str, RuleResult], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "reasons": [reason.to_json() for reason in self.reasons],
            "rule_set": {"id": self.rule_set.id, "version": self.rule_set.version, "digest": self.rule_set.digest},
            "results": [list(result) for result in self.results],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(
            outcome=data["outcome"],
            reasons=tuple(Reason.from_json(reason) for reason in data["reasons"]),
            rule_set=RuleSetRef(**data["rule_set"]),
            results=tuple((code, result) for code, result in data["results"]),
        )


def fits(type_: DatumType, value: object) -> bool:
    """Whether a value has the declared type of a datum. A yes or no is not a number, an endless number is none."""
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if type_ == "text":
        return isinstance(value, str)
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _plain(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(4096)
def _day(day: date | None) -> str | None:
    """Of many people's data there are few different days."""
    return day.isoformat() if day else None


def _from_day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
