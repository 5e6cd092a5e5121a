"""The dialog test language: a chat with the real engine and the real catalogue, without a server.

    chat = Conversation(facts=Facts(today=date(2026, 11, 22)))
    chat.says("daftar")
    chat.expects("registration.consent_data", options=["yes", "no"])
    chat.job("found", {"name": "Siti Aminah"})          # the outcome of the last command
    assert "Bu Siti" in chat.text

Between two turns the session and the event go through JSON, as they do in the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from bot import events as ev
from bot import session as sessions
from bot.effects import Command, Record, Reply
from bot.engine import Turn, advance
from bot.facts import Facts, PersonFacts
from bot.prompts import option_payload
from bot.texts import Catalogue, Rendered

CATALOGUE = Catalogue()
START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

Understander = Callable[[str], ev.Understanding]


def means(**intents: str) -> Understander:
    """An understander for a test: means(register="mau ikut bansos") gives that intent to exactly that text."""
    by_text = {text: intent for intent, text in intents.items()}
    return lambda text: ev.Understanding(by_text.get(text, "nlu_fallback"), 0.9)


class Conversation:
    """One chat. `facts` may be replaced at any time, as the database would have changed between two turns.

    They are about the person whom the chat has proven to be, so they go when the chat stops being that person's.
    """

    def __init__(
        self, facts: Facts | None = None, understands: Understander | None = None, now: datetime = START
    ) -> None:
        self.facts = facts or Facts(today=now.date(), code="7K2M93")
        self.understands = understands or means()
        self.now = now
        self.state: dict[str, Any] = {}
        self.turn = Turn(sessions.Session())
        self.replies: list[Reply] = []
        self.heard: list[Rendered] = []
        self.records: list[Record] = []
        self.commands: list[Command] = []

    # --- what the person does ------------------------------------------------------------------------------------

    def opens(self, payload: str = "") -> Self:
        return self.happens(ev.Started(payload))

    def says(self, text: str) -> Self:
        return self.happens(ev.Text(text, self.understands(text)))

    def taps(self, option_id: str, question: int | None = None) -> Self:
        """A button of the last question, or of an older one by its number."""
        asked = self.session.asked
        number = question if question is not None else (asked.number if asked else 0)
        return self.happens(ev.Choice(option_payload(number, option_id)))

    def sends_photo(self, *refs: str, caption: str = "", group: str = "") -> Self:
        photos = tuple(ev.PhotoRef(ref) for ref in refs or ("photo-1",))
        return self.happens(ev.Photos(photos, caption, group))

    def sends(self, kind: str) -> Self:
        """Something that the bot cannot read: video, voice, document…"""
        return self.happens(ev.Unsupported(kind))

    # --- what happens elsewhere ----------------------------------------------------------------------------------

    def job(
        self,
        outcome: str,
        data: dict[str, Any] | None = None,
        person: PersonFacts | None = None,
        command: Command | None = None,
        person_id: int | None = None,
    ) -> Self:
        """The outcome of the last command (or of `command`); `person` is whom the job has proven."""
        asked_for = command or self.commands[-1]
        if person is not None:
            self.facts = replace(self.facts, person=person)
        if person is not None:
            person_id = person.id
        return self.happens(ev.JobFinished(asked_for.kind, asked_for.token, outcome, data or {}, person_id))

    def notice(self, kind: str, data: dict[str, Any] | None = None) -> Self:
        person = self.facts.person
        return self.happens(ev.Notice(kind, data or {}, person.id if person else None))

    def waits(self, **span: float) -> Self:
        """Time goes by (`seconds=7`, `days=2`); timers that run out meanwhile ring."""
        self.now += timedelta(**span)
        for name in [name for name, due in self.session.timers.items() if due <= self.now]:
            self.happens(ev.Timeout(name))
        return self

    def happens(self, event: ev.Event) -> Self:
        before = sessions.from_json(self.state or None)
        event = ev.from_json(json.loads(json.dumps(ev.to_json(event))))
        self.turn = self._advanced(before, event)
        if before.person_id is not None and self.turn.session.person_id is None:
            self.facts = replace(self.facts, person=None, registration=None, decision=None, appeal=None)
        self.replies.extend(self.turn.replies)
        self.heard.extend(CATALOGUE.render(reply) for reply in self.turn.replies)
        self.records.extend(self.turn.records)
        self.commands.extend(self.turn.commands)
        return self

    def facts_for(self, session: sessions.Session, event: ev.Event) -> Facts:
        """What the database knows when this event is advanced."""
        return self.facts

    def came_of(self, turn: Turn) -> None:
        """What the database makes of one turn, before anything that follows."""

    def _advanced(self, before: sessions.Session, event: ev.Event) -> Turn:
        """One event, and what follows when another person is in hand then; as one turn."""
        turn = advance(before, CATALOGUE.resolve(event, before), self.facts_for(before, event), self.now)
        self.state = json.loads(json.dumps(sessions.to_json(turn.session)))
        self.came_of(turn)
        if turn.then is None and sessions.REPLAY in self.session.timers:
            following = self._advanced(self.session, ev.Timeout(sessions.REPLAY))
            return _both(turn, following)
        if turn.then is None:
            return turn
        assert not turn.records
        assert not turn.commands
        following = self._advanced(self.session, turn.then)
        return _both(turn, following)

    # --- what came of it -----------------------------------------------------------------------------------------

    @property
    def session(self) -> sessions.Session:
        return sessions.from_json(self.state or None)

    @property
    def keys(self) -> list[str]:
        """The keys of the last turn's reply."""
        return [part.key for reply in self.turn.replies for part in reply.parts]

    @property
    def options(self) -> list[str]:
        """The ids of the options of the last turn's reply."""
        return [choice.id for reply in self.turn.replies for choice in reply.options]

    @property
    def text(self) -> str:
        """The words of the last turn's reply, empty when it said nothing."""
        return self.heard[-1].text if self.turn.replies else ""

    @property
    def done(self) -> bool:
        return not self.session.stack

    def recorded(self, kind: str) -> list[Record]:
        return [record for record in self.records if record.kind == kind]

    def expects(self, *keys: str, options: Iterable[str] | None = None) -> Self:
        """The last turn's reply ends with these texts, the question last, and offers these options."""
        assert self.keys[-len(keys) :] == list(keys), f"expected {list(keys)}, heard {self.keys}: {self.text!r}"
        if options is not None:
            assert self.options == list(options), f"expected the options {list(options)}, saw {self.options}"
        return self

    def expects_silence(self) -> Self:
        assert not self.turn.replies, f"expected nothing, heard {self.keys}"
        return self

    def expects_command(self, kind: str) -> Command:
        """The one command that the last turn asked for."""
        assert [command.kind for command in self.turn.commands] == [kind], self.turn.commands
        return self.turn.commands[0]


def _both(turn: Turn, following: Turn) -> Turn:
    """A turn and what followed from it by itself, as one."""
    return replace(
        following,
        replies=(*turn.replies, *following.replies),
        records=(*turn.records, *following.records),
        commands=(*turn.commands, *following.commands),
        forget_message=turn.forget_message,
    )
