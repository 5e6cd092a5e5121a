"""The shape of the policy files, as officers write them. Every field is checked, unknown ones are refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from backend.policy.values import DatumType, ReasonKind

Name = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]*$")]
RegionCode = Annotated[str, Field(strict=True, pattern=r"^\d{2}(\.\d{2}){0,3}$")]
FileId = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9-]*$")]
Version = Annotated[str, Field(strict=True, pattern=r"^\d{4}-\d+$")]
PlainValue = StrictBool | StrictInt | StrictFloat | StrictStr | list[StrictStr]
Rupiah = Annotated[int, Field(strict=True, gt=0)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatumEntry(_File):
    """A datum that rules read: `source` is the owner's code in the gateways, `owner` as the citizen reads it, `unknown`
    what it means when the owner answers but knows nothing about the person."""

    type: DatumType
    source: Name
    owner: StrictStr
    unknown: PlainValue | None = None
    optional: StrictBool = False


class RegionalThreshold(_File):
    """A threshold that differs by region: `default` elsewhere, or a table of another file."""

    default: PlainValue | None = None
    by_region: dict[RegionCode, PlainValue] = Field(default_factory=dict)
    table: FileId | None = None


class RuleEntry(_File):
    """One rule: `when` says on whom it hits."""

    code: Name
    kind: ReasonKind
    order: StrictInt
    datum: Name
    when: StrictStr
    limit: Name | None = None
    evidence: list[Name] = Field(default_factory=list)
    contestable: StrictBool = False
    decisive: StrictBool = False


class Effective(_File):
    """The days on which a rule set is in force, both included; an open end is written as null or left out."""

    start: date = Field(alias="from")
    until: date | None = None


class RuleSetFile(_File):
    """`based_on` ("pkh 2026-1") takes over data, rules and thresholds of that version; only what differs is written."""

    kind: Literal["rule_set"]
    id: FileId
    version: Version
    programme: FileId
    title: StrictStr
    regions: list[RegionCode] = Field(default_factory=list)
    effective: Effective
    based_on: Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9-]* \d{4}-\d+$")] | None = None
    data: dict[Name, DatumEntry] = Field(default_factory=dict)
    thresholds: dict[Name, PlainValue | RegionalThreshold] = Field(default_factory=dict)
    rules: list[RuleEntry] = Field(default_factory=list)


class TableFile(_File):
    """Numbers by region that several rule sets share, with where they were read."""

    kind: Literal["table"]
    id: FileId
    title: StrictStr
    source: StrictStr
    values: dict[RegionCode, PlainValue]


class EvidenceFile(_File):
    """The codes of everything that can be sent as evidence; their words stand in the catalogue."""

    kind: Literal["evidence"]
    codes: list[Name]


class ComponentEntry(_File):
    """One PKH component: rupiah a year, and how a household member comes to count."""

    amount: Rupiah
    group: Literal["health", "education", "welfare", "rights"]
    ages: tuple[StrictInt, StrictInt] | None = None


class ComponentsFile(_File):
    """The components of a year. A table holds from its first day until the next one begins."""

    kind: Literal["components"]
    id: FileId
    version: Version
    source: StrictStr
    effective: Effective
    most_per_family: Annotated[int, Field(strict=True, gt=0)]
    components: dict[Name, ComponentEntry]


class BaselineFile(_File):
    """The rule sets that a fresh installation decides by ("pkh 2026-1"), each with the SHA-256 of its content."""

    kind: Literal["baseline"]
    versions: dict[StrictStr, Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]]
