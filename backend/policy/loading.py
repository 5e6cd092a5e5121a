"""From a folder of policy files to rule sets: everything is checked before anybody is judged by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from backend.policy.expressions import BadExpression, compile_expression, names_in, try_out
from backend.policy.located import Document, Location, PolicyError, Problem, check, read
from backend.policy.rulesets import DatumSpec, Rule, RuleSet, RuleSets, Threshold, digest_of, overlapping
from backend.policy.schema import (
    BaselineFile,
    ComponentsFile,
    DatumEntry,
    EvidenceFile,
    PlainValue,
    RegionalThreshold,
    RuleEntry,
    RuleSetFile,
    TableFile,
)
from backend.policy.values import Value, fits

FOLDER = Path(__file__).parent
_KINDS: Mapping[str, type[BaseModel]] = {
    "rule_set": RuleSetFile,
    "table": TableFile,
    "evidence": EvidenceFile,
    "components": ComponentsFile,
    "baseline": BaselineFile,
}
_SAMPLES: Mapping[str, Any] = {"number": 1, "boolean": False, "text": "none", "list": []}


@dataclass(slots=True)
class Files:
    """The checked files of a folder by kind, each with the document that knows its lines."""

    rule_sets: list[tuple[Document, RuleSetFile]] = field(default_factory=list)
    tables: dict[str, TableFile] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)
    components: list[tuple[Document, ComponentsFile]] = field(default_factory=list)
    baselines: list[tuple[Document, BaselineFile]] = field(default_factory=list)


def load_rule_sets(folder: Path = FOLDER) -> RuleSets:
    """All rule sets of a folder; raises `PolicyError` that lists every problem with its file and line."""
    return _rule_sets(read_files(folder), folder)


def load_baseline(folder: Path = FOLDER) -> RuleSets:
    """The rule sets that a fresh installation decides by: those that the baseline of a folder lists.

    Every later version is proposed and activated. A listed one that was edited in place raises `PolicyError`: decisions
    refer to it, so what changes is a new version.
    """
    files = read_files(folder)
    loaded = {f"{rules.id} {rules.version}": rules for rules in _rule_sets(files, folder).all}
    problems: list[Problem] = []
    for document, file in files.baselines:
        for name, digest in file.versions.items():
            if name not in loaded:
                problems.append(document.problem(("versions", name), f"{name} is not in this folder"))
            elif loaded[name].digest != digest:
                told = f"{name} was edited in place: write a new version (its content is now {loaded[name].digest})"
                problems.append(document.problem(("versions", name), told))
    if problems:
        raise PolicyError(problems)
    return RuleSets(tuple(loaded[name] for _, file in files.baselines for name in file.versions))


def _rule_sets(files: Files, folder: Path) -> RuleSets:
    by_name = {f"{file.id} {file.version}": file for _, file in files.rule_sets}
    problems = [] if files.rule_sets else [Problem(folder.name, 1, "there is no rule set in this folder")]
    loaded: list[tuple[Document, RuleSet]] = []
    for document, file in files.rule_sets:
        try:
            base = _base(document, file, by_name)
            loaded.append((document, _Builder(document, file, base, files).build()))
        except PolicyError as error:
            problems.extend(error.problems)
    for (_, one), (document, other) in combinations(loaded, 2):
        if (one.id, one.version) == (other.id, other.version):
            problems.append(document.problem(("version",), f"{one.id} {one.version} is defined a second time"))
        elif overlapping(one, other):
            problems.append(
                document.problem(("effective",), f"is in force at the same time and place as {one.id} {one.version}")
            )
    if problems:
        raise PolicyError(problems)
    return RuleSets(tuple(rules for _, rules in loaded))


def read_files(folder: Path) -> Files:
    """Read and check the shape of every `*.yaml` of a folder, each by what its `kind` says it is."""
    files = Files()
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            _sort_in(files, read(path))
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(problems)
    return files


def _sort_in(files: Files, document: Document) -> None:
    kind = document.content.get("kind") if isinstance(document.content, dict) else None
    model = _KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise PolicyError([document.problem(("kind",), f"kind must be one of {', '.join(_KINDS)}")])
    file = check(document, model)
    if isinstance(file, RuleSetFile):
        files.rule_sets.append((document, file))
    elif isinstance(file, TableFile):
        files.tables[file.id] = file
    elif isinstance(file, EvidenceFile):
        files.evidence.update(file.codes)
    elif isinstance(file, ComponentsFile):
        files.components.append((document, file))
    elif isinstance(file, BaselineFile):
        files.baselines.append((document, file))


def _base(document: Document, file: RuleSetFile, by_name: Mapping[str, RuleSetFile]) -> RuleSetFile | None:
    if file.based_on is None:
        return None
    base = by_name.get(file.based_on)
    if base is None:
        raise PolicyError([document.problem(("based_on",), f"{file.based_on} is not in this folder")])
    if base.based_on is not None:
        raise PolicyError([document.problem(("based_on",), f"{file.based_on} is itself based on another rule set")])
    return base


class _Builder:
    """Builds one rule set and collects what is wrong with it."""

    def __init__(self, document: Document, file: RuleSetFile, base: RuleSetFile | None, files: Files) -> None:
        self.document, self.file, self.files = document, file, files
        self.base = base
        self.problems: list[Problem] = []
        entries = {**(base.data if base else {}), **file.data}
        self.data = {n: self._datum(n, e) for n, e in entries.items()}
        self.thresholds = {n: self._threshold(n, t) for n, t in (base.thresholds if base else {}).items()}
        self.thresholds |= {n: self._threshold(n, t) for n, t in file.thresholds.items()}

    def build(self) -> RuleSet:
        rules = self._rules()
        self._regions_covered()
        effective = self.file.effective
        if effective.until is not None and effective.until < effective.start:
            self._complain(("effective",), "ends before it begins")
        if self.problems:
            raise PolicyError(self.problems)
        file = self.file
        built = RuleSet(
            id=file.id,
            version=file.version,
            programme=file.programme,
            title=file.title,
            regions=tuple(file.regions),
            start=file.effective.start,
            end=file.effective.until,
            data=self.data,
            thresholds=self.thresholds,
            rules=rules,
            digest="",
        )
        return replace(built, digest=digest_of(built))

    def _complain(self, location: Location, message: str) -> None:
        self.problems.append(self.document.problem(location, message))

    def _datum(self, name: str, entry: DatumEntry) -> DatumSpec:
        unknown = None if entry.unknown is None else _frozen(entry.unknown)
        if unknown is not None and not fits(entry.type, unknown):
            self._complain(("data", name, "unknown"), f"{name}: unknown must be a {entry.type}")
        return DatumSpec(name, entry.type, entry.source, entry.owner, unknown, entry.optional)

    def _threshold(self, name: str, written: PlainValue | RegionalThreshold) -> Threshold:
        if not isinstance(written, RegionalThreshold):
            return Threshold(_frozen(written))
        by_region = dict(written.by_region)
        if written.table is not None:
            table = self.files.tables.get(written.table)
            if table is None:
                self._complain(("thresholds", name, "table"), f"table {written.table} is not in this folder")
            by_region = {**(table.values if table else {}), **by_region}
        default = None if written.default is None else _frozen(written.default)
        values = {code: _frozen(value) for code, value in by_region.items()}
        # An expression is tried out on one of them, so the others must be of its type.
        if len({type(value) for value in [default, *values.values()] if value is not None}) > 1:
            self._complain(("thresholds", name), f"{name} must have values of one type in all regions")
        return Threshold(default, values)

    def _rules(self) -> tuple[Rule, ...]:
        own = [(("rules", index), entry) for index, entry in enumerate(self.file.rules)]
        replaced = {entry.code for entry in self.file.rules}
        inherited = self.base.rules if self.base else []
        kept = [(("based_on",), entry) for entry in inherited if entry.code not in replaced]
        codes: set[str] = set()
        rules: list[Rule] = []
        located: list[tuple[Location, RuleEntry]] = [*own, *kept]
        for location, entry in located:
            if entry.code in codes:
                self._complain((*location, "code"), f"rule {entry.code} is written a second time")
            codes.add(entry.code)
            rule = self._rule(location, entry)
            if rule is not None:
                rules.append(rule)
        if not located:
            self._complain(("rules",), "a rule set needs at least one rule")
        return tuple(sorted(rules, key=lambda rule: (rule.order, rule.code)))

    def _rule(self, location: Location, entry: RuleEntry) -> Rule | None:
        before = len(self.problems)
        if entry.limit is not None and entry.limit not in self.thresholds:
            self._complain((*location, "limit"), f"{entry.code}: threshold {entry.limit} is not defined")
        for index, code in enumerate(entry.evidence):
            if code not in self.files.evidence:
                self._complain((*location, "evidence", index), f"{entry.code}: evidence {code} is not in the list")
        if entry.contestable and not entry.evidence:
            self._complain((*location, "contestable"), f"{entry.code}: say which evidence contests it")
        try:
            names = names_in(entry.when)
            hits = compile_expression(entry.when)
            self._names_known(location, entry, names)
            if len(self.problems) > before:
                return None
            try_out(hits, self._sample(names))
        except BadExpression as error:
            self._complain((*location, "when"), f"{entry.code}: {error}")
            return None
        return Rule(
            code=entry.code,
            kind=entry.kind,
            order=entry.order,
            datum=entry.datum,
            when=entry.when,
            reads=tuple(sorted(names & self.data.keys())),
            uses=tuple(sorted(names & self.thresholds.keys())),
            limit=entry.limit or "",
            evidence=tuple(entry.evidence),
            contestable=entry.contestable,
            decisive=entry.decisive,
            hits=hits,
        )

    def _names_known(self, location: Location, entry: RuleEntry, names: frozenset[str]) -> None:
        for name in sorted(names - self.data.keys() - self.thresholds.keys()):
            self._complain((*location, "when"), f"{entry.code}: {name} is neither a datum nor a threshold")
        if entry.datum not in names:
            self._complain((*location, "datum"), f"{entry.code}: the expression does not read {entry.datum}")

    def _sample(self, names: frozenset[str]) -> dict[str, Any]:
        data = {name: _SAMPLES[self.data[name].type] for name in names & self.data.keys()}
        for name in names & self.thresholds.keys():
            threshold = self.thresholds[name]
            value = next(iter(threshold.by_region.values()), threshold.default)
            data[name] = list(value) if isinstance(value, tuple) else value
        return data

    def _regions_covered(self) -> None:
        for name, threshold in self.thresholds.items():
            uncovered = [region for region in self.file.regions or [""] if threshold.for_region(region) is None]
            if uncovered:
                where = ", ".join(uncovered).strip() or "a region that is not listed"
                self._complain(("thresholds", name), f"{name} has no value for {where}: give a default")


def _frozen(value: PlainValue) -> Value:
    return tuple(value) if isinstance(value, list) else value
