"""`/api/v1/rule-sets`: the rules that decide, decided, or will. They are read here; people sign them with `perlinsos policy`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from backend.api.auth import Parts
from backend.api.problems import missing
from backend.api.schemas import RuleSetList, RuleSetRead, RuleSetSummary
from backend.policy.loading import load_baseline
from backend.policy.rulesets import NoRuleSet, RuleSet
from backend.repositories import policies
from backend.repositories.policies import VersionRow
from backend.services.rulebook import Rulebook

router = APIRouter(prefix="/api/v1/rule-sets", tags=["rule sets"])
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="the SHA-256 of the content, as decisions name it")]
_BASELINE = load_baseline()
_BOOK = Rulebook(_BASELINE)


@router.get("", summary="Every version: of the release, and those that people proposed")
async def list_rule_sets(parts: Parts) -> RuleSetList:
    async with parts.database.read() as connection:
        rows = await policies.all_versions(connection)
    return RuleSetList(items=[*map(_proposed, rows), *map(_shipped, _BASELINE.all)])


@router.get("/{digest}", summary="The rules of one version that is or was in force")
async def read_rule_set(digest: Digest, parts: Parts) -> RuleSetRead:
    async with parts.database.read() as connection:
        try:
            rules = await _BOOK.by_digest(connection, digest)
        except NoRuleSet:
            raise missing("rule set") from None
    return RuleSetRead.of(rules)


def _shipped(rules: RuleSet) -> RuleSetSummary:
    return RuleSetSummary(
        rule_set=rules.id,
        version=rules.version,
        digest=rules.digest,
        title=rules.title,
        starts_on=rules.start,
        state="active",
        proposed_by="release",
        activated_by="release",
    )


def _proposed(row: VersionRow) -> RuleSetSummary:
    return RuleSetSummary.model_validate(row)
