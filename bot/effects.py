"""What a turn asks for: words to say, rows to write with it, work to do after it.

A turn has no I/O of its own. `Say` and `Option` name texts by key; `Record` is written in the very transaction that saves
the session; `Command` becomes a job in that transaction and comes back later as a `JobFinished` event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from backend.domain.values import value


@value
class Say:
    """One text of the catalogue. A parameter may itself be a `Say` or a list of them: it is rendered first."""

    key: str
    params: Mapping[str, Any] = field(default_factory=dict)


@value
class Option:
    """One choice of a question. `id` travels in the button and is what the dialog gets; `say` is what people read."""

    id: str
    say: Say


@value
class Reply:
    """The one message that a turn sends: parts separated by a blank line, the options of its last question.

    `whom` names the person whom a facilitator's message concerns; it stands before the first word.
    `question` is the number that the buttons carry, so that a button of an older message is recognised. `sex` (`male`,
    `female` or empty) decides how the person is addressed.
    """

    parts: tuple[Say, ...]
    options: tuple[Option, ...] = ()
    question: int = 0
    sex: str = ""
    whom: Say | None = None


@value
class Record:
    """Rows to write in the turn's own transaction, for example a consent or a registration. `kind` names the executor."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@value
class Command:
    """Slow or outside work. `token` ties the outcome to the step that waits for it; the engine sets it.

    `note` (a JSON value) never leaves the session: it comes back as `data["note"]` of the outcome, so that a dialog with
    several commands under way knows which of them this is.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    note: Any = None
