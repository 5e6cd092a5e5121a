"""The rules that decide: what came with the release, and every version that two people put into force since.

A version lies in the database with its whole content. Every process looks there before it decides, so all of them judge by
the same rules from the day on which a version begins, and no restart is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain.regions import lies_in
from backend.policy.rulesets import NoRuleSet, RuleSet, RuleSets, content_of, overlapping
from backend.policy.stored import from_content
from backend.repositories import audit, policies
from backend.repositories.accounts import UserRow
from backend.repositories.policies import VersionRow
from backend.services.accounts import UserRole
from backend.services.clock import local_day

Cause = Literal[
    "known_already", "changes_nothing", "overlaps", "begun_already", "unknown", "not_proposed", "same_person", "may_not"
]  # fmt: skip


class PolicyRefused(Exception):  # noqa: N818 - an answer, with its cause
    """A version cannot be proposed, activated or taken back; `cause` says why in a word."""

    def __init__(self, cause: Cause, note: str = "") -> None:
        super().__init__(f"{cause}: {note}" if note else cause)
        self.cause: Cause = cause
        self.note = note


class Rulebook:
    """The rule sets of the release and of the database. One instance a process: what was compiled once is kept."""

    def __init__(self, baseline: RuleSets) -> None:
        self._baseline = baseline
        self._known: dict[str, RuleSet] = {rules.digest: rules for rules in baseline.all}
        self._active: frozenset[str] = frozenset()
        self._all = baseline

    async def current(self, connection: AsyncConnection) -> RuleSets:
        """All rule sets that are in force, were, or will be. One small query; contents are read only when they are new."""
        active = await policies.active_digests(connection)
        if active != self._active:
            await self._learn(connection, active)
            shipped = [rules for rules in self._baseline.all if rules.digest not in active]
            self._all = RuleSets((*shipped, *(self._known[digest] for digest in sorted(active))))
            self._active = active
        return self._all

    async def by_digest(self, connection: AsyncConnection, digest: str) -> RuleSet:
        """The rules with this content, in force or not. Raises NoRuleSet."""
        if digest not in self._known:
            await self._learn(connection, {digest})
        if digest not in self._known:
            raise NoRuleSet(f"no rule set with the content {digest[:12]}… was ever in force here")
        return self._known[digest]

    async def _learn(self, connection: AsyncConnection, digests: set[str] | frozenset[str]) -> None:
        for stored in await policies.contents(connection, digests - self._known.keys()):
            self._known[stored.digest] = from_content(stored.content, stored.title, stored.digest)


# --- four eyes ---------------------------------------------------------------------------------------------------------


async def propose(
    connection: AsyncConnection, book: Rulebook, rules: RuleSet, person: UserRow, now: datetime
) -> VersionRow:
    """Store a version for somebody else to activate. Raises PolicyRefused."""
    _may(person, rules.regions)
    current = await book.current(connection)
    for other in current.all:
        if other.digest == rules.digest:
            raise PolicyRefused("changes_nothing", f"{other.id} {other.version} is in force with this very content")
        if (other.id, other.version) == (rules.id, rules.version):
            raise PolicyRefused("known_already", f"{rules.id} {rules.version} is in force: write a new version")
    _fits_beside(current, rules)
    values = {
        "rule_set": rules.id,
        "version": rules.version,
        "digest": rules.digest,
        "title": rules.title,
        "content": content_of(rules),
        "starts_on": rules.start,
        "proposed_by": person.login,
        "proposed_at": now,
    }
    try:
        async with connection.begin_nested():
            await policies.add(connection, values)
    except IntegrityError:
        raise PolicyRefused("known_already", f"{rules.id} {rules.version} is proposed already") from None
    row = await _living(connection, rules.id, rules.version)
    await audit.note(connection, [_act(row, "policy.proposed", person, now)])
    return row


async def activate(
    connection: AsyncConnection, book: Rulebook, rule_set: str, version: str, person: UserRow, now: datetime
) -> VersionRow:
    """Put a proposed version into force, by somebody else than who proposed it. Raises PolicyRefused.

    It may begin today, never on a day that has passed: what was decided stays explained by what was in force.
    """
    row = await _living(connection, rule_set, version)
    stored = await policies.content_by_id(connection, row.id)
    rules = from_content(stored.content, stored.title, stored.digest)
    _may(person, rules.regions)
    if row.state != "proposed":
        raise PolicyRefused("not_proposed", f"{rule_set} {version} is in force already")
    if person.login == row.proposed_by:
        raise PolicyRefused("same_person", f"{person.login} proposed it: a second person must look at it")
    if row.starts_on < local_day(now):
        raise PolicyRefused("begun_already", f"it would begin on {row.starts_on.isoformat()}, which has passed")
    _fits_beside(await book.current(connection), rules)
    await policies.change(connection, row.id, {"activated_by": person.login, "activated_at": now})
    await audit.note(connection, [_act(row, "policy.activated", person, now)])
    return await _living(connection, rule_set, version)


async def withdraw(
    connection: AsyncConnection, rule_set: str, version: str, person: UserRow, now: datetime
) -> VersionRow:
    """Take a proposal back, or one that is active and has not begun. Raises PolicyRefused."""
    row = await _living(connection, rule_set, version)
    stored = await policies.content_by_id(connection, row.id)
    _may(person, stored.content["file"]["regions"])
    if row.state == "active" and row.starts_on <= local_day(now):
        raise PolicyRefused("begun_already", f"{rule_set} {version} has begun to decide: a later version replaces it")
    await policies.change(connection, row.id, {"withdrawn_by": person.login, "withdrawn_at": now})
    await audit.note(connection, [_act(row, "policy.withdrawn", person, now)])
    return row


async def _living(connection: AsyncConnection, rule_set: str, version: str) -> VersionRow:
    row = await policies.living(connection, rule_set, version, lock=True)
    if row is None:
        raise PolicyRefused("unknown", f"{rule_set} {version} was never proposed here")
    return row


def _fits_beside(current: RuleSets, rules: RuleSet) -> None:
    for other in current.all:
        if overlapping(other, rules):
            raise PolicyRefused("overlaps", f"{other.id} {other.version} is in force at the same time and place")


def _may(person: UserRow, regions: Sequence[str]) -> None:
    """An admin of everywhere, or of a region in which all of the rule set lies."""
    inside = not person.region_code or (bool(regions) and all(lies_in(code, person.region_code) for code in regions))
    if person.role != UserRole.ADMIN or not inside:
        raise PolicyRefused("may_not", f"{person.login} is no admin of all regions that it concerns")


def _act(row: VersionRow, action: str, person: UserRow, now: datetime) -> audit.Act:
    data = {"rule_set": row.rule_set, "version": row.version, "digest": row.digest}
    return audit.Act(now, person.login, action, f"rule_set:{row.id}", data)
