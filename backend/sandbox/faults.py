"""Faults on demand: what a real service does on a bad day, for one NIK or for everybody, once or until told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

Fault = Literal["timeout", "500", "429", "garbage", "slow", "drip"]
FAULTS: tuple[Fault, ...] = get_args(Fault)

_DISCONNECT_CHECK_S = 0.1


@dataclass(frozen=True, slots=True)
class Rule:
    """`fault` for `nik` (None: everybody) at `service` (None: all), `times` times (None: until cleared).

    `seconds` is how long "timeout" keeps silent, "slow" waits, "drip" takes, or what "429" asks to wait.
    """

    fault: Fault
    nik: str | None = None
    service: str | None = None
    times: int | None = None
    seconds: float | None = None


class Faults:
    """The rules in force, and since when a resident's first question waits for an answer."""

    def __init__(self, clock: Callable[[], datetime], *, silent_for_s: float, hold_s: float) -> None:
        self._clock = clock
        self._silent_for_s = silent_for_s
        self._hold_s = hold_s
        self._rules: list[Rule] = []
        self._first_asked: dict[str, datetime] = {}

    def add(self, rule: Rule) -> None:
        """The newest rule that fits wins."""
        self._rules.insert(0, rule)

    def clear(self, nik: str | None = None) -> None:
        """Forget all rules, or those for one NIK; silent residents start anew."""
        if nik is None:
            self._rules.clear()
            self._first_asked.clear()
        else:
            self._rules = [rule for rule in self._rules if rule.nik != nik]
            self._first_asked.pop(nik, None)

    def silent(self, nik: str) -> bool:
        """Whether a resident of the state "timeout" is still without an answer: so long from the first question on."""
        first = self._first_asked.setdefault(nik, self._clock())
        return (self._clock() - first).total_seconds() < self._silent_for_s

    async def strike(self, request: Request, service: str, nik: str) -> Response | None:
        """The faulty response that a rule demands now; None when the question is to be answered as usual."""
        rule = self._take(service, nik)
        if rule is None:
            return None
        match rule.fault:
            case "timeout":
                return await self.hold(request, rule.seconds)
            case "500":
                return PlainTextResponse("Internal Server Error", 500)
            case "429":
                headers = {"Retry-After": str(round(rule.seconds if rule.seconds is not None else 2))}
                return JSONResponse({"error": "rate_limited"}, 429, headers)
            case "garbage":
                return Response(b'<html><body>Gateway {"belongs": tr', 200, media_type="application/json")
            case "slow":
                await asyncio.sleep(rule.seconds if rule.seconds is not None else 3.0)
                return None
            case "drip":
                return StreamingResponse(_drip(rule.seconds or 30.0), 200, media_type="application/json")

    async def hold(self, request: Request, seconds: float | None = None) -> Response:
        """Say nothing while the asker stays, at most `seconds`; then what gateways say when upstream is silent."""
        left = seconds if seconds is not None else self._hold_s
        while left > 0 and not await request.is_disconnected():
            await asyncio.sleep(min(left, _DISCONNECT_CHECK_S))
            left -= _DISCONNECT_CHECK_S
        return JSONResponse({"error": "upstream_timeout"}, 504)

    def _take(self, service: str, nik: str) -> Rule | None:
        for at, rule in enumerate(self._rules):
            if rule.nik in {None, nik} and rule.service in {None, service}:
                if rule.times is not None:
                    self._rules[at : at + 1] = [replace(rule, times=rule.times - 1)] if rule.times > 1 else []
                return rule
        return None


async def _drip(seconds: float) -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b" "
        await asyncio.sleep(seconds / 20)
    yield b'{"belongs'
