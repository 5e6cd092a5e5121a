"""Keys to words and words to choices, in the citizen's language. The only module that reads the gettext catalogues.

A catalogue file `locales/<language>/LC_MESSAGES/<prefix>.po` holds the texts `<prefix>.<msgid>`. They are read once, at
load; a key without a text raises, it never shows itself to a citizen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.messages.pofile import read_po

from backend.domain.values import evolve, value
from bot import events as ev
from bot import wording
from bot.effects import Option, Reply, Say
from bot.prompts import option_payload
from bot.session import Session
from bot.understood import Options, Phrase, Vocabulary, chosen_option, chosen_options, command_in, phrases_of, tokens

LOCALES = Path(__file__).resolve().parent.parent / "locales"
ZONE = ZoneInfo("Asia/Jakarta")
MOST_REMEMBERED = 4096
LONGEST_REMEMBERED = 24
# The global words: engine commands, and dialogs that one word opens anywhere. Each has its synonyms in `words.<id>`.
COMMANDS = (
    "menu",
    "cancel",
    "repeat",
    "help",
    "handover",
    "registration",
    "status",
    "appeal",
    "report",
    "privacy",
    "stop_messages",
    "duty",
    "people",
)


class MissingTextError(KeyError):
    """A key has no text in the catalogue: add it to the .po file that the key's prefix names."""


class Shown(NamedTuple):
    """One option as a channel shows it: what its button carries, the short title, the full words of the list."""

    payload: str
    title: str
    words: str


@value
class Rendered:
    """A reply in words. `text` numbers the options itself; bold is marked as `*so*`."""

    text: str
    options: tuple[Shown, ...] = ()


@value
class _Language:
    texts: Mapping[str, str]
    wording: wording.Wording
    vocabulary: Vocabulary
    commands: Options
    going_on: Options


class Catalogue:
    """All texts of all languages under one folder. One serves the whole process: all it ever learns are the phrases of
    options that it has seen, so that a typed answer costs microseconds."""

    def __init__(self, folder: Path = LOCALES, zone: ZoneInfo = ZONE) -> None:
        names = sorted(entry.name for entry in folder.iterdir() if (entry / "LC_MESSAGES").is_dir())
        self._languages = {name: _load(folder / name / "LC_MESSAGES", Locale.parse(name), zone) for name in names}
        self._known_phrases: dict[tuple[str, str, str], tuple[Phrase, ...]] = {}
        self._near_commands: dict[tuple[str, str], str] = {}
        self._always_alike: dict[tuple[str, str, str], str] = {}

    def keys(self, language: str = "id") -> frozenset[str]:
        """Every key that has a text."""
        return frozenset(self._languages[language].texts)

    def raw(self, key: str, language: str = "id") -> str:
        """A text as it stands in the catalogue. Raises MissingTextError."""
        try:
            return self._languages[language].texts[key]
        except KeyError:
            raise MissingTextError(key) from None

    def render(self, reply: Reply, language: str = "id") -> Rendered:
        """The one message of a turn: its parts, a blank line between them, the options of its question as a list."""
        parts = [self.text(part, language, reply.sex) for part in reply.parts]
        shown = tuple(self._shown(choice, reply, language) for choice in reply.options)
        if shown:
            parts[-1] += "\n" + "\n".join(f"{number}. {choice.words}" for number, choice in enumerate(shown, 1))
        whom = f"{self.text(reply.whom, language, reply.sex)} " if reply.whom is not None else ""
        return Rendered(whom + "\n\n".join(part for part in parts if part), shown)

    def text(self, say: Say, language: str = "id", sex: str = "") -> str:
        """One text with its parameters. `sex` ("male", "female", "") decides `{you}` and `{call}`. Raises MissingTextError."""
        if say.params:
            return self._worded(say, language, sex)
        place = (language, say.key, sex)
        if place not in self._always_alike:
            self._always_alike[place] = self._worded(say, language, sex)
        return self._always_alike[place]

    def _worded(self, say: Say, language: str, sex: str) -> str:
        known = self._languages[language]
        values = {name: self._value(value, language, sex) for name, value in say.params.items()}
        whom = sex or "unknown"
        for name in ("you", "call"):
            values.setdefault(name, wording.Rendered(self.raw(f"words.{name}_{whom}", language)))
        return wording.Rendered(known.wording.words(self.raw(say.key, language), values))

    def understand_words(self, text: str, options: Sequence[Option], language: str = "id") -> tuple[str, str]:
        """(option id or "", global word or ""): at most one of them is set. Several options come as "id,id"."""
        known = self._languages[language]
        choices = [(choice.id, self._phrases(choice, language)) for choice in options]
        words = known.vocabulary
        if exact := chosen_option(text, choices, words, near=False):
            return exact, ""
        if command := command_in(text, known.commands, words, near=False):
            return "", command
        if several := chosen_options(text, choices, words):
            return ",".join(several), ""
        if close := chosen_option(text, choices, words, near=True):
            return close, ""
        return "", self._near_command(text, language)

    def _near_command(self, text: str, language: str) -> str:
        """The global word that a text is but for a slip. Short texts without a digit are remembered: it is the same ones."""
        known = self._languages[language]
        if len(text) > LONGEST_REMEMBERED or any(char.isdigit() for char in text):
            return command_in(text, known.commands, known.vocabulary, near=True)
        place = (language, text)
        if place not in self._near_commands:
            if len(self._near_commands) >= MOST_REMEMBERED:
                self._near_commands.clear()
            self._near_commands[place] = command_in(text, known.commands, known.vocabulary, near=True)
        return self._near_commands[place]

    def resolve(self, event: ev.Event, session: Session, language: str = "id") -> ev.Event:
        """The event with `chosen` and `command` filled in where a typed text answers the open question."""
        if not isinstance(event, ev.Text):
            return event
        options = session.asked.options if session.asked else ()
        chosen, command = self.understand_words(event.text, options, language)
        if not chosen and not command and not session.stack:
            # People are told to write "lanjut" once their IKD is active; by then the chat may have come to rest.
            known = self._languages[language]
            command = command_in(event.text, known.going_on, known.vocabulary, near=False)
        return evolve(event, chosen=chosen, command=command)

    def _shown(self, choice: Option, reply: Reply, language: str) -> Shown:
        words = self.text(choice.say, language, reply.sex)
        short = f"{choice.say.key}_short"
        has_short = short in self._languages[language].texts
        title = self.text(Say(short, choice.say.params), language, reply.sex) if has_short else words
        return Shown(option_payload(reply.question, choice.id), title.replace("*", ""), words)

    def _phrases(self, choice: Option, language: str) -> tuple[Phrase, ...]:
        """The label, its short form, and the synonyms of an option. A label is matched for either sex."""
        place = (language, choice.id, choice.say.key)
        if place in self._known_phrases and not choice.say.params:
            return self._known_phrases[place]
        texts = self._languages[language].texts
        ways = [self.text(choice.say, language, sex) for sex in ("", "male", "female")]
        short = f"{choice.say.key}_short"
        if short in texts:
            ways.append(self.text(Say(short, choice.say.params), language))
        synonyms = _split(texts.get(f"words.{choice.id}", ""))
        phrases = phrases_of((*ways, *synonyms), self._languages[language].vocabulary)
        if not choice.say.params:
            self._known_phrases[place] = phrases
        return phrases

    def _value(self, value: Any, language: str, sex: str) -> Any:
        if isinstance(value, Say):
            return self.text(value, language, sex)
        if isinstance(value, list | tuple):
            return [self._value(item, language, sex) for item in value]
        return value


def _load(folder: Path, locale: Locale, zone: ZoneInfo) -> _Language:
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=locale, abort_invalid=True):
                if message.id:
                    texts[f"{path.stem}.{message.id}"] = str(message.string)
    vocabulary = Vocabulary(
        ordinals=tuple(frozenset(tokens(group)) for group in _split(texts["words.ordinals"])),
        leads=frozenset(tokens(texts["words.leads"])),
        fillers=frozenset(tokens(texts["words.fillers"])),
        joins=frozenset(tokens(texts["words.joins"])),
    )
    commands = [(name, phrases_of(_split(texts[f"words.{name}"]), vocabulary)) for name in COMMANDS]
    going_on = [("registration", phrases_of(_split(texts["words.continue"]), vocabulary))]
    return _Language(texts, wording.Wording(locale, zone), vocabulary, commands, going_on)


def _split(words: str) -> Iterable[str]:
    return [word for word in words.split("|") if word]
