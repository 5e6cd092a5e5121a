"""What can happen in a conversation.

Every event is a frozen value that survives JSON (`to_json`, `from_json`): it is stored encrypted in the inbox before
anything is done with it, so a crash between the webhook and the turn loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Any

from backend.domain.values import value


@value
class Understanding:
    """What the classifier made of a free text. `intent` is `nlu_fallback` when the bot should ask back, not act."""

    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...] = ()


@value
class Started:
    """The citizen opened the chat (Telegram's /start, the simulator's first view). `payload` is a deep-link code."""

    payload: str = ""


@value
class Text:
    """Words typed or spoken into the keyboard.

    `understanding` is filled in before the turn, outside any lock. `chosen` (the id of an option of the open question)
    and `command` (a global word such as `menu`) are what the catalogue recognised in the words: engine and dialogs
    hold no texts, so they never compare words themselves.
    """

    text: str
    understanding: Understanding | None = None
    chosen: str = ""
    command: str = ""


@value
class Choice:
    """A tapped button. `payload` is what the button carried: `<question>:<option>` (see `prompts.option_payload`)."""

    payload: str
    title: str = ""


@value
class PhotoRef:
    """Where the channel keeps a photo until it is fetched. Never the bytes, never a link that carries a token."""

    ref: str
    content_type: str = "image/jpeg"
    size: int | None = None


@value
class Photos:
    """One or more photos. `group` is the provider's album id; members of one album may come as separate messages."""

    photos: tuple[PhotoRef, ...]
    caption: str = ""
    group: str = ""


@value
class Location:
    latitude: float
    longitude: float


@value
class Unsupported:
    """Something the bot cannot read. `kind`: video, voice, audio, document, sticker, contact, poll, file_too_large…"""

    kind: str


@value
class JobFinished:
    """The outcome of a command that this conversation asked for. `token` is the command's own: a late one is known by it.

    `person_id` is the person whom the job proved or found, so that the batch can load the facts about them.
    """

    command: str
    token: str
    outcome: str
    data: Mapping[str, Any] = field(default_factory=dict)
    person_id: int | None = None


@value
class Notice:
    """Something that happened elsewhere and concerns this citizen: a decision, an appeal's outcome, an officer's words."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    person_id: int | None = None


@value
class Timeout:
    """A timer that the session set has run out. `name` says which."""

    name: str


@value
class Reachability:
    """The citizen blocked the bot or opened it again (Telegram's my_chat_member, WhatsApp's opt-out error)."""

    reachable: bool


@value
class Taken:
    """Another case is in hand in a facilitator's chat; from here on the facts are those of its person. Never stored.

    `opens` names the dialog to start there, with `answers`; without it the case goes on where it was left. `person_id` as
    in JobFinished: whom an outcome that came meanwhile has proven.
    """

    opens: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    person_id: int | None = None


Event = (
    Started | Text | Choice | Photos | Location | Unsupported | JobFinished | Notice | Timeout | Reachability | Taken
)

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Started, Text, Choice, Photos, Location, Unsupported, JobFinished, Notice, Timeout, Reachability, Taken,
    )
}  # fmt: skip


_FIELDS: dict[type[Any], tuple[str, ...]] = {kind: tuple(f.name for f in fields(kind)) for kind in _KINDS.values()}


def to_json(event: Event) -> dict[str, Any]:
    """A JSON object that names its kind; what `from_json` reads. An event's own field `kind` travels as `which`."""
    kind = type(event)
    values = {name: getattr(event, name) for name in _FIELDS[kind]}
    if isinstance(event, Photos):
        values["photos"] = [asdict(photo) for photo in event.photos]
    elif isinstance(event, Text) and event.understanding:
        values["understanding"] = asdict(event.understanding)
    if "kind" in values:
        values["which"] = values["kind"]
    values["kind"] = kind.__name__
    return values


def from_json(data: Mapping[str, Any]) -> Event:
    """The event that `to_json` wrote. Fields that a newer version added and this one does not know are dropped."""
    kind = _KINDS[data["kind"]]
    values = {name: data[name] for name in _FIELDS[kind] if name in data}
    if "kind" in values:
        values["kind"] = data["which"]
    if kind is Photos:
        values["photos"] = tuple(PhotoRef(**p) for p in values["photos"])
    elif kind is Text and values.get("understanding"):
        found = values["understanding"]
        ranking = tuple((name, score) for name, score in found["ranking"])
        values["understanding"] = Understanding(found["intent"], found["confidence"], ranking)
    event: Event = kind(**values)
    return event
