"""What each sandbox resident reads, from the shipped rules through the stored reasons to the words."""

from __future__ import annotations

from datetime import date

import pytest

from backend.policy.evaluation import evaluate
from backend.policy.loading import load_rule_sets
from backend.services.facts import reason_facts
from bot.facts import DecisionFacts
from tests.conversation import Conversation, means
from tests.dialogs.cases import DECIDED, facts_of, person, proven
from tests.policy import stories

RULE_SETS = load_rule_sets()
TODAY = date(2026, 11, 22)
WOMEN = {"Siti Aminah", "Sumiati", "Nurhayati", "Ponirah", "Rahmawati", "Aminah Siti", "Wahyuni"}

READ = {
    "Siti Aminah": ["Bu Siti", "memenuhi syarat", "desil 1", "anak usia SD"],
    "Bambang Sutrisno": ["Pak Bambang", "belum bisa menerima", "2.200 VA", "1.300 VA", "PLN", "12 November 2026"],
    "Sumiati": ["Bu Sumiati", "belum bisa menerima", "Rp9.800.000"],
    "Nurhayati": ["Bu Nurhayati", "belum bisa menerima", "Rp187.000.000"],
    "Andi Saputra": ["Pak Andi", "bukan penolakan", "Wajah"],
    "Ponirah": ["Bu Ponirah", "memenuhi syarat", "lansia"],
    "Agus Hariyanto": ["Pak Agus", "belum bisa menerima", "desil 5"],
    "Rahmawati": ["Bu Rahmawati", "1. ", "2. ", "3. ", "4. ", "desil 4"],
    "Slamet Riyadi": ["Pak Slamet", "belum bisa menerima", "NIK"],
    "Aminah Siti": ["Bu Aminah", "belum bisa menerima", "Kartu Keluarga"],
    "Joko Prasetyo": ["Pak Joko", "memenuhi syarat"],
    "Wahyuni": ["Bu Wahyuni", "memenuhi syarat", "anak usia SD", "anak usia SMP", "penerima PKH"],
}


def decided(name: str) -> Conversation:
    region = stories.home(name)
    verdict = evaluate(RULE_SETS.pick("pkh", region, TODAY), stories.resident(name), region=region)
    reasons = reason_facts([reason.to_json() for reason in verdict.reasons])
    until = date(2026, 12, 22) if verdict.outcome == "not_eligible" else None
    decision = DecisionFacts(21, verdict.outcome, reasons, DECIDED, until)
    who = person(1, name, "female" if name in WOMEN else "male")
    return proven(facts_of(who, decision=decision), means(ask_reason="kenapa"))


@pytest.mark.parametrize("name", READ)
def test_every_resident_reads_their_own_result(name: str) -> None:
    chat = decided(name).notice("decision", {"decision_id": 21})
    missing = [words for words in READ[name] if words not in chat.text]
    assert not missing, chat.text


@pytest.mark.parametrize("name", READ)
def test_every_resident_can_ask_why(name: str) -> None:
    chat = decided(name).says("kenapa")
    while chat.keys[-1] == "status.which_reason":
        for code in chat.options:
            chat.taps(code).expects(f"reasons.{code}.why").says("alasan lain")
        chat.taps(chat.options[0])
    assert chat.keys[-1].endswith(".why")


@pytest.mark.parametrize("name", [name for name, words in READ.items() if "belum bisa menerima" in words])
def test_every_refused_resident_is_told_what_helps_an_appeal(name: str) -> None:
    chat = decided(name).says("sanggah").says("1")
    chat.expects("appeal.photos_wanted")
    assert "tolong kirim foto" in chat.text


def test_four_reasons_fit_on_a_small_screen() -> None:
    chat = decided("Rahmawati").says("sanggah").says("semua").taps("data_wrong")
    chat.expects("appeal.photos_wanted_many")
    assert (
        "• Listrik: rekening atau token listrik bulan terakhir atau meteran listrik yang terbaca angkanya" in chat.text
    )
    assert len(chat.text) <= 650


GROUNDS = {
    "Bambang Sutrisno": ["data_wrong", "circumstances", "misused"],
    "Sumiati": ["data_wrong", "circumstances", "misused"],
    "Nurhayati": ["data_wrong", "circumstances", "misused"],
    "Agus Hariyanto": ["data_wrong", "circumstances", "household_wrong", "misused"],
    "Slamet Riyadi": ["data_wrong", "misused"],
    "Aminah Siti": ["data_wrong", "circumstances", "household_wrong", "misused"],
}


@pytest.mark.parametrize("name", GROUNDS)
def test_every_refused_resident_is_offered_the_grounds_that_fit(name: str) -> None:
    decided(name).says("sanggah").expects("appeal.which_ground", options=GROUNDS[name])
    for ground in GROUNDS[name][1:-1]:
        chat = decided(name).says("sanggah").taps(ground).expects(f"appeal.photos_{ground}")
        assert len(chat.text) <= 500
        chat.says("selesai").expects(f"appeal.statement_{ground}")


def test_rahmawati_contests_her_household_apart_from_her_electricity() -> None:
    """Four reasons: a wrong household touches her decile and nothing else of them."""
    chat = decided("Rahmawati").says("sanggah").says("desil").expects("appeal.which_ground")
    assert "household_wrong" in chat.options
    chat = decided("Rahmawati").says("sanggah").says("listrik").expects("appeal.which_ground")
    assert "household_wrong" not in chat.options
