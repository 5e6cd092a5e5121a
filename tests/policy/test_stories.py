"""Each of the twelve residents gets the decision that their story tells, by the rules that are shipped."""

from __future__ import annotations

from datetime import date

import pytest

from backend.policy.evaluation import evaluate
from backend.policy.loading import load_rule_sets
from backend.policy.values import Verdict
from tests.policy import stories as s

RULE_SETS = load_rule_sets()
TODAY = date(2026, 11, 22)


def judge(name: str, inputs: s.Inputs, disputed: frozenset[str] = frozenset()) -> Verdict:
    region = s.home(name)
    return evaluate(RULE_SETS.pick("pkh", region, TODAY), inputs, region=region, disputed=disputed)


@pytest.mark.parametrize(
    ("name", "outcome", "codes"),
    [
        ("Siti Aminah", "eligible", ["decile_in_target", "has_sd"]),
        ("Bambang Sutrisno", "not_eligible", ["electricity"]),
        ("Sumiati", "not_eligible", ["income"]),
        ("Nurhayati", "not_eligible", ["account_turnover"]),
        ("Andi Saputra", "waiting", ["identity_unproven"]),
        ("Ponirah", "eligible", ["decile_in_target", "has_lansia"]),
        ("Agus Hariyanto", "not_eligible", ["decile"]),
        ("Rahmawati", "not_eligible", ["electricity", "income", "no_component", "decile"]),
        ("Slamet Riyadi", "not_eligible", ["nik_inactive"]),
        ("Aminah Siti", "not_eligible", ["kk_registered"]),
        ("Joko Prasetyo", "eligible", ["decile_in_target", "has_sd"]),
        ("Wahyuni", "eligible", ["decile_in_target", "has_sd", "has_smp", "known_recipient"]),
    ],
)
def test_resident(name: str, outcome: str, codes: list[str]) -> None:
    verdict = judge(name, s.resident(name))
    assert (verdict.outcome, [reason.code for reason in verdict.reasons]) == (outcome, codes)


def test_joko_waits_while_ikd_does_not_answer_for_him() -> None:
    verdict = judge("Joko Prasetyo", s.resident("Joko Prasetyo", nik_active=None))
    assert (verdict.outcome, verdict.reasons[0].owner) == ("waiting", "Dukcapil")


def test_andi_is_accepted_once_he_has_proven_who_he_is() -> None:
    assert judge("Andi Saputra", s.resident("Andi Saputra", verification_level="ikd_verified")).outcome == "eligible"


def test_bambang_reads_figure_limit_owner_and_day() -> None:
    reason = judge("Bambang Sutrisno", s.BAMBANG).reasons[0]
    assert (reason.datum, reason.value, reason.limit) == ("power_va", 2200, 1300)
    assert (reason.owner, reason.as_of) == ("PLN", date(2026, 11, 12))
    assert reason.contestable
    assert reason.evidence == ("electricity_bill", "electricity_meter")


def test_income_limit_is_that_of_the_region_of_residence() -> None:
    limits = {
        region: evaluate(RULE_SETS.pick("pkh", region, TODAY), s.SUMIATI, region=region).reasons[0].limit
        for region in ("35.10.05", "64.71.05", "35.09.01", "92.01.01")
    }
    assert limits == {"35.10.05": 2_989_145, "64.71.05": 3_856_694, "35.09.01": 2_446_880, "92.01.01": 5_729_876}


def test_bambang_is_accepted_once_his_electricity_is_corrected() -> None:
    verdict = judge("Bambang Sutrisno", s.BAMBANG, disputed=frozenset({"power_va"}))
    assert verdict.outcome == "eligible"
    assert "electricity" in [reason.code for reason in verdict.reasons if reason.kind == "for"]
    assert dict(verdict.results)["electricity"] == "disputed"
