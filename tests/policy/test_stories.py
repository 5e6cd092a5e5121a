"""Each of the twelve residents gets the decision that their story tells, by the rules that are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from backend.policy.evaluation import evaluate
from backend.policy.loading import load_rule_sets
from backend.policy.values import Datum
from tests.policy import stories as s

RULE_SETS = load_rule_sets()
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("who", "region", "inputs", "outcome", "codes"),
    [
        ("Siti Aminah", s.BANYUWANGI, s.SITI, "eligible", ["decile_in_target", "has_sd"]),
        ("Bambang Sutrisno", "35.10.09", s.BAMBANG, "not_eligible", ["electricity"]),
        ("Sumiati", "35.10.05", s.SUMIATI, "not_eligible", ["income"]),
        ("Nurhayati", s.BALIKPAPAN, s.NURHAYATI, "not_eligible", ["account_turnover"]),
        ("Andi Saputra", "64.71.03", s.ANDI, "waiting", ["identity_unproven"]),
        ("Ponirah", "35.10.18", s.PONIRAH, "eligible", ["decile_in_target", "has_lansia"]),
        ("Agus Hariyanto", s.BANYUWANGI, s.AGUS, "not_eligible", ["decile"]),
        (
            "Rahmawati",
            "64.71.01",
            s.RAHMAWATI,
            "not_eligible",
            ["electricity", "income", "no_component", "decile"],
        ),
        ("Slamet Riyadi", s.BANYUWANGI, s.SLAMET, "not_eligible", ["nik_inactive"]),
        ("Aminah Siti", s.BANYUWANGI, s.AMINAH, "not_eligible", ["kk_registered"]),
        ("Joko Prasetyo, at first", s.BANYUWANGI, s.JOKO_UNANSWERED, "waiting", ["source_unavailable"]),
        ("Joko Prasetyo, later", s.BANYUWANGI, s.JOKO_LATER, "eligible", ["decile_in_target", "has_sd"]),
        (
            "Wahyuni",
            s.BANYUWANGI,
            s.WAHYUNI,
            "eligible",
            ["decile_in_target", "has_sd", "has_smp", "known_recipient"],
        ),
    ],
)
def test_resident(who: str, region: str, inputs: Mapping[str, Datum], outcome: str, codes: list[str]) -> None:
    verdict = evaluate(RULE_SETS.pick("pkh", region, TODAY), inputs, region=region)
    assert (verdict.outcome, [reason.code for reason in verdict.reasons]) == (outcome, codes), who


def test_bambang_reads_figure_limit_owner_and_day() -> None:
    reason = evaluate(RULE_SETS.pick("pkh", "35.10.09", TODAY), s.BAMBANG, region="35.10.09").reasons[0]
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
    rules = RULE_SETS.pick("pkh", "35.10.09", TODAY)
    verdict = evaluate(rules, s.BAMBANG, region="35.10.09", disputed={"power_va"})
    assert verdict.outcome == "eligible"
    assert "electricity" in [reason.code for reason in verdict.reasons if reason.kind == "for"]
    assert dict(verdict.results)["electricity"] == "disputed"
