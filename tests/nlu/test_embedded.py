from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from backend.gateways.http import HttpClient
from backend.parts import load_nlu
from backend.settings import Settings
from nlu.embedded import EmbeddedEngine
from nlu.model import Model, Rule
from nlu.training import Report
from nlu.understanding import FALLBACK, INTENTS, NluError, Understands


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("pak kenapa ya saya ini ditolak, padahal janda dan anak masih tiga", "ask_reason"),
        ("pripun nggih carane ndaftar bantuan niki", "register"),
        ("NIK sy kok dipake org lain", "report_misuse"),
        ("makasiiiih bgt", "thanks"),
        ("nggih pak", "affirm"),
        ("mboten", "deny"),
        ("kapan ya pkh nya cair", "ask_payment"),
        ("mau sanggah hasilnya", "appeal"),
        ("lupa pin ikd kak", "activate_ikd"),
        ("tolong hapus semua data saya", "delete_data"),
    ],
)
def test_it_knows_what_people_want(engine: EmbeddedEngine, text: str, intent: str) -> None:
    assert engine.classify(text).intent == intent


@pytest.mark.parametrize("text", ["", "   \n", "😀😀🙏", "‏‎​", "...!!??", "a" * 10_000, "saya " * 2_000, "\x00"])
def test_what_says_nothing_is_asked_back_at_once(engine: EmbeddedEngine, text: str) -> None:
    engine.classify("halo")
    started = time.perf_counter()
    answer = engine.classify(text)
    assert time.perf_counter() - started < 0.05
    assert answer.intent == FALLBACK


def test_marks_that_cannot_be_seen_change_nothing(engine: EmbeddedEngine) -> None:
    assert engine.classify("\u202emau \u200fdaftar\u200b bansos").intent == engine.classify("mau daftar bansos").intent


def test_the_request_at_the_end_of_a_very_long_message_is_found(engine: EmbeddedEngine) -> None:
    story = "pak saya ini tinggal di desa, suami ikut kerja di ladang, " * 20
    assert len(engine.classify(story + "kapan bantuan pkh saya cair").ranking) > 1


@pytest.mark.parametrize(
    ("ranking", "acted_on"),
    [
        ((("register", 0.9), ("help", 0.1)), "register"),
        ((("register", 0.6), ("help", 0.1)), FALLBACK),
        ((("register", 0.7), ("help", 0.3)), FALLBACK),
        ((("register", 0.8), ("help", 0.05), ("out_of_scope", 0.15)), FALLBACK),
        ((("out_of_scope", 0.8), ("help", 0.1)), FALLBACK),
        ((("out_of_scope", 0.9), ("help", 0.1)), "out_of_scope"),
    ],
)
def test_when_an_answer_is_sure_enough(ranking: tuple[tuple[str, float], ...], acted_on: str) -> None:
    rule = Rule(confidence=0.65, margin=0.5, coverage=0.4, refusal=0.85, doubt=0.1)
    assert rule.decide("halo", ranking, 1.0).intent == acted_on
    assert rule.decide("halo", ranking, 0.3).intent == FALLBACK


async def test_a_batch_keeps_its_order_and_fulfils_the_contract(engine: EmbeddedEngine) -> None:
    understands: Understands = engine
    texts = ["halo", "", "mau sanggah"]
    answers = await understands.understand(texts)
    assert [a.intent for a in answers] == [engine.classify(text).intent for text in texts]
    assert understands.name == "embedded"


def test_confidence_is_a_probability_and_the_ranking_descends(engine: EmbeddedEngine) -> None:
    answer = engine.classify("mau daftar bansos")
    scores = [score for _, score in answer.ranking]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= answer.confidence <= 1
    assert {name for name, _ in answer.ranking} <= set(INTENTS)


def test_training_reports_what_it_did(trained: tuple[Path, Report]) -> None:
    report = trained[1]
    assert report.intents == len(INTENTS)
    assert report.seconds < 180  # of the clock: some 8 s of CPU, but other work may hold both cores
    assert report.held_out_accuracy > 0.85


def test_it_loads_and_answers_fast(trained: tuple[Path, Report]) -> None:
    started = time.perf_counter()
    engine = EmbeddedEngine.load(trained[0])
    assert time.perf_counter() - started < 1
    times = []
    for text in ["min knp sy ditolak pdhl janda anak 3", "saya mau tanya, kapan bantuannya cair ya pak"] * 100:
        started = time.perf_counter()
        engine.classify(text)
        times.append(time.perf_counter() - started)
    assert np.percentile(times, 95) < 0.010  # the bench holds the 2 ms; here other work may share the cores


def test_a_missing_or_damaged_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NluError, match="nlu train"):
        EmbeddedEngine.load(tmp_path / "none.model")
    (tmp_path / "bad.model").write_bytes(b"not a model")
    with pytest.raises(NluError, match="cannot be read"):
        Model.load(tmp_path / "bad.model")


def test_a_model_never_holds_anything_that_runs(trained: tuple[Path, Report]) -> None:
    with np.load(trained[0], allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fu" for name in file.files)


@pytest.mark.parametrize(
    "request_", ["kapan pkh saya cair", "mau sanggah hasil seleksi", "nik saya dipakai orang lain"]
)
def test_politeness_around_a_request_changes_nothing(engine: EmbeddedEngine, request_: str) -> None:
    polite = f"assalamualaikum wr wb, selamat pagi bapak, maaf mengganggu, {request_} ya pak, terima kasih banyak"
    assert engine.classify(polite).intent == engine.classify(request_).intent


def test_a_model_that_an_earlier_version_left_is_made_anew_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "nlu" / "model.bin"
    left.parent.mkdir()
    left.write_bytes(b"of another version")
    monkeypatch.setenv("PERLINSOS_SANDBOX", "on")
    monkeypatch.setenv("PERLINSOS_NLU_MODEL", str(left))
    engine = load_nlu(Settings(secret_keys=SecretStr("unused")), HttpClient())
    assert engine.name == "embedded"
    assert EmbeddedEngine.load(left).classify("mau daftar pkh").intent == "register"
    assert [file.name for file in left.parent.iterdir()] == ["model.bin"], "nothing half-written stays"
