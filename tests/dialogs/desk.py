"""A facilitator's chat with a small world behind it: people with NIK and KK, what they let be done, what is filed for them.

The world stands for the database. It hands a turn the facts of whom the turn concerns, as the real one does, and writes
down for whom each record and each command was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import Any, Self

from backend.domain.names import initial_name
from bot import events as ev
from bot import session as sessions
from bot.effects import Command, Record
from bot.engine import Turn
from bot.facts import (
    AppealFacts,
    DecisionFacts,
    DelegationFacts,
    FacilitatorFacts,
    Facts,
    PersonFacts,
    RegistrationFacts,
)
from tests.bot.people import REGIONS, TODAY
from tests.conversation import START, Conversation

UNTIL = datetime(2027, 5, 31, tzinfo=UTC)
DUTY = FacilitatorFacts(5, "Wati", "pkh", ("35.10",), UNTIL)
OWN = PersonFacts(90, "Wati", "female", "35.10.16", "Banyuwangi", "chat_precheck", frozenset({"data_access", "face"}))


@dataclass(slots=True)
class Citizen:
    """Somebody with a NIK, and what the database would know of them."""

    person: PersonFacts
    nik: str
    kk: str
    delegated: bool = False
    registration: RegistrationFacts | None = None
    decision: DecisionFacts | None = None
    appeal: AppealFacts | None = None
    filed: list[dict[str, Any]] = field(default_factory=list)


def citizen(number: int) -> Citizen:
    """One of many: each with another name, sex, NIK and KK."""
    sex = "female" if number % 2 else "male"
    day = 41 + number % 28 if sex == "female" else 1 + number % 28
    name = f"{chr(65 + number % 26)}{'abcdefghij'[number % 10]}ni {number}"
    nik = f"351016{day:02}0387{number:04}"
    person = PersonFacts(100 + number, name, sex, "35.10.16", "Banyuwangi", "chat_precheck")
    return Citizen(person, nik, f"3510160101{100000 + number}")


class Desk(Conversation):
    """The chat. Whoever is written of in a message is held to be whom the turn concerns (`held`)."""

    def __init__(self, *citizens: Citizen, now: datetime = START) -> None:
        super().__init__(Facts(today=TODAY, regions=REGIONS), now=now)
        self.world = {one.person.id: one for one in citizens}
        self.on_duty = True
        self.codes = 0
        self.lists = 0
        self.written: list[tuple[int | None, Record]] = []
        session = sessions.Session(person_id=OWN.id, proven_at=now, duty=DUTY.id)
        self.state = sessions.to_json(session)

    def facts_for(self, session: sessions.Session, event: ev.Event) -> Facts:
        self.codes += 1
        named = event.person_id if isinstance(event, ev.JobFinished | ev.Notice | ev.Taken) else None
        person_id = named or session.person_id
        one = self.world.get(person_id or 0)
        in_hand = self.world.get(session.person_id or 0) if session.case else None
        return changed(
            self.facts,
            code=f"A{self.codes:05}",
            person=OWN if person_id == OWN.id else one.person if one else None,
            registration=one.registration if one else None,
            decision=one.decision if one else None,
            appeal=one.appeal if one else None,
            facilitator=DUTY if self.on_duty else None,
            delegation=DelegationFacts(frozenset({"read_result"}), UNTIL) if in_hand and in_hand.delegated else None,
        )

    def happens(self, event: ev.Event) -> Self:
        super().happens(event)
        self._list()
        return self

    def came_of(self, turn: Turn) -> None:
        session = turn.session
        for record in turn.records:
            self.written.append((session.person_id, record))
            one = self.world.get(session.person_id or 0)
            if one is None or not session.case:
                continue
            if record.kind == "delegation.give":
                one.delegated = True
            if record.kind == "registration.file":
                one.filed.append(dict(record.data))
                one.registration = RegistrationFacts(
                    record.data["person_id"], f"PRL-{one.person.id}", "submitted", self.now
                )
            if record.kind == "decision.told" and one.decision is not None:
                one.decision = changed(one.decision, told=True)

    def _list(self) -> None:
        """The working list is read at once."""
        for command in self.turn.commands:
            if command.kind == "facilitator.people":
                self.job("listed", self.listed(command), command=command)

    def listed(self, command: Command) -> dict[str, Any]:
        search = command.data["search"]
        known = [one for one in self.world.values() if one.delegated]
        found = [o for o in known if not search or o.nik.endswith(search) or search.lower() in o.person.name.lower()]
        skip, most = command.data["skip"], command.data["most"]
        rows = [
            {
                "person_id": o.person.id,
                "call": initial_name(o.person.name, o.person.sex),
                "end": o.nik[-4:],
                "waits": "result" if o.decision is not None and not o.decision.told else "nothing",
            }
            for o in found[skip : skip + most]
        ]
        return {"rows": rows, "more": len(found) > skip + most, "all": len(known), "today": 0}

    # --- the way of one citizen --------------------------------------------------------------------------------------

    def looked_up(self, one: Citizen) -> Self:
        found = {
            "name": one.person.name,
            "sex": one.person.sex,
            "birth_date": "1987-03-05",
            "region_code": one.person.region_code,
            "ikd": "active",
        }
        self.job("found", found)
        return self

    def adds(self, one: Citizen) -> Self:
        """From anywhere to the question for the first photo of somebody new."""
        self.says("warga")
        self.taps("add").expects("accompany.aloud")
        self.says("1 2 3 4").says(f"{one.nik} {one.kk}")
        self.looked_up(one).expects("accompany.confirm")
        self.says("ya").expects("selfie.ask_front")
        return self

    def shows(self, one: Citizen) -> Self:
        """Both photos, and the match."""
        self.sends_photo(f"{one.person.id}-front").job(
            "received", {"photos": [{"id": one.person.id * 10, "problem": None}]}
        )
        self.sends_photo(f"{one.person.id}-turned")
        self.job("received", {"photos": [{"id": one.person.id * 10 + 1, "problem": None}]})
        self.job("match", person_id=one.person.id)
        return self

    def registers(self, one: Citizen) -> Self:
        """The whole way, from anywhere."""
        self.adds(one).shows(one).expects("selfie.match", "registration.ask_household")
        self.says("3").expects("registration.ask_account")
        self.says(f"BRI {100000000000000 + one.person.id}").expects("registration.summary")
        self.says("ya").expects("registration.filed", "accompany.after")
        return self

    @property
    def whom(self) -> str:
        """What the last message begins with."""
        return self.text.partition("]")[0] + "]"
