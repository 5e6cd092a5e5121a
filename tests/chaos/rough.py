"""Bad days of the providers: refusals, errors, resets, time-outs and answers that drip, on some calls of many."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import orjson

from tests.chaos.providers import Received, Telegram, Twilio
from tests.fakes.server import CUT, Answer, Fault, Struck, as_json

SILENT_S = 16.0
"""Longer than the service waits for an answer."""
DRIP_S = 2.0
SENDS = {"telegram": "sendMessage", "whatsapp": "messages"}
SAME_CALL_S = 0.05

_BROKEN = Answer(500, b"<html>Internal Server Error</html>", {"content-type": "text/html"})
_TELEGRAM_SLOW = as_json(
    429,
    {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    },
)
_TWILIO_SLOW = Answer(429, orjson.dumps({"code": 20429, "message": "Too Many Requests", "status": 429}))

KINDS: dict[str, Callable[[], Fault]] = {
    "429": lambda: Fault("", _TELEGRAM_SLOW),
    "500": lambda: Fault("", _BROKEN),
    "500 after the fact": lambda: Fault("", _BROKEN, processed=True),
    "reset": lambda: Fault("", CUT),
    "reset after the fact": lambda: Fault("", CUT, processed=True),
    "time-out": lambda: Fault("", delay=SILENT_S, processed=True),
    "drip": lambda: Fault("", drip=DRIP_S, processed=True),
}


class Weather:
    """`strikes` orders one kind of fault for some of the next sends of either provider."""

    def __init__(self, telegram: Telegram, twilio: Twilio, dice: random.Random) -> None:
        self._telegram = telegram
        self._twilio = twilio
        self._dice = dice

    def strikes(self, kind: str, times: int) -> None:
        """`times` sends at each provider; on Telegram deletions too."""
        fault = KINDS[kind]()
        slow = {"telegram": _TELEGRAM_SLOW, "whatsapp": _TWILIO_SLOW}
        for channel, fakes in (("telegram", self._telegram.faults), ("whatsapp", self._twilio.faults)):
            answer = slow[channel] if kind == "429" else fault.answer
            fakes.add(replace(fault, target=SENDS[channel], answer=answer, times=times))
        if self._dice.random() < 0.5:
            self._telegram.faults.add(replace(fault, target="deleteMessage", times=1))

    def hid_from_us(self) -> set[Received]:
        """The sends whose answer never came, or said nothing of them."""
        found: set[Received] = set()
        for provider in (self._telegram, self._twilio):
            struck: dict[str | None, list[Struck]] = defaultdict(list)
            for one in provider.faults.struck:
                struck[one.chat].append(one)
            found.update(r for r in provider.received if any(_hid(one, r) for one in struck[r.address]))
        return found


def _hid(struck: Struck, received: Received) -> bool:
    fault = struck.fault
    hidden = fault.processed and (fault.answer is not None or fault.delay > 0)
    return hidden and 0 <= received.at - struck.at < SAME_CALL_S
