"""What the people in the load say: the beginning of a registration, by distinct people in distinct chats.

The turns of one chat are far apart, and at any moment people stand at every one of them, as on a day of registration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

FIRST_CHAT = 1_000_000_000
DAYS, MONTHS, SERIALS = 28, 12, 9_999
FIRST_YEAR = 50
STEPS = 6
"""Turns of one chat: /start, the wish to register, consent, NIK, KK, "yes, that is me"."""
CALLS_A_CHAT = STEPS + 2
"""Calls that the provider gets for one chat: a reply a turn, and the messages with NIK and KK deleted."""


@dataclass(frozen=True, slots=True)
class Say:
    """One message: which person says it, as which of their turns, as Telegram would post it."""

    person: int
    step: int
    body: bytes


def numbers(person: int) -> tuple[str, str]:
    """A well-formed NIK and KK of nobody, different for every person up to 167 million."""
    rest, serial = divmod(person, SERIALS)
    rest, day = divmod(rest, DAYS)
    rest, month = divmod(rest, MONTHS)
    date = f"{day + 1:02}{month + 1:02}"
    year = FIRST_YEAR + rest % 50
    return f"351016{date}{year:02}{serial + 1:04}", f"351016{date}12{serial + 1:04}"


def texts(person: int) -> tuple[str, ...]:
    nik, kk = numbers(person)
    return ("/start", "daftar", "ya", nik, kk, "ya")


def says(people: int, *, first: int, at: int) -> Iterator[Say]:
    """Everything that people number `first` and the following say, in the order in which it is sent.

    `at` is the moment, in seconds of the epoch. Update ids count from `first * STEPS`, so two calls for different people
    never share one.
    """
    size = max(1, -(-people // 8))
    groups = [range(first + start, first + min(start + size, people)) for start in range(0, people, size)]
    update = first * STEPS
    for wave in range(len(groups) + STEPS - 1):
        active = [(group, wave - number) for number, group in enumerate(groups) if 0 <= wave - number < STEPS]
        for place in range(size):
            for group, step in active:
                if place < len(group):
                    update += 1
                    yield Say(group[place], step, _update(update, group[place], step, at))


def _update(update: int, person: int, step: int, at: int) -> bytes:
    text = texts(person)[step]
    chat = FIRST_CHAT + person
    message = {
        "message_id": update,
        "date": at,
        "chat": {"id": chat, "type": "private", "first_name": "Warga"},
        "from": {"id": chat, "is_bot": False, "first_name": "Warga", "language_code": "id"},
        "text": text,
    }
    if text.startswith("/"):
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text)}]
    return orjson.dumps({"update_id": update, "message": message})


def write(path: Path, people: int, *, first: int, at: int) -> int:
    """The updates of `says`, one a line; how many."""
    count = 0
    with path.open("wb") as lines:
        for said in says(people, first=first, at=at):
            lines.write(said.body + b"\n")
            count += 1
    return count
