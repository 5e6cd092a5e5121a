from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from bot.events import Understanding
from nlu import parse
from nlu.embedded import EmbeddedEngine
from nlu.training import Report
from nlu.understanding import FALLBACK


def sure(intent: str) -> Understanding:
    return Understanding(intent, 0.9, ((intent, 0.9), ("help", 0.1)))


def unsure(intent: str) -> Understanding:
    return Understanding(FALLBACK, 0.4, ((intent, 0.4), ("help", 0.3)))


def test_the_answer_has_the_shape_of_rasa(engine: EmbeddedEngine) -> None:
    answer = parse.rasa_json("mau daftar", engine.classify("mau daftar"))
    assert set(answer) == {"text", "intent", "entities", "intent_ranking"}
    assert answer["intent"]["name"] == "register" == answer["intent_ranking"][0]["name"]
    assert answer["intent"]["confidence"] == answer["intent_ranking"][0]["confidence"]
    assert answer["entities"] == []


def test_what_is_unsure_is_named_so() -> None:
    answer = parse.rasa_json("hm", unsure("register"))
    assert answer["intent"]["name"] == FALLBACK
    assert answer["intent_ranking"][0]["name"] == "register"


def test_every_number_of_an_evaluation() -> None:
    truth = ["register", "register", "appeal", "appeal", "out_of_scope", "out_of_scope", "out_of_scope"]
    answers = [sure("register"), sure("appeal"), unsure("appeal"), unsure("register"),
               sure("out_of_scope"), sure("register"), unsure("register")]  # fmt: skip
    result = parse.count("embedded", truth, answers)
    assert result.messages == 7
    assert result.accuracy == 0.5
    assert result.asked_back == result.coverage == 0.5
    assert result.confident_errors == 0.25
    assert result.out_of_scope_accepted == pytest.approx(1 / 3)
    assert result.f1["register"] == pytest.approx(2 / 6)
    assert ("out_of_scope", "register", 2) in result.confusions
    assert "appeal → register" in parse.summary(result)


def test_nothing_to_count_is_not_a_crash() -> None:
    assert parse.count("embedded", [], []).accuracy == 0.0


def test_the_command_prints_its_numbers_and_draws_the_matrix(
    trained: tuple[Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "REPORT", tmp_path / "report")
    few = tmp_path / "few.yml"
    few.write_text("nlu:\n- intent: register\n  examples: |\n    - mau daftar bansos\n    - pripun carane ndaftar\n")
    done = CliRunner().invoke(app, ["nlu", "evaluate", str(few), "--model", str(trained[0])])
    assert done.exit_code == 0
    assert "accuracy          100.0%" in done.stdout
    assert (tmp_path / "report" / "confusion-embedded.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").touch()
    done = CliRunner().invoke(
        app, ["nlu", "evaluate", str(few), "--model", str(trained[0]), "--drawing", str(tmp_path / "file")]
    )
    assert done.exit_code == 0
    assert "not drawn" in done.stderr
