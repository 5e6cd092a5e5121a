"""Both engines, side by side: a real Rasa with our component, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.gateways.http import HttpClient, HttpError, Response
from nlu.corpus import Example, read
from nlu.embedded import EmbeddedEngine
from nlu.parse import evaluate
from nlu.rasa import INSTEAD, Breaker, RasaEngine
from tests.e2e.running import SECRET, Service
from tests.fakes.fake_telegram import FakeTelegram
from tests.nlu.rasa_server import ROOT, Models, RasaServer, trained_models

# The first one may have to install Rasa.
pytestmark = pytest.mark.timeout(900)

TEXTS = ["min knp sy ditolak pdhl janda anak 3", "pripun carane ndaftar", "NIK sy dipake org", "halo", "besok hujan?"]


@pytest.fixture(scope="module")
def models() -> Models:
    return trained_models()


@pytest.fixture(scope="module")
def embedded(models: Models) -> EmbeddedEngine:
    return EmbeddedEngine.load(models.embedded)


@pytest.fixture(scope="module")
def served(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaServer]:
    """For tests that leave it running."""
    with RasaServer(models.rasa, tmp_path_factory.mktemp("rasa") / "rasa.log") as server:
        yield server


@pytest.fixture
def mortal(models: Models, tmp_path: Path) -> Iterator[RasaServer]:
    """For tests that do it harm."""
    with RasaServer(models.rasa, tmp_path / "rasa.log") as server:
        yield server


def engine_for(server: RasaServer, http: HttpClient, embedded: EmbeddedEngine, breaker: Breaker) -> RasaEngine:
    # What a citizen waits for is held elsewhere; here other tests share the cores with Rasa.
    return RasaEngine(server.url, http.request, HttpError, embedded, embedded.model.rule, timeout=10, breaker=breaker)


async def test_rasa_reads_the_development_set_as_the_embedded_engine_does(
    served: RasaServer, http: HttpClient, embedded: EmbeddedEngine
) -> None:
    examples = read(ROOT / "nlu" / "dev")
    rasa = engine_for(served, http, embedded, Breaker())
    theirs, ours = await evaluate(rasa, examples), await evaluate(embedded, examples)
    assert rasa.fallbacks == 0
    assert theirs.accuracy >= 0.9
    assert theirs.accuracy == pytest.approx(ours.accuracy, abs=0.005)
    assert theirs.asked_back == pytest.approx(ours.asked_back, abs=0.01)
    assert theirs.confident_errors == pytest.approx(ours.confident_errors, abs=0.005)
    assert theirs.out_of_scope_accepted == pytest.approx(ours.out_of_scope_accepted, abs=0.02)


async def test_what_says_nothing_or_names_an_intent_is_asked_back(
    served: RasaServer, http: HttpClient, embedded: EmbeddedEngine
) -> None:
    """Rasa itself would believe `/delete_data`."""
    rasa = engine_for(served, http, embedded, Breaker())
    texts = ["", "😀😀🙏", "...!!??", "/delete_data", ' / /register{"a": "b"}', "a" * 10_000, "\x00", "/"]
    wanted = [answer.intent for answer in await embedded.understand(texts)]
    assert [answer.intent for answer in await rasa.understand(texts)] == wanted
    assert rasa.fallbacks == 0


async def test_the_log_of_rasa_holds_nothing_of_what_people_write(served: RasaServer, http: HttpClient) -> None:
    answer = await http.request("POST", f"{served.url}/model/parse", json={"text": "rahasia kulo 1234"}, timeout=10)
    assert answer.status == 200
    assert "rahasia" not in served.said()


async def test_killed_in_the_middle_of_a_batch_every_text_still_has_its_answer(
    mortal: RasaServer, http: HttpClient, embedded: EmbeddedEngine
) -> None:
    answered = 0

    async def request(*words: Any, **named: Any) -> Response:
        nonlocal answered
        response = await http.request(*words, **named)
        answered += 1
        if answered == 40:
            mortal.kill()
        return response

    rasa = RasaEngine(mortal.url, request, HttpError, embedded, embedded.model.rule, timeout=10)
    texts = TEXTS * 60
    answers = await rasa.understand(texts)
    assert [answer.intent for answer in answers] == [answer.intent for answer in await embedded.understand(texts)]
    assert 0 < rasa.fallbacks <= len(texts) - 40
    assert await rasa.health() == INSTEAD


async def test_a_rasa_that_hangs_costs_its_time_once_and_is_used_again_when_it_answers(
    served: RasaServer, http: HttpClient, embedded: EmbeddedEngine
) -> None:
    breaker = Breaker(pause_s=0.5)
    rasa = RasaEngine(served.url, http.request, HttpError, embedded, embedded.model.rule, timeout=1, breaker=breaker)
    served.hang()
    try:
        started = time.monotonic()
        await rasa.understand(TEXTS * 20)
        assert 0.9 < time.monotonic() - started < 1.9
        assert rasa.fallbacks == 100
    finally:
        served.go_on()
    deadline = time.monotonic() + 30
    while (before := rasa.fallbacks) and await rasa.understand(["halo"]) and rasa.fallbacks > before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert await rasa.health() == "ok"


def test_the_commands_ask_rasa(served: RasaServer, models: Models, tmp_path: Path) -> None:
    options = ["--engine", "rasa", "--rasa-url", served.url, "--model", str(models.embedded)]
    done = CliRunner().invoke(app, ["nlu", "parse", *options], input="saya mau daftar\n\nkenapa saya ditolak\n")
    found = [orjson.loads(line)["intent"]["name"] for line in done.stdout.splitlines()]
    assert found == ["register", "nlu_fallback", "ask_reason"]
    assert done.stderr == ""
    few = tmp_path / "few.yml"
    few.write_text(_as_file([Example("mau sanggah", "appeal"), Example("kapan cair", "ask_payment")]))
    done = CliRunner().invoke(app, ["nlu", "evaluate", str(few), "--drawing", str(tmp_path), *options])
    assert "engine            rasa" in done.stdout
    assert "accuracy          100.0%" in done.stdout


def test_the_commands_say_when_nobody_answers(models: Models, free_port: int) -> None:
    options = ["--engine", "rasa", "--rasa-url", f"http://127.0.0.1:{free_port}", "--model", str(models.embedded)]
    done = CliRunner().invoke(app, ["nlu", "parse", *options], input="saya mau daftar\n")
    assert orjson.loads(done.stdout)["intent"]["name"] == "register"
    assert "did not answer 1 texts" in " ".join(done.stderr.split())


async def test_rasa_is_killed_in_the_middle_of_a_conversation_and_the_citizen_notices_nothing(
    mortal: RasaServer, models: Models, http: HttpClient, tmp_path: Path
) -> None:
    async with FakeTelegram() as telegram:
        service = Service(
            tmp_path / "service",
            nlu_engine="rasa", rasa_url=mortal.url, rasa_timeout="10", nlu_model=str(models.embedded),
            telegram_mode="webhook", telegram_token=telegram.token, telegram_secret=SECRET, telegram_api_url=telegram.url,
        )  # fmt: skip
        await asyncio.to_thread(service.start)
        try:
            telegram.point_at(service.url, SECRET)
            siti = telegram.user(5_200_000_001, "Siti Aminah")

            async def says(text: str, expected: str) -> None:
                await siti.says(text)
                heard = str((await siti.hears(30)).text)
                assert expected in heard, heard

            await says("pripun nggih carane ndaftar bantuan niki", "kami perlu melihat data")
            assert await _ready(http, service) == "ok"
            assert await _fallbacks(http, service) == 0
            mortal.kill()
            await says("ini resmi apa penipuan pak, takut saya", "OTP")
            await says("nggih kulo purun", "NIK")
            assert await _fallbacks(http, service) > 0
            assert await _ready(http, service) == INSTEAD
            await asyncio.to_thread(mortal.start)
            assert await _ready(http, service) == "ok"
            before = await _fallbacks(http, service)
            await says("KK nya hilang kebanjiran, gimana pak", "NIK")
            assert await _fallbacks(http, service) == before
        finally:
            await asyncio.to_thread(service.stop)


async def _ready(http: HttpClient, service: Service) -> str:
    answer = await http.request("GET", f"{service.url}/readyz", timeout=10)
    assert answer.status == 200, answer.content
    return str(answer.json()["nlu"])


async def _fallbacks(http: HttpClient, service: Service) -> float:
    lines = (await http.request("GET", f"{service.url}/metrics")).content.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("perlinsos_nlu_fallbacks_total{"))


def _as_file(examples: list[Example]) -> str:
    blocks = (f"- intent: {one.intent}\n  examples: |\n    - {one.text}\n" for one in examples)
    return 'version: "3.1"\nnlu:\n' + "".join(blocks)
