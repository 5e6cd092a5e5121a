"""Every metric of the service, defined in one place: names, labels and what they mean.

Names and units follow Prometheus's conventions. No label may hold anything about a person, and each has few values: a provider's
own words for an error go through `error_label`. What changes only when somebody looks (queues, pools) is set by
`backend.services.watch` when /metrics is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, get_args

from prometheus_client import Counter, Gauge, Histogram

Work = Literal["webhooks", "turns", "sends", "jobs", "sweep", "api", "watch", "other"]

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PATIENT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_MOST_ERRORS = 60

WEBHOOKS = Counter("perlinsos_webhooks_total", "Webhook calls by what they got", ["channel", "result"])
WEBHOOK_SECONDS = Histogram("perlinsos_webhook_seconds", "From request to acknowledgement", ["channel"], buckets=_QUICK)
TURNS = Counter("perlinsos_turns_total", "Turns that were committed", ["channel"])
TURN_FAILURES = Counter("perlinsos_turn_failures_total", "Turns that raised", ["given_up"])
TURN_AGE_SECONDS = Histogram(
    "perlinsos_turn_age_seconds", "From the arrival of a message to the commit of its turn", buckets=_PATIENT
)
REPLY_SECONDS = Histogram(
    "perlinsos_reply_seconds",
    "From the arrival of a message to the provider's word that its reply was taken",
    ["channel"],
    buckets=_PATIENT,
)
SENDS = Counter("perlinsos_sends_total", "Tries to send, by what came of them", ["channel", "result", "error"])
SEND_SECONDS = Histogram("perlinsos_send_seconds", "The provider's part of a send", ["channel"], buckets=_PATIENT)
JOB_SECONDS = Histogram("perlinsos_job_seconds", "From claim to outcome", ["kind", "outcome"], buckets=_PATIENT)
JOB_TRIES_FAILED = Counter("perlinsos_job_tries_failed_total", "Tries of a job without an outcome", ["kind", "again"])
FACE_SECONDS = Histogram(
    "perlinsos_face_seconds",
    "Work on faces and pictures, waiting for a free process included",
    ["work"],
    buckets=_PATIENT,
)
FACES_IN_LINE = Gauge("perlinsos_face_in_line", "Pieces of face work that run or wait in this process")
BATCH_SIZE = Histogram("perlinsos_batch_size", "What was done in one go", ["work"], buckets=_SIZES)
STATEMENTS = Counter("perlinsos_statements_total", "SQL statements sent, by what they were for", ["work"])
POOL_WAIT_SECONDS = Histogram(
    "perlinsos_pool_wait_seconds", "Waiting for a database connection out of the pool", buckets=_QUICK
)
POOL_CONNECTIONS = Gauge("perlinsos_pool_connections", "Connections of this process's pool", ["state"])
POOL_SIZE = Gauge("perlinsos_pool_size", "Connections that the pool may have")
QUEUE_AGE_SECONDS = Gauge("perlinsos_queue_age_seconds", "How long the oldest row that is due has waited", ["queue"])
QUEUE_ROWS = Gauge("perlinsos_queue_rows", "Rows that are due; 10,000 means that many or more", ["queue"])
RINGS = Counter("perlinsos_bus_rings_total", "Ids that were rung for", ["topic"])
RINGS_GIVEN_UP = Counter("perlinsos_bus_given_up_total", "Ids that kept failing: now dead letters", ["topic"])
DEAD_LETTERS = Counter("perlinsos_dead_letters_total", "Rows that were set aside after their last try", ["topic"])
WEBHOOK_DELIVERIES = Counter(
    "perlinsos_webhook_deliveries_total",
    "Tries to tell another system of an event, by what came of them",
    ["kind", "result"],
)
WEBHOOK_DELIVERY_SECONDS = Histogram(
    "perlinsos_webhook_delivery_seconds", "The subscriber's part of a delivery", buckets=_PATIENT
)
BUS_BACKLOG = Gauge("perlinsos_bus_backlog", "Rings that nobody has taken", ["topic"])

# A counter that first shows itself with 1 has not grown for Prometheus: what is alarmed about begins at 0.
for _topic in ("turns", "sends", "jobs", "faces"):
    RINGS_GIVEN_UP.labels(_topic)
    DEAD_LETTERS.labels(_topic)

P = ParamSpec("P")
R = TypeVar("R")
_work: ContextVar[Work] = ContextVar("work", default="other")
_statements = {work: STATEMENTS.labels(work) for work in get_args(Work)}
_errors: set[str] = set()


def counted_as(work: Work) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """What the SQL statements of this function, and of the tasks that it starts, are counted as."""

    def around(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @wraps(function)
        async def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            before = _work.set(work)
            try:
                return await function(*args, **kwargs)
            finally:
                _work.reset(before)

        return counted

    return around


def count_as(work: Work) -> None:
    """The same for the rest of this task."""
    _work.set(work)


def statement_sent() -> None:
    """Count one SQL statement."""
    _statements[_work.get()].inc()


def error_label(cause: str) -> str:
    """A cause as a label: short, and `other` once so many different ones have been seen that a provider makes them up."""
    label = cause[:60]
    if label not in _errors:
        if len(_errors) >= _MOST_ERRORS:
            return "other"
        _errors.add(label)
    return label
