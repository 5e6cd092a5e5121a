"""Rasa as the engine, beside the embedded one: a citizen must not notice whether Rasa answers.

Rasa ranks; the rule of the project decides whether to act. Every text that Rasa does not answer in time, or answers with
something else than a ranking of known intents, goes to the embedded engine in the same turn. After some failures in a row
Rasa is left alone for a while (a circuit breaker), so that one that hangs costs the time-out once and not at every message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge

from nlu.model import Rule
from nlu.understanding import FALLBACK, INTENTS, Understanding, Understands

log = structlog.get_logger(__name__)

FALLBACKS = Counter("perlinsos_nlu_fallbacks_total", "Texts that the embedded engine read in Rasa's place", ["cause"])
OPEN = Gauge("perlinsos_nlu_breaker_open", "1 while Rasa is left alone after failures")

TIMEOUT_S = 0.8
AT_ONCE = 16
"""Requests under way: Rasa reads one text at a time, and what waits there eats up its own time-out."""
MOST_BYTES = 100_000
RANKED = 5
INSTEAD = "embedded fallback"
_KNOWN = frozenset(INTENTS)


class Answer(Protocol):
    """An HTTP response."""

    @property
    def status(self) -> int: ...

    def json(self) -> Any: ...


class Request(Protocol):
    """What sends a request: `HttpClient.request`, or anything with its shape."""

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        timeout: float = ...,  # noqa: ASYNC109  the transport enforces it
        max_bytes: int | None = None,
    ) -> Answer: ...


class Trouble(Exception):  # noqa: N818  it is told to the breaker, and nobody sees it
    """Rasa gave nothing that can be used; the message is one word for the log and the counter."""


class State(StrEnum):
    """Whom the next text goes to."""

    CLOSED = "closed"  # to Rasa
    OPEN = "open"  # to the embedded engine
    TRYING = "trying"  # one to Rasa, to see whether it is back; the others to the embedded engine


@dataclass(slots=True)
class Breaker:
    """Opens after `most` failures in a row; `pause_s` seconds later one text may try again. `clock` counts seconds."""

    clock: Callable[[], float] = time.monotonic
    most: int = 5
    pause_s: float = 10.0
    state: State = State.CLOSED
    _failures: int = 0
    _opened_at: float = 0.0

    def allows(self) -> bool:
        """Whether a text may go to Rasa now; who gets True tells how it went."""
        if self.state is State.OPEN and self.clock() - self._opened_at >= self.pause_s:
            self._change(State.TRYING)
            return True
        return self.state is State.CLOSED

    def succeeded(self) -> None:
        """An answer from before the breaker opened proves nothing about now."""
        self._failures = 0
        if self.state is State.TRYING:
            self._change(State.CLOSED)

    def failed(self, cause: str) -> None:
        self._failures += 1
        if self.state is State.TRYING or (self.state is State.CLOSED and self._failures >= self.most):
            self._opened_at = self.clock()
            self._change(State.OPEN, cause)

    def _change(self, state: State, cause: str = "") -> None:
        log.info("nlu_breaker", engine="rasa", was=self.state, now=state, cause=cause)
        self.state = state
        OPEN.set(state is not State.CLOSED)


@dataclass(slots=True)
class _Batch:
    """After the first trouble no more texts of a batch are sent: people wait for one time-out at most."""

    troubled: bool = False


class RasaEngine:
    """Asks a Rasa server; `fallback` reads what it does not answer.

    `url` is the server's address, `request` sends (and raises one of `errors` when no response comes), `rule` decides when
    to act, `timeout` is the most seconds that one text may take at Rasa.
    """

    name = "rasa"

    def __init__(
        self,
        url: str,
        request: Request,
        errors: type[Exception],
        fallback: Understands,
        rule: Rule,
        *,
        timeout: float = TIMEOUT_S,
        breaker: Breaker | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._request = request
        self._errors = errors
        self._fallback = fallback
        self._rule = rule
        self._timeout = timeout
        self._breaker = breaker or Breaker()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.fallbacks = 0
        """Texts so far that Rasa did not answer."""

    async def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """In the order of the texts; what Rasa leaves open is read by the fallback in one go."""
        batch = _Batch()
        answers = await asyncio.gather(*(self._ask(text, batch) for text in texts))
        left = [text for text, answer in zip(texts, answers, strict=True) if answer is None]
        if not left:
            return [answer for answer in answers if answer is not None]
        self.fallbacks += len(left)
        instead = iter(await self._fallback.understand(left))
        return [answer if answer is not None else next(instead) for answer in answers]

    async def health(self) -> str:
        """`ok` when a server with a model answers and is being used, else `embedded fallback`."""
        if self._breaker.state is not State.CLOSED:
            return INSTEAD
        try:
            answer = await self._request("GET", f"{self._url}/status", timeout=self._timeout, max_bytes=MOST_BYTES)
        except self._errors:
            return INSTEAD
        return "ok" if answer.status == 200 else INSTEAD

    async def _ask(self, text: str, batch: _Batch) -> Understanding | None:
        """What Rasa makes of a text; None when the fallback must read it."""
        # Rasa takes a text that begins with a slash for a command and believes whatever intent it names.
        said = text.strip().lstrip("/ \t\n")
        if not said:
            return Understanding(FALLBACK, 0.0)
        async with self._room:
            if batch.troubled or not self._breaker.allows():
                FALLBACKS.labels("not asked").inc()
                return None
            try:
                ranking, coverage = await self._parse(said)
            except asyncio.CancelledError:  # else a breaker that was trying would try for ever
                self._breaker.failed("cancelled")
                raise
            except Trouble as trouble:
                batch.troubled = True
                self._breaker.failed(str(trouble))
                FALLBACKS.labels(str(trouble)).inc()
                return None
            self._breaker.succeeded()
        return self._rule.decide(text, ranking, coverage) if ranking else Understanding(FALLBACK, 0.0)

    async def _parse(self, said: str) -> tuple[list[tuple[str, float]], float]:
        """Ranking and coverage. Raises Trouble."""
        try:
            answer = await self._request(
                "POST", f"{self._url}/model/parse", json={"text": said}, timeout=self._timeout, max_bytes=MOST_BYTES
            )
        except self._errors as error:
            raise Trouble(type(error).__name__) from None
        if answer.status != 200:
            raise Trouble(f"status {answer.status}")
        try:
            return read(answer.json())
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Trouble("garbage") from None


def read(answer: Any) -> tuple[list[tuple[str, float]], float]:
    """Ranking, best first, and coverage out of an answer of `/model/parse`; ([], 0) for a text without a known word.

    A pipeline without our component gives no coverage: then every word counts as known. Its own `nlu_fallback` is left
    out, because the rule decides. Raises ValueError, TypeError, KeyError or AttributeError for anything else.
    """
    ranking = [
        (str(entry["name"]), float(entry["confidence"]))
        for entry in answer["intent_ranking"]
        if entry["name"] != FALLBACK
    ]
    coverage = float(answer.get("coverage", 1.0))
    if not ranking and answer["intent"]["name"] is not None:
        raise ValueError("an intent without a ranking")
    if not all(name in _KNOWN and 0 <= score <= 1 for name, score in ranking):
        raise ValueError("no ranking of known intents")
    return sorted(ranking, key=lambda entry: -entry[1])[:RANKED], coverage
