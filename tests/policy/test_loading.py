"""Policy files are checked before anybody is judged by them, and every complaint names file and line."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from backend.policy.components import load_components
from backend.policy.loading import FOLDER, load_rule_sets
from backend.policy.located import PolicyError
from backend.policy.rulesets import NoRuleSet

BASE = "pkh-2026-1.yaml"
PILOT = "pkh-pilot-2026-1.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> int:
    """Replace the one place where `old` stands; the line (from 1) at which `new` begins."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} must stand once"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (BASE, "when: power_va > power_va_limit", "when: power_va > powr_limit", "powr_limit is neither"),
        (BASE, "when: power_va > power_va_limit", "when: power_va >", "cannot be read"),
        (BASE, "when: power_va > power_va_limit", "when: power_va + 1", "must answer yes or no"),
        (BASE, "when: power_va > power_va_limit", "when: power_va > 'high'", "does not fit the types"),
        (BASE, "when: power_va > power_va_limit", "when: power_va > date('now')", "date() is not allowed"),
        (BASE, "when: power_va > power_va_limit", "when: income > power_va_limit", "does not read power_va"),
        (BASE, "limit: power_va_limit", "limit: power_limit", "threshold power_limit is not defined"),
        (BASE, "evidence: [electricity_bill, electricity_meter]", "evidence: [gas_bill]", "evidence gas_bill"),
        (BASE, "evidence: [electricity_bill, electricity_meter]", "evidence: []", "say which evidence"),
        (BASE, "  - code: income\n", "  - code: electricity\n", "written a second time"),
        (BASE, "  power_va_limit: 1300 ", "  power_va_limit: 1300\n  power_va_limit: 2200 ", "a second time"),
        (BASE, "    default: 5729876\n", "", "give a default"),
        (BASE, "    default: 5729876\n", "    default: 5 juta\n", "of one type in all regions"),
        (BASE, "until: null}", "until: 2025-06-30}", "ends before it begins"),
        (BASE, "table: minimum-wages-2026", "table: minimum-wages-2027", "minimum-wages-2027 is not in this folder"),
        (BASE, "effective: {from: 2026-01-01, until: null}", "effective: {from: soon}", "effective.from"),
        (BASE, 'version: "2026-1"', "version: latest", "version"),
        (BASE, "programme: pkh", "programme: pkh\ncolour: red", "colour: Extra inputs"),
        (BASE, "kind: rule_set", "kind: rules", "kind must be one of"),
        (BASE, "  - code: income\n    kind: against", "  - code: income\n    kind: maybe", "rules"),
        (BASE, "source: pln, owner: PLN, unknown: 0}", "source: pln, owner: PLN, unknown: none}", "must be a number"),
        (PILOT, "based_on: pkh 2026-1", "based_on: pkh 2026-7", "pkh 2026-7 is not in this folder"),
        (PILOT, "based_on: pkh 2026-1", "based_on: pkh-pilot 2026-1", "is itself based on another"),
        (PILOT, 'regions: ["35.10", "64.71"]', "regions: [35.10]", "regions.0"),
        (PILOT, 'regions: ["35.10", "64.71"]', "regions: []", "same time and place as pkh 2026-1"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(folder: Path, file: str, old: str, new: str, message: str) -> None:
    edit(folder / file, old, new)
    with pytest.raises(PolicyError) as caught:
        load_rule_sets(folder)
    matching = [problem for problem in caught.value.problems if message in problem.message]
    assert matching, str(caught.value)
    assert matching[0].file == file


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("when: power_va > power_va_limit", "when: power_va > powr_limit"),
        ("evidence: [electricity_bill, electricity_meter]", "evidence: [gas_bill]"),
        ("kind: rule_set", "kind: rules"),
        ("programme: pkh\n", "programme: 7\n"),
    ],
)
def test_the_line_is_the_right_one(folder: Path, old: str, new: str) -> None:
    line = edit(folder / BASE, old, new)
    with pytest.raises(PolicyError) as caught:
        load_rule_sets(folder)
    assert f"{BASE}:{line}: " in str(caught.value)


def test_broken_yaml_is_told_with_its_line(folder: Path) -> None:
    line = edit(folder / BASE, "rules:\n", "rules: [\n")
    with pytest.raises(PolicyError) as caught:
        load_rule_sets(folder)
    problem = caught.value.problems[0]
    assert (problem.file, problem.message.split(":")[0]) == (BASE, "broken YAML")
    assert problem.line >= line


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    edit(folder / BASE, "when: power_va > power_va_limit", "when: power_va > powr_limit")
    edit(folder / BASE, "when: income > income_limit", "when: incme > income_limit")
    with pytest.raises(PolicyError) as caught:
        load_rule_sets(folder)
    messages = "\n".join(problem.message for problem in caught.value.problems)
    assert "powr_limit" in messages
    assert "incme" in messages


def test_a_folder_without_rules_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no rule set"):
        load_rule_sets(tmp_path)


def test_the_closest_region_wins() -> None:
    rule_sets = load_rule_sets()
    day = date(2026, 11, 22)
    assert rule_sets.pick("pkh", "35.10.16", day).id == "pkh-pilot"
    assert rule_sets.pick("pkh", "64.71", day).id == "pkh-pilot"
    assert rule_sets.pick("pkh", "35.09.01", day).id == "pkh"
    assert rule_sets.pick("pkh", "", day).id == "pkh"


def test_outside_its_days_no_rule_set_is_found() -> None:
    with pytest.raises(NoRuleSet, match="2025-12-31"):
        load_rule_sets().pick("pkh", "35.10.16", date(2025, 12, 31))
    with pytest.raises(NoRuleSet, match="sembako"):
        load_rule_sets().pick("sembako", "35.10.16", date(2026, 11, 22))


def test_a_new_version_leaves_the_old_one_as_it_was(folder: Path) -> None:
    before = load_rule_sets(folder).get("pkh-pilot", "2026-1")
    edit(folder / PILOT, "until: null", "until: 2026-11-30")
    text = (folder / PILOT).read_text(encoding="utf-8").replace('version: "2026-1"', 'version: "2026-2"')
    text = text.replace("from: 2026-01-01, until: 2026-11-30", "from: 2026-12-01, until: null")
    (folder / "pkh-pilot-2026-2.yaml").write_text(text.replace("decile_highest: 2", "decile_highest: 3"))
    rule_sets = load_rule_sets(folder)
    assert rule_sets.pick("pkh", "35.10.16", date(2026, 11, 30)).version == "2026-1"
    later = rule_sets.pick("pkh", "35.10.16", date(2026, 12, 1))
    assert (later.version, later.thresholds["decile_highest"].default) == ("2026-2", 3)
    assert before.thresholds["decile_highest"].default == 2
    assert before.digest != later.digest


def test_the_digest_tells_an_edited_number_and_nothing_else(folder: Path) -> None:
    digest = load_rule_sets(folder).get("pkh-pilot", "2026-1").digest
    edit(folder / BASE, "# VA\n", "# volt-ampere\n")
    assert load_rule_sets(folder).get("pkh-pilot", "2026-1").digest == digest
    edit(folder / BASE, "power_va_limit: 1300 ", "power_va_limit: 900 ")
    assert load_rule_sets(folder).get("pkh-pilot", "2026-1").digest != digest


def test_a_pilot_rule_set_takes_over_the_rules_it_is_based_on() -> None:
    rule_sets = load_rule_sets()
    base, pilot = rule_sets.get("pkh", "2026-1"), rule_sets.get("pkh-pilot", "2026-1")
    assert pilot.rules == base.rules
    assert (pilot.thresholds["decile_highest"].default, base.thresholds["decile_highest"].default) == (2, 4)


def test_an_unknown_component_is_told_with_its_line(folder: Path) -> None:
    line = edit(folder / "components-2025.yaml", "  ham: {", "  hamm: {")
    with pytest.raises(PolicyError) as caught:
        load_components(folder)
    assert str(caught.value) == f"components-2025.yaml:{line}: hamm is not a PKH component"
