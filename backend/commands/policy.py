"""`perlinsos policy`: check, compare, try out, propose and activate rule sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.commands.common import err, fail, load_settings, open_database, out, with_database
from backend.db import Database
from backend.parts import now
from backend.policy.comparison import differences
from backend.policy.components import load_components
from backend.policy.loading import FOLDER, load_baseline, load_rule_sets
from backend.policy.located import PolicyError
from backend.policy.rulesets import NoRuleSet, Rule, RuleSet, RuleSets
from backend.repositories import decisions, policies
from backend.repositories.accounts import UserRow
from backend.repositories.policies import VersionRow
from backend.services import rulebook
from backend.services.accounts import log_in
from backend.services.policy_simulation import Simulation, simulate
from backend.services.rulebook import PolicyRefused, Rulebook
from bot.texts import Catalogue

policy_app = typer.Typer(no_args_is_help=True, help="The rules of the selection: check, compare, try out, activate.")
Folder = Annotated[Path, typer.Option(help="where the policy files lie; without it those of the release")]
Name = Annotated[str, typer.Argument(help="a rule set and its version: pkh-pilot@2026-2")]
Who = Annotated[str, typer.Option("--by", help="your console login; the password is asked for")]


@policy_app.command()
def check(folder: Annotated[Path, typer.Argument(help="a folder of policy files")] = FOLDER) -> None:
    """Read every file of a folder, and say what is wrong with file and line."""
    loaded = _load(folder)
    missing = _missing_texts(loaded.all)
    if missing:
        err.print("These texts are missing in locales/id/LC_MESSAGES/reasons.po:", style="red")
        for key in missing:
            err.print(f"  {key}", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    table = Table("rule set", "version", "programme", "regions", "in force", "rules", "content")
    for rules in loaded.all:
        days = f"{rules.start} – {rules.end or ''}"
        regions = ", ".join(rules.regions) or "all"
        table.add_row(rules.id, rules.version, rules.programme, regions, days, str(len(rules.rules)), rules.digest[:12])
    out.print(table)


@policy_app.command()
def diff(old: Name, new: Name, folder: Folder = FOLDER) -> None:
    """Say in words what differs between two versions of a folder."""
    loaded = _load(folder)
    before, after = _named(loaded, old), _named(loaded, new)
    sentences = differences(before, after)
    out.print(f"{new} beside {old}:" if sentences else f"{new} decides as {old} does.", markup=False, soft_wrap=True)
    for sentence in sentences:
        out.print(f"• {sentence}", markup=False, soft_wrap=True)


@policy_app.command("simulate")
def simulate_command(
    name: Name,
    folder: Folder = FOLDER,
    days: Annotated[int, typer.Option(min=1, max=3660, help="how far to look back")] = 30,
    chart: Annotated[Path | None, typer.Option(help="write a picture (PNG) here")] = None,
    progress: Annotated[bool, typer.Option(help="a bar on stderr")] = True,
) -> None:
    """Show what a version would have made of those who were decided lately. Nothing is written, nobody is told."""
    candidate = _named(_load(folder), name)
    until = now()
    since = until - timedelta(days=days)

    async def run(database: Database) -> Simulation:
        async with database.read() as connection:
            current = await Rulebook(load_baseline()).current(connection)
            total = await decisions.count_judged(connection, since, until)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, disable=not progress) as bar:
            task = bar.add_task("simulation", total=total)
            return await simulate(database, current, candidate, since, until, lambda done: bar.advance(task, done))

    found = with_database(run)
    _tell(found, name, since, until)
    if chart is not None:
        from backend.commands.policy_chart import draw  # half a second of imports, for a picture only

        draw(found, name, chart)
        out.print(f"The picture is in {chart}.", markup=False, soft_wrap=True)


def _tell(found: Simulation, name: str, since: datetime, until: datetime) -> None:
    out.print(
        f"{name} over {found.applicants:,} applicants decided from {since:%Y-%m-%d} to {until:%Y-%m-%d}; "
        f"{found.concerned:,} of them are concerned.",
        markup=False,
        soft_wrap=True,
    )
    moves = Table("outcome today", "with the new version", "applicants")
    for (before, after), count in sorted(found.moves.items()):
        moves.add_row(before, after, f"{count:,}", style="bold" if before != after else None)
    out.print(moves)
    rules = Table("rule", "hits today", "with the new version", "difference")
    for code in sorted(found.hits_before.keys() | found.hits_after.keys()):
        was, will = found.hits_before[code], found.hits_after[code]
        rules.add_row(code, f"{was:,}", f"{will:,}", f"{will - was:+,}" if will != was else "")
    out.print(rules)
    for datum, count in sorted(found.missing.items()):
        out.print(
            f"{datum} was not asked then: {count:,} applicants could only wait for it.", markup=False, soft_wrap=True
        )


@policy_app.command()
def propose(name: Name, by: Who, folder: Folder = FOLDER) -> None:
    """Lay a version of a folder before a second person."""
    loaded = _load(folder)
    rules = _named(loaded, name)
    missing = _missing_texts([rules])
    if missing:
        fail("Citizens would miss these texts: " + ", ".join(missing))

    async def act(connection: AsyncConnection, person: UserRow, at: datetime) -> VersionRow:
        return await rulebook.propose(connection, Rulebook(load_baseline()), rules, person, at)

    _signed(by, act)
    out.print(
        f"{name} is proposed. Somebody else activates it: perlinsos policy activate {name}",
        markup=False,
        soft_wrap=True,
    )


@policy_app.command()
def activate(name: Name, by: Who) -> None:
    """Put a proposed version into force, as the second person."""
    rule_set, version = _parts(name)

    async def act(connection: AsyncConnection, person: UserRow, at: datetime) -> VersionRow:
        return await rulebook.activate(connection, Rulebook(load_baseline()), rule_set, version, person, at)

    row = _signed(by, act)
    out.print(
        f"{name} decides from {row.starts_on.isoformat()} on. What was decided stays as it is.",
        markup=False,
        soft_wrap=True,
    )


@policy_app.command()
def withdraw(name: Name, by: Who) -> None:
    """Take a version back that has not begun to decide."""
    rule_set, version = _parts(name)

    async def act(connection: AsyncConnection, person: UserRow, at: datetime) -> VersionRow:
        return await rulebook.withdraw(connection, rule_set, version, person, at)

    _signed(by, act)
    out.print(f"{name} is taken back.", markup=False, soft_wrap=True)


@policy_app.command("list")
def list_command() -> None:
    """Every version: those of the release, and those that people proposed."""

    async def read(database: Database) -> list[VersionRow]:
        async with database.read() as connection:
            return await policies.all_versions(connection)

    table = Table("rule set", "version", "begins", "state", "proposed by", "activated by", "content")
    for rules in load_baseline().all:
        begins = rules.start.isoformat()
        table.add_row(rules.id, rules.version, begins, "active", "release", "release", rules.digest[:12])
    for row in with_database(read):
        begins = row.starts_on.isoformat()
        table.add_row(
            row.rule_set, row.version, begins, row.state, row.proposed_by, row.activated_by or "", row.digest[:12]
        )
    out.print(table)


def _signed(login: str, act: Callable[[AsyncConnection, UserRow, datetime], Awaitable[VersionRow]]) -> VersionRow:
    """Do it as the person who knows this login's password."""
    password = typer.prompt("Password", hide_input=True, err=True)
    settings = load_settings()

    async def run() -> VersionRow | None:
        database = open_database(settings)
        at = now()
        try:
            person = await log_in(database, login, password, at)
            if person is None:
                return None
            async with database.write() as connection:
                return await act(connection, person, at)
        finally:
            await database.close()

    try:
        row = asyncio.run(run())
    except PolicyRefused as refused:
        fail(str(refused))
    if row is None:
        fail(f"{login}: login or password is wrong, or the login is locked")
    return row


def _load(folder: Path) -> RuleSets:
    try:
        load_components(folder)
        loaded = load_rule_sets(folder)
        load_baseline(folder)
    except PolicyError as error:
        for problem in error.problems:
            err.print(str(problem), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    return loaded


def _named(loaded: RuleSets, name: str) -> RuleSet:
    rule_set, version = _parts(name)
    try:
        return loaded.get(rule_set, version)
    except NoRuleSet:
        known = ", ".join(f"{rules.id}@{rules.version}" for rules in loaded.all)
        fail(f"{name} is not in this folder; there are {known}")


def _parts(name: str) -> tuple[str, str]:
    rule_set, separator, version = name.partition("@")
    if not separator or not rule_set or not version:
        fail(f"{name}: write rule set and version as pkh-pilot@2026-2", 2)
    return rule_set, version


def _missing_texts(all_rules: Iterable[RuleSet]) -> list[str]:
    """Texts that citizens would read about a rule and that the catalogue does not have."""
    known = Catalogue().keys()
    needed = {key for rules in all_rules for rule in rules.rules for key in _texts_of(rule)}
    return sorted(needed - known)


def _texts_of(rule: Rule) -> Iterable[str]:
    needed = [rule.kind, "why"]
    if rule.kind == "against":
        needed.append("short")
    if rule.contestable:
        needed.extend(("evidence", "for"))
    return [f"reasons.{rule.code}.{name}" for name in needed]
