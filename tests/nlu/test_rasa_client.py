"""What the client makes of a Rasa that misbehaves, on a real socket. A Rasa that behaves is in test_rasa.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from backend.gateways.http import HttpClient, HttpError
from bot.events import Understanding
from nlu.model import Rule
from nlu.rasa import AT_ONCE, INSTEAD, Breaker, RasaEngine, State, read
from nlu.understanding import FALLBACK

RULE = Rule(confidence=0.5, margin=0.1, coverage=0.4, refusal=0.5, doubt=1.0)
Ranking = list[tuple[str, float]]


def answer(*ranking: tuple[str, float], **more: Any) -> dict[str, Any]:
    """What `/model/parse` answers."""
    named = [{"name": name, "confidence": score} for name, score in ranking]
    first = named[0] if named else {"name": None, "confidence": 0.0}
    return {"text": "", "intent": first, "entities": [], "intent_ranking": named, **more}


SURE = answer(("register", 0.9), ("help", 0.1), coverage=1.0)


@dataclass
class Misbehaving:
    """Answers with `reply` after `delay` seconds, and remembers what it was asked."""

    reply: Any = field(default_factory=lambda: JSONResponse(SURE))
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/status")
        async def status() -> Response:
            return Response(status_code=self.reply.status_code)

        @app.post("/model/parse")
        async def parse(request: Request) -> Response:
            self.asked.append((await request.json())["text"])
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(self.delay)
            self.at_once -= 1
            reply: Response = self.reply
            return reply

        return app


@dataclass
class Instead:
    """Stands in for the embedded engine, so that it shows who answered."""

    name: str = "instead"
    given: list[str] = field(default_factory=list)

    async def understand(self, texts: Sequence[str]) -> list[Understanding]:
        self.given += texts
        return [Understanding("thanks", 1.0) for _ in texts]


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Scene:
    server: Misbehaving
    instead: Instead
    clock: Clock
    breaker: Breaker
    engine: RasaEngine

    async def reads(self, *texts: str) -> list[str]:
        return [understood.intent for understood in await self.engine.understand(texts)]


@pytest.fixture
async def scene(serve_app: Callable[[Callable[..., Any]], str], http: HttpClient) -> Scene:
    server, instead, clock = Misbehaving(), Instead(), Clock()
    breaker = Breaker(clock, most=3, pause_s=10)
    url = serve_app(server.app())
    return Scene(
        server, instead, clock, breaker,
        RasaEngine(url, http.request, HttpError, instead, RULE, timeout=0.8, breaker=breaker),
    )  # fmt: skip


def counted(cause: str) -> float:
    return REGISTRY.get_sample_value("perlinsos_nlu_fallbacks_total", {"cause": cause}) or 0.0


async def test_a_sure_answer_is_acted_on(scene: Scene) -> None:
    assert await scene.reads("mau daftar") == ["register"]
    assert scene.instead.given == []
    assert await scene.engine.health() == "ok"


@pytest.mark.parametrize(
    "unsure",
    [
        answer(("register", 0.49), ("help", 0.1)),
        answer(("register", 0.55), ("help", 0.46)),
        answer(("register", 0.9), ("help", 0.1), coverage=0.39),
        answer(coverage=0.0),
    ],
)
async def test_our_rule_decides_when_to_ask_back(scene: Scene, unsure: dict[str, Any]) -> None:
    scene.server.reply = JSONResponse(unsure)
    assert await scene.reads("mau daftar") == [FALLBACK]
    assert scene.instead.given == []


@pytest.mark.parametrize(
    "garbage",
    [
        Response("no JSON"),
        Response(""),
        JSONResponse([]),
        JSONResponse(None),
        JSONResponse({}),
        JSONResponse({"intent_ranking": "register", "intent": {}}),
        JSONResponse({"intent": {"name": "register", "confidence": 0.9}, "intent_ranking": []}),
        JSONResponse(answer(("transfer_money", 0.9), ("help", 0.1))),
        JSONResponse(answer(("register", 7.0), ("help", 0.1))),
        JSONResponse(answer(("register", "high"), ("help", 0.1))),  # type: ignore[arg-type]
        Response('{"intent_ranking": [{"name": "register", "confidence": NaN}], "intent": {"name": "register"}}'),
        JSONResponse(SURE, 500),
        JSONResponse(SURE, 404),
        Response(b"x" * 200_000),
    ],
)
async def test_garbage_goes_to_the_embedded_engine(scene: Scene, garbage: Response) -> None:
    scene.server.reply = garbage
    assert await scene.reads("mau daftar") == ["thanks"]
    assert scene.instead.given == ["mau daftar"]
    assert scene.engine.fallbacks == 1


async def test_too_late_is_not_waited_for(scene: Scene) -> None:
    scene.server.delay = 5.0
    before = counted("TimedOut")
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await scene.reads("mau daftar") == ["thanks"]
    assert 0.7 < loop.time() - started < 3
    assert counted("TimedOut") == before + 1


async def test_nobody_there(http: HttpClient, free_port: int) -> None:
    instead = Instead()
    engine = RasaEngine(f"http://127.0.0.1:{free_port}", http.request, HttpError, instead, RULE)
    assert [u.intent for u in await engine.understand(["a", "b", "c"])] == ["thanks"] * 3
    assert instead.given == ["a", "b", "c"]
    assert await engine.health() == INSTEAD


async def test_each_text_keeps_its_place(scene: Scene) -> None:
    texts = [f"mau daftar {n}" for n in range(40)]
    assert await scene.reads(*texts, "///", "/deny") == ["register"] * 40 + [FALLBACK, "register"]
    assert sorted(scene.server.asked) == sorted([*texts, "deny"])


async def test_rasa_is_not_flooded(scene: Scene) -> None:
    scene.server.delay = 0.01
    await scene.reads(*(["mau daftar"] * 100))
    assert 1 < scene.server.most_at_once <= AT_ONCE


async def test_after_failures_in_a_row_rasa_is_left_alone_and_tried_again_later(scene: Scene) -> None:
    scene.server.reply = Response(status_code=503)
    with capture_logs() as lines:
        for _ in range(6):
            assert await scene.reads("rahasia") == ["thanks"]
        assert len(scene.server.asked) == 3
        assert await scene.engine.health() == INSTEAD
        scene.clock.seconds = 11
        assert await scene.reads("rahasia", "rahasia") == ["thanks"] * 2
        assert len(scene.server.asked) == 4
        scene.server.reply = JSONResponse(SURE)
        scene.clock.seconds = 20
        assert await scene.reads("rahasia") == ["thanks"]
        scene.clock.seconds = 22
        assert await scene.reads("rahasia") == ["register"]
        assert await scene.reads("rahasia") == ["register"]
    assert [line["now"] for line in lines] == ["open", "trying", "open", "trying", "closed"]
    assert lines[0]["cause"] == "status 503"
    assert "rahasia" not in str(lines)


async def test_a_success_between_failures_counts_from_anew(scene: Scene) -> None:
    for _ in range(3):
        scene.server.reply = Response(status_code=503)
        await scene.reads("a")
        await scene.reads("a")
        scene.server.reply = JSONResponse(SURE)
        await scene.reads("a")
    assert scene.breaker.state is State.CLOSED


async def test_a_trial_that_is_called_off_is_not_the_last_one(scene: Scene) -> None:
    for _ in range(3):
        scene.breaker.failed("TimedOut")
    scene.clock.seconds = 11
    scene.server.delay = 0.5
    trial = asyncio.create_task(scene.reads("mau daftar"))
    await asyncio.sleep(0.1)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert scene.breaker.state is State.OPEN
    scene.clock.seconds = 22
    scene.server.delay = 0.0
    assert await scene.reads("mau daftar") == ["register"]


def test_an_answer_from_before_the_breaker_opened_does_not_close_it() -> None:
    breaker = Breaker(Clock(), most=1)
    breaker.failed("TimedOut")
    breaker.succeeded()
    assert breaker.state is State.OPEN


def test_a_stock_pipeline_is_read_as_well() -> None:
    """It gives no coverage, and its own opinion of when to ask back is not ours."""
    ranking, coverage = read(answer((FALLBACK, 0.7), ("help", 0.2), ("register", 0.6)))
    assert ranking == [("register", 0.6), ("help", 0.2)]
    assert coverage == 1.0
