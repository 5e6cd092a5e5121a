"""A PostgreSQL as it looks after a year: so many conversations, messages, people and jobs, made in minutes.

The rows are real where the service reads them: addresses are sealed and found by their hash, sessions, events and replies come
out of the engine. Messages repeat the same few ciphertexts, which open anywhere in their column; they lie in the months of a
year, those of one conversation far apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from sqlalchemy import text

from backend import crypto
from backend.db import Database
from backend.partitions import make_month, month_after, month_of
from bot import events as ev
from bot import session as sessions
from bot.engine import advance
from bot.facts import Facts
from bot.session import Session
from bot.texts import Catalogue

MONTHS = 12
"""The current month and those before it."""
CHUNK = 50_000
STRIDE = 611_953
"""A prime: conversation after conversation, so that the messages of one are never neighbours on a page."""
_NOT_WAITED_FOR = text("SET LOCAL synchronous_commit = off")
SAID = ("/start", "daftar", "ya")


@dataclass(frozen=True, slots=True)
class Size:
    """How much there shall be. `messages` counts both directions; half as many people as conversations are known."""

    conversations: int
    messages: int


async def grow(
    database: Database,
    size: Size,
    now: datetime,
    address: Callable[[int], str],
    *,
    channel: str = "telegram",
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Fill an empty, migrated PostgreSQL. `address(n)` is where the nth conversation is reached; `told` hears the steps."""
    for by in range(MONTHS):
        await make_month(database, month_after(month_of(now), -by))
    story = _Story(channel, now)
    told(f"{size.conversations:,} conversations")
    await _conversations(database, size.conversations, story, address)
    told(f"{size.messages:,} messages")
    await asyncio.gather(
        _messages(database, size, "inbox", story),
        _messages(database, size, "outbox", story),
        _people(database, size, now),
    )
    told("statistics")
    async with database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for name in ("conversations", "inbox", "outbox", "jobs", "people", "registrations"):
            await plain.exec_driver_sql(f"VACUUM ANALYZE {name}")


class _Story:
    """What was said in every one of these conversations, sealed."""

    def __init__(self, channel: str, now: datetime) -> None:
        self.channel = channel
        self.now = now
        self.events: list[bytes] = []
        self.replies: list[bytes] = []
        self.sessions: list[bytes] = []
        catalogue, session = Catalogue(), Session()
        facts = Facts(channel=channel, today=date(now.year, now.month, now.day))
        for said in SAID:
            event = ev.Started() if said == "/start" else ev.Text(said)
            turn = advance(session, catalogue.resolve(event, session), facts, now)
            session = turn.session
            shown = catalogue.render(turn.replies[0])
            body = {"text": shown.text, "buttons": [[o.payload, o.title] for o in shown.options]}
            self.events.append(_sealed("inbox.event", ev.to_json(event)))
            self.replies.append(_sealed("outbox.body", body))
            self.sessions.append(_sealed("conversations.session", sessions.to_json(session)))


def _sealed(place: str, value: Any) -> bytes:
    return crypto.ring().seal(orjson.dumps(value), place.encode())


async def _conversations(database: Database, count: int, story: _Story, address: Callable[[int], str]) -> None:
    columns = ("id", "channel", "address_hash", "address", "session", "last_inbound_at", "created_at", "reachable")
    ring, seen = crypto.ring(), story.now - timedelta(days=2)

    def rows(start: int) -> Sequence[tuple[Any, ...]]:
        found = []
        for number in range(start, min(start + CHUNK, count)):
            name = address(number)
            key = ring.index("address", f"{story.channel}:{name}")
            place = _sealed("conversations.address", name)
            session = story.sessions[number % len(story.sessions)]
            found.append((number + 1, story.channel, key, place, session, seen, seen, True))
        return found

    async with database.write() as connection:
        await connection.execute(_NOT_WAITED_FOR)  # also begins the transaction of the driver
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, asyncpg.Connection)  # noqa: S101 - SQLAlchemy does not say which driver's it is
        for start in range(0, count, CHUNK):
            await raw.copy_records_to_table("conversations", records=rows(start), columns=columns)
        await connection.execute(text("SELECT setval('conversations_id_seq', :last)"), {"last": count})


_MESSAGES = {
    "inbox": (
        "INSERT INTO inbox (channel, provider_id, conversation_id, event, message_ref, received_at, handled_at)"
        " SELECT $1::varchar, md5(n::text || 'in'), n * $2::bigint % $3::bigint + 1, ($4::bytea[])[n % 3 + 1], n::text,"
        " at, at + interval '1 second'"
    ),
    "outbox": (
        "INSERT INTO outbox (conversation_id, kind, keys, body, status, attempts, claimed_at, provider_id, created_at, sent_at)"
        " SELECT n * $2::bigint % $3::bigint + 1, 'reply', 'menu.welcome', ($4::bytea[])[n % 3 + 1], 'delivered', 1, at,"
        " $1::varchar || md5(n::text || 'out'), at, at"
    ),
}
_FROM = (
    " FROM generate_series($5::bigint, $6::bigint) n,"
    " LATERAL (SELECT $7::timestamptz + (n % 1000)::float8 * $8::interval AS at) moment"
)


async def _messages(database: Database, size: Size, name: str, story: _Story) -> None:
    """Half of the messages, the same number in each month."""
    per_month = size.messages // 2 // MONTHS
    for number in range(MONTHS):
        month = month_after(month_of(story.now), number - MONTHS + 1)
        begin, span = month, (min(month_after(month), story.now) - month) / 1000
        for start in range(number * per_month, (number + 1) * per_month, 10 * CHUNK):
            last = min(start + 10 * CHUNK, (number + 1) * per_month) - 1
            sealed = story.events if name == "inbox" else story.replies
            values = (story.channel, STRIDE, size.conversations, sealed, start, last, begin, span)
            async with database.write() as connection:
                await connection.execute(_NOT_WAITED_FOR)
                await connection.exec_driver_sql(_MESSAGES[name] + _FROM, values)


async def _people(database: Database, size: Size, now: datetime) -> None:
    """People known by a hash that nobody's number has, each with a registration, and the jobs that made them known."""
    secret = _sealed("people.name", "Warga")
    details = _sealed("registrations.details", {})
    empty = _sealed("jobs.data", {})
    statements: Sequence[tuple[str, tuple[Any, ...]]] = (
        (
            "INSERT INTO people (nik_hash, name, sex, region_code, level, notifications, created_at, updated_at)"
            " SELECT sha256(n::text::bytea), $2, '', '35.10.16.2001', 'face', true, $3, $3 FROM generate_series(1, $1::int) n",
            (size.conversations // 2, secret, now),
        ),
        (
            "INSERT INTO registrations (number, person_id, channel, programme, region_code, status, details, created_at,"
            " updated_at) SELECT 'G' || id, id, 'telegram', 'PKH', region_code, 'decided', $1, $2, $2 FROM people",
            (details, now),
        ),
        (
            "INSERT INTO jobs (conversation_id, kind, token, data, status, attempts, created_at, finished_at)"
            " SELECT n, 'identity.look_up', 't', $2, 'done', 1, $3, $3 FROM generate_series(1, $1::int) n",
            (size.conversations // 2, empty, now),
        ),
    )
    for statement, values in statements:
        async with database.write() as connection:
            await connection.execute(_NOT_WAITED_FOR)
            await connection.exec_driver_sql(statement, values)
