"""The words in which a dialog is written: what a step asks, what it waits for, where it goes next.

A step has two functions. `enter(scene)` says what the step wants (a question, a wait, a call of another dialog) or skips
ahead; `take(scene, value)` gets the answer and says what follows. Both are pure. The engine alone moves the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from backend.domain.values import evolve, value
from bot.effects import Command, Option, Record, Say
from bot.events import JobFinished, Photos
from bot.facts import Facts
from bot.session import Case


@value
class Scene:
    """All that a step may look at: its dialog's answers so far, the facts of the batch, the time of the turn.

    `interrupted`: another journey waits below this one. `accompanied`: a facilitator does this for the person; `away` are
    then the cases that they have left open, by key, each with what its messages begin with and whose it is.
    """

    answers: Mapping[str, Any]
    facts: Facts
    now: datetime
    person_id: int | None = None
    proven_at: datetime | None = None
    interrupted: bool = False
    accompanied: bool = False
    away: Mapping[str, Case] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        return self.answers.get(name, default)


@value
class Retry:
    """An answer that does not fit, with the sentence that says what to do. `repeat`: say the whole question again after it."""

    say: Say
    repeat: bool = False


Parser = Callable[[str, Scene], Any]


@value
class Ask:
    """A question. What counts as an answer: an option, a photo (`photos`), or words that `parse` accepts.

    `free`: any words are an answer, so they are not searched for another wish. `numeric`: words with many digits are
    a failed answer rather than a new wish. `secret`: the answer carries an NIK; the channel deletes it where it can.
    `own`: intents that mean this very question when they turn up here; such words go to `parse` instead of elsewhere.
    `one`: of several photos only the first is an answer.
    `many`: several options may be named in one answer ("1, 3"); the value is then the list of their ids, also for one.
    `help` is said before the question when the person asks for help here.
    """

    say: Say
    options: tuple[Option, ...] = ()
    parse: Parser | None = None
    photos: bool = False
    free: bool = False
    numeric: bool = False
    secret: bool = False
    many: bool = False
    one: bool = False
    own: frozenset[str] = frozenset()
    help: Say | None = None


@value
class Wait:
    """Work that must end before the dialog goes on. `slow` is said when it takes long, `busy` when the person writes."""

    command: Command
    slow: Say
    busy: Say


@value
class Call:
    """Another dialog whose result the step takes as its value."""

    dialog: str
    answers: Mapping[str, Any] = field(default_factory=dict)


@value
class Take:
    """Which case a facilitator takes in hand: one that was left (`key`), a person's, or with neither somebody new's.

    `desk` is their own: the list of people, with these answers.
    """

    key: str = ""
    person_id: int | None = None
    whom: Mapping[str, str] = field(default_factory=dict)
    desk: Mapping[str, Any] | None = None


@value
class Next:
    """What follows. `to` None: stay and ask again; `finished`: this dialog ends with `result`.

    `open` names a dialog to start, in place of this one when `finished`, else on top of it. `drop`: the dialog below is
    given up too. `bind`: the person of the facts is from now on whom this chat has proven to be; `forget`: no longer.
    `duty`: the facilitator whom this chat is bound to from now on. `take`: another case is taken in hand (a `Take`).
    """

    to: str | None = None
    put: Mapping[str, Any] = field(default_factory=dict)
    says: tuple[Say, ...] = ()
    does: tuple[Record | Command, ...] = ()
    finished: bool = False
    result: Any = None
    open: Call | None = None
    drop: bool = False
    bind: bool = False
    forget: bool = False
    silent: bool = False
    duty: int | None = None
    take: Take | None = None

    def saying(self, *says: Say) -> Next:
        return evolve(self, says=(*self.says, *says))

    def doing(self, *does: Record | Command) -> Next:
        return evolve(self, does=(*self.does, *does))

    def binding(self) -> Next:
        return evolve(self, bind=True)


Entered = Ask | Wait | Call | Next


@value
class Step:
    """`to` lists the steps that may follow: the engine holds a step to it, and the drawn dialogs come from it."""

    enter: Callable[[Scene], Entered]
    take: Callable[[Scene, Any], Next] | None = None
    to: tuple[str, ...] = ()


@value
class Dialog:
    """One journey. `title` completes "Mau melanjutkan …?"; `on` handles outcomes of commands that no step waits for.

    `passing`: nothing is lost when it is left. It makes room for whatever is opened, "makasih" or "ya sudah" ends it,
    its buttons work as long as no other question was asked, and nobody is asked to resume it.
    """

    name: str
    start: str
    steps: Mapping[str, Step]
    title: Say
    on: Mapping[str, Callable[[Scene, JobFinished], Next]] = field(default_factory=dict)
    passing: bool = False


def go(step: str, *says: Say, **put: Any) -> Next:
    """On to another step of this dialog, keeping `put` as answers."""
    return Next(to=step, says=says, put=put)


def stay(*says: Say, **put: Any) -> Next:
    """The same step again: its question follows what is said."""
    return Next(says=says, put=put)


def quiet(**put: Any) -> Next:
    """The same step, its question still open, nothing said."""
    return Next(put=put, silent=True)


def done(*says: Say, result: Any = None) -> Next:
    """The end of this dialog; `result` goes to the dialog that called it."""
    return Next(says=says, finished=True, result=result)


def switch(dialog: str, *says: Say, **answers: Any) -> Next:
    """The end of this dialog and the start of another in its place."""
    return Next(says=says, finished=True, open=Call(dialog, answers))


def option(name: str, key: str | None = None, **params: Any) -> Option:
    """An option whose text is `key`, by default `options.<name>`."""
    return Option(name, Say(key or f"options.{name}", params))


YES = option("yes")
NO = option("no")


def option_payload(question: int, option_id: str) -> str:
    """What a button carries. At most 64 bytes for Telegram: ids are short by convention, a test holds them to it."""
    return f"{question}:{option_id}"


def read_payload(payload: str) -> tuple[int, str]:
    """The question's number and the option of a button; number 0 for a button that no question of ours made."""
    number, separator, option_id = payload.partition(":")
    if separator and number.isdigit():
        return int(number), option_id
    return 0, payload


def photo_refs(photos: Photos) -> list[dict[str, Any]]:
    """The photos as JSON, for a command."""
    return [{"ref": p.ref, "content_type": p.content_type, "size": p.size} for p in photos.photos]
