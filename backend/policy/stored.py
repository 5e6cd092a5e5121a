"""Rule sets as they rest in the database: their whole content, so that a decision can be replayed without any file."""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from backend.policy.expressions import compile_expression, names_in
from backend.policy.rulesets import DatumSpec, Rule, RuleSet, Threshold, digest_of


class ContentChanged(ValueError):
    """A stored rule set is not what its digest says: somebody wrote into the database past this service."""


def from_content(content: Mapping[str, Any], title: str, digest: str) -> RuleSet:
    """The rule set of `rulesets.content_of`. Raises `ContentChanged`."""
    file, effective = content["file"], content["file"]["effective"]
    data = {
        name: DatumSpec(name, type_, source, owner, _value(unknown), optional)
        for name, (type_, source, owner, unknown, optional) in content["data"].items()
    }
    thresholds = {
        name: Threshold(_value(default), {code: _value(value) for code, value in by_region.items()})
        for name, (default, by_region) in content["thresholds"].items()
    }
    built = RuleSet(
        id=file["id"],
        version=file["version"],
        programme=file["programme"],
        title=title,
        regions=tuple(file["regions"]),
        start=date.fromisoformat(effective["start"]),
        end=date.fromisoformat(effective["until"]) if effective["until"] else None,
        data=data,
        thresholds=thresholds,
        rules=tuple(_rule(written, data, thresholds) for written in content["rules"]),
        digest="",
    )
    found = digest_of(built)
    if found != digest:
        raise ContentChanged(f"{built.id} {built.version}: the content has the digest {found}, not {digest}")
    return replace(built, digest=digest)


def _rule(written: list[Any], data: Mapping[str, DatumSpec], thresholds: Mapping[str, Threshold]) -> Rule:
    code, kind, order, datum, when, limit, evidence, contestable, decisive = written
    names = names_in(when)
    return Rule(
        code=code,
        kind=kind,
        order=order,
        datum=datum,
        when=when,
        reads=tuple(sorted(names & data.keys())),
        uses=tuple(sorted(names & thresholds.keys())),
        limit=limit,
        evidence=tuple(evidence),
        contestable=contestable,
        decisive=decisive,
        hits=compile_expression(when),
    )


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
