"""Traces: one id for a citizen's message on its way through webhook, turn, job and send, in rows and log lines alike.

It says nothing about anybody: sixteen hexadecimal digits, by chance, or the end of the trace id that a proxy in front of the
service sends along as W3C `traceparent`.
"""

from __future__ import annotations

import os
import re

from structlog.contextvars import bind_contextvars, get_contextvars

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{16}([0-9a-f]{16})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NONE = "0" * 16
_OURS = ("/backend/", "/bot/", "/nlu/")


def new_trace() -> str:
    """A trace for what begins here."""
    return os.urandom(8).hex()


def trace_of(traceparent: str | None) -> str:
    """The trace that the caller has begun; a new one where there is none, or none that is well-formed.

    The standard's id has 32 digits; the right half is the one that is random whoever made it.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found is not None and found[1] != _NONE else new_trace()


def current_trace() -> str:
    """The trace that this task follows; empty when it follows none."""
    return str(get_contextvars().get("trace", ""))


def follow(trace: str) -> None:
    """Put the trace into every log line of this task and of those that it starts."""
    bind_contextvars(trace=trace)


def where(error: BaseException) -> str:
    """File, line and function of the innermost place of ours that an error passed: a cause without any value in it."""
    place, trace = "unknown", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if any(part in code.co_filename for part in _OURS):
            place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return place
