"""Versions: the later one takes over on its day, what is stored is what was read, and a difference is told in words."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from backend.policy.comparison import differences
from backend.policy.evaluation import evaluate
from backend.policy.loading import load_baseline, load_rule_sets
from backend.policy.located import PolicyError
from backend.policy.rulesets import RuleSets, Threshold, content_of, digest_of
from backend.policy.stored import ContentChanged, from_content
from backend.policy.values import Datum, Verdict
from tests.policy import stories
from tests.policy.versions import stricter, with_version

BEGINS = date(2026, 12, 1)


def test_the_version_that_began_last_decides(tmp_path: Path) -> None:
    later = stricter(tmp_path, "2026-2", BEGINS)
    both = RuleSets((*load_baseline().all, later))
    assert both.pick("pkh", "35.10.16", date(2026, 11, 30)).version == "2026-1"
    assert both.pick("pkh", "35.10.16", BEGINS) is later
    assert both.pick("pkh", "35.09.01", BEGINS).id == "pkh"


def test_a_later_version_for_fewer_regions_leaves_the_others_to_the_general_rules(tmp_path: Path) -> None:
    with_version(tmp_path, "2026-2", BEGINS)
    path = tmp_path / "pkh-pilot-2026-2.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('["35.10", "64.71"]', '["35.10"]'), encoding="utf-8")
    loaded = load_rule_sets(tmp_path)
    assert loaded.pick("pkh", "64.71", date(2026, 11, 30)).id == "pkh-pilot"
    assert loaded.pick("pkh", "64.71", BEGINS).id == "pkh"


def test_two_versions_may_not_begin_on_the_same_day(tmp_path: Path) -> None:
    with_version(tmp_path, "2026-2", date(2026, 1, 1))
    with pytest.raises(PolicyError, match=r"pkh-pilot-2026-2\.yaml:\d+: is in force at the same time and place"):
        load_rule_sets(tmp_path)


def test_what_came_with_the_release_is_not_edited_in_place(tmp_path: Path) -> None:
    with_version(tmp_path, "2026-2", BEGINS)
    path = tmp_path / "pkh-2026-1.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("power_va_limit: 1300 ", "power_va_limit: 900 "))
    with pytest.raises(PolicyError, match=r"baseline\.yaml:\d+: pkh 2026-1 was edited in place: write a new version"):
        load_baseline(tmp_path)


def test_a_stored_rule_set_is_the_one_that_was_read(tmp_path: Path) -> None:
    rules = stricter(tmp_path, "2026-2", BEGINS)
    content = json.loads(json.dumps(content_of(rules)))
    again = from_content(content, rules.title, rules.digest)
    assert again == rules
    content["thresholds"]["decile_highest"][0] = 9
    with pytest.raises(ContentChanged):
        from_content(content, rules.title, rules.digest)


def test_every_difference_is_told_in_words(tmp_path: Path) -> None:
    more = """
rules:
  - code: electricity
    kind: against
    order: 30
    datum: power_va
    when: power_va >= power_va_limit
    limit: power_va_limit
    contestable: true
    evidence: [electricity_bill, house_photo]
  - code: car
    kind: against
    order: 40
    datum: car
    when: car
data:
  car: {type: boolean, source: samsat, owner: Samsat}
"""
    loaded = load_rule_sets(with_version(tmp_path, "2026-2", BEGINS, more=more))
    told = differences(loaded.get("pkh-pilot", "2026-1"), loaded.get("pkh-pilot", "2026-2"))
    assert told == [
        "It is in force from 2026-12-01 on instead of from 2026-01-01 on.",
        "The datum car (Samsat) is read in addition.",
        "The threshold decile_highest is 3 instead of 2.",
        "The threshold power_va_limit is 900 instead of 1,300.",
        "The rule electricity hits when power_va >= power_va_limit; before it hit when power_va > power_va_limit.",
        "Against the rule electricity one can send electricity_bill, house_photo; before electricity_bill, "
        "electricity_meter.",
        "The rule car is new: it refuses when car.",
    ]
    assert differences(loaded.get("pkh", "2026-1"), loaded.get("pkh", "2026-1")) == []


APPLICANTS = 10_000


def _applicant(chance: random.Random) -> dict[str, bool | int | str | tuple[str, ...] | None]:
    return {
        "consent_data_access": chance.random() < 0.95,
        "nik_active": chance.random() < 0.97,
        "kk_registered_by_other": chance.random() < 0.05,
        "decile": chance.choice([None, *range(11)]),
        "power_va": chance.choice([None, 450, 900, 1300, 2200]),
        "income": chance.choice([None, 0, chance.randrange(9_000_000)]),
        "account_turnover": chance.choice([0, chance.randrange(200_000_000)]),
        "components": tuple(chance.choices(["sd", "smp", "lansia"], k=chance.randrange(3))),
        "civil_servant": chance.random() < 0.03,
    }


def test_ten_thousand_applicants_are_replayed_the_same_whatever_the_rules_became() -> None:
    """What was decided is decided again by the version that decided it, from what was stored, and comes out the same."""
    chance, home, day = random.Random(2026), stories.BANYUWANGI, date(2026, 11, 22)
    rules = load_rule_sets().pick("pkh", home, day)
    tighter = {**rules.thresholds, "power_va_limit": Threshold(900), "decile_highest": Threshold(1)}
    changed = replace(rules, version="2026-2", start=day, thresholds=tighter, digest="")
    changed = replace(changed, digest=digest_of(changed))
    later = RuleSets((rules, changed))
    assert later.pick("pkh", home, day) is changed
    differs = 0
    for _ in range(APPLICANTS):
        inputs = stories.person(**_applicant(chance))
        verdict = evaluate(rules, inputs, region=home)
        stored = json.dumps([verdict.to_json(), {name: datum.to_json() for name, datum in inputs.items()}])
        told, data = json.loads(stored)
        named = later.get(told["rule_set"]["id"], told["rule_set"]["version"])
        assert named.digest == told["rule_set"]["digest"]
        again = {name: Datum.from_json(datum) for name, datum in data.items()}
        assert evaluate(named, again, region=home) == verdict == Verdict.from_json(told)
        differs += evaluate(changed, again, region=home).outcome != verdict.outcome
    assert differs > APPLICANTS / 100
