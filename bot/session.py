"""The state of one conversation between two turns.

A session is a value: `advance` takes one and returns the next. It is stored as versioned JSON, encrypted, in the
conversation's row. Answers hold only JSON values (text, numbers, lists, objects, true, false, null).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from backend.domain.values import evolve, value
from bot.effects import Option, Say

VERSION = 1
IDLE = "idle"
"""The timer that puts the case in hand away."""
REPLAY = "replay"
"""The timer, due at once, that takes up what was held."""


@value
class Frame:
    """One open dialog.

    `called`: the dialog below waits for this one's result; otherwise it was interrupted by it. `token` names the command
    whose outcome the step waits for; `arrived` keeps outcomes that came while another dialog lay on top; `sent` holds the
    tokens of the commands under way that no step waits for, each with the command's note.
    """

    dialog: str
    step: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    called: bool = False
    token: str = ""
    arrived: tuple[Mapping[str, Any], ...] = ()
    sent: Mapping[str, Any] = field(default_factory=dict)

    def put(self, values: Mapping[str, Any]) -> Frame:
        return evolve(self, answers={**self.answers, **values})


@value
class Asked:
    """The open question: its number (carried by its buttons), where it was asked, and the options as they were shown."""

    number: int
    place: str = ""
    options: tuple[Option, ...] = ()


@value
class Case:
    """What a facilitator's session knows of one person while another is in hand: the session's own fields of those names.

    `left_at`: when it was put away.
    """

    stack: tuple[Frame, ...] = ()
    person_id: int | None = None
    proven_at: datetime | None = None
    whom: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Mapping[str, Any], ...] = ()
    left_at: datetime | None = None


@value
class Session:
    """`person_id` is whom this chat has proven to be, `proven_at` when; `misses` counts answers not understood in a row.

    `duty` is the facilitator whom this chat is bound to; whether they still are one, only the facts of a turn say. In their
    chat many cases lie: the one in hand is the session itself, `case` its key ("" is the facilitator's own), `whom` what
    its messages begin with, `kept` events that came before their time (photos before their question, an officer's words).
    The others are `away`. `held` are words and photos that came while work was under way, to be advanced in their order
    (`replaying`: one of them just now); they are the chat's and no case's. `cases` counts the keys; `news`: they
    were told of news once.
    """

    stack: tuple[Frame, ...] = ()
    asked: Asked | None = None
    questions: int = 0
    commands: int = 0
    misses: int = 0
    person_id: int | None = None
    proven_at: datetime | None = None
    last_at: datetime | None = None
    timers: Mapping[str, datetime] = field(default_factory=dict)
    duty: int | None = None
    case: str = ""
    whom: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Mapping[str, Any], ...] = ()
    away: Mapping[str, Case] = field(default_factory=dict)
    cases: int = 0
    news: bool = False
    held: tuple[Mapping[str, Any], ...] = ()
    replaying: bool = False

    @property
    def own_person_id(self) -> int | None:
        """Whom the holder of this chat has proven to be, whoever is in hand."""
        return self.person_id if not self.case else self.away[""].person_id

    def switched(self, key: str, to: Case, now: datetime) -> Session:
        """Another case in hand. Of the one before nothing is left but under its own key, and that only if it is open."""
        before = Case(self.stack, self.person_id, self.proven_at, self.whom, self.kept, now)
        away = {other: case for other, case in self.away.items() if other != key}
        if not self.case or before.stack or before.kept:
            away[self.case] = before
        timers = {name: due for name, due in self.timers.items() if name not in {"slow", IDLE, REPLAY}}
        return evolve(
            self, stack=to.stack, asked=None, misses=0, person_id=to.person_id, proven_at=to.proven_at, whom=to.whom,
            kept=to.kept, case=key, away=away, timers=timers,
        )  # fmt: skip

    @property
    def top(self) -> Frame | None:
        return self.stack[-1] if self.stack else None

    @property
    def next_timer(self) -> datetime | None:
        return min(self.timers.values(), default=None)

    def with_top(self, frame: Frame) -> Session:
        return evolve(self, stack=(*self.stack[:-1], frame))

    def with_timer(self, name: str, due: datetime | None) -> Session:
        """The session with this timer set, or cleared when `due` is None."""
        timers = {key: value for key, value in self.timers.items() if key != name}
        if due is not None:
            timers[name] = due
        return evolve(self, timers=timers)


def to_json(session: Session) -> dict[str, Any]:
    """Versioned JSON of a session; datetimes as ISO 8601 with their offset."""
    asked = session.asked
    return {
        "v": VERSION,
        "stack": _stack_to_json(session.stack),
        "asked": asked
        and {"number": asked.number, "place": asked.place, "options": [_option_to_json(o) for o in asked.options]},
        "questions": session.questions,
        "commands": session.commands,
        "misses": session.misses,
        "person_id": session.person_id,
        "proven_at": session.proven_at and session.proven_at.isoformat(),
        "last_at": session.last_at and session.last_at.isoformat(),
        "timers": {name: due.isoformat() for name, due in session.timers.items()},
        "duty": session.duty,
        "desk": None if session.duty is None else _desk_to_json(session),
    }


def from_json(data: Mapping[str, Any] | None) -> Session:
    """The session that `to_json` wrote, or a new one. An unknown version raises: it must be migrated, not guessed."""
    if not data:
        return Session()
    if data["v"] != VERSION:
        raise ValueError(f"session version {data['v']} is not known")
    asked = data["asked"]
    desk = data.get("desk") or _NO_DESK
    return Session(
        stack=_stack_from_json(data["stack"]),
        asked=asked and Asked(asked["number"], asked["place"], tuple(_option_from_json(o) for o in asked["options"])),
        questions=data["questions"],
        commands=data["commands"],
        misses=data["misses"],
        person_id=data["person_id"],
        proven_at=_time(data["proven_at"]),
        last_at=_time(data["last_at"]),
        timers={name: datetime.fromisoformat(due) for name, due in data["timers"].items()},
        # Sessions of before there were facilitators do not say.
        duty=data.get("duty"),
        case=desk["case"],
        whom=desk["whom"],
        kept=tuple(desk["kept"]),
        away={key: _case_from_json(case) for key, case in desk["away"].items()},
        cases=desk["cases"],
        news=desk["news"],
        held=tuple(desk["held"]),
        replaying=desk["replaying"],
    )


_NO_DESK: Mapping[str, Any] = {
    "case": "",
    "whom": {},
    "kept": [],
    "away": {},
    "cases": 0,
    "news": False,
    "held": [],
    "replaying": False,
}


def _desk_to_json(session: Session) -> dict[str, Any]:
    return {
        "case": session.case,
        "whom": dict(session.whom),
        "kept": list(session.kept),
        "away": {key: _case_to_json(case) for key, case in session.away.items()},
        "cases": session.cases,
        "news": session.news,
        "held": list(session.held),
        "replaying": session.replaying,
    }


def _case_to_json(case: Case) -> dict[str, Any]:
    return {
        "stack": _stack_to_json(case.stack),
        "person_id": case.person_id,
        "proven_at": case.proven_at and case.proven_at.isoformat(),
        "whom": dict(case.whom),
        "kept": list(case.kept),
        "left_at": case.left_at and case.left_at.isoformat(),
    }


def _case_from_json(data: Mapping[str, Any]) -> Case:
    return Case(
        _stack_from_json(data["stack"]),
        data["person_id"],
        _time(data["proven_at"]),
        data["whom"],
        tuple(data["kept"]),
        _time(data["left_at"]),
    )


def _stack_to_json(stack: tuple[Frame, ...]) -> list[dict[str, Any]]:
    return [
        {
            "dialog": f.dialog,
            "step": f.step,
            "answers": dict(f.answers),
            "called": f.called,
            "token": f.token,
            "arrived": list(f.arrived),
            "sent": dict(f.sent),
        }
        for f in stack
    ]


def _stack_from_json(data: list[Mapping[str, Any]]) -> tuple[Frame, ...]:
    return tuple(
        Frame(f["dialog"], f["step"], f["answers"], f["called"], f["token"], tuple(f["arrived"]), f["sent"])
        for f in data
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _option_to_json(option: Option) -> list[Any]:
    return [option.id, option.say.key, dict(option.say.params)]


def _option_from_json(data: list[Any]) -> Option:
    return Option(data[0], Say(data[1], data[2]))
