"""A facilitator's chat under everything that a bad line, a hurry and a borrowed phone do to it: nothing of one person ever
reaches another.

Hypothesis draws the steps: people are added, left and taken up, messages and outcomes are lost, late or doubled, photos are
swapped, the mode runs out, delegations and the duty end. After each step everything that was said, asked for or written must
belong to the person whom it names.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot import events as ev
from bot.effects import Command
from tests.dialogs.desk import Citizen, Desk, citizen

MANY = 4
WORDS = (
    "1",
    "2",
    "3",
    "1 2 3 4",
    "ya",
    "tidak",
    "batal",
    "menu",
    "warga",
    "status",
    "sanggah",
    "daftar",
    "selesai",
    "bantuan",
)
WHOM = re.compile(r"\[(?:Bu|Pak) (\w)\. …(\d{4})\]|\[NIK …(\d{4})\]")


class Mixing(RuleBasedStateMachine):
    """`open` are commands whose outcome has not come yet, each with the person whose numbers were typed in that case."""

    @initialize()
    def begin(self) -> None:
        self.citizens = [citizen(number) for number in range(1, MANY + 1)]
        self.desk = Desk(*self.citizens)
        self.open: list[Command] = []
        self.faces: dict[str, int] = {}
        self.owners: dict[str, int] = {}
        self.seen = 0
        self._after()

    # --- what the facilitator does -----------------------------------------------------------------------------------

    @rule(word=st.sampled_from(WORDS))
    def says(self, word: str) -> None:
        self.desk.says(word)
        self._after()

    @rule(number=st.integers(0, MANY - 1), lost=st.booleans())
    def types_numbers(self, number: int, lost: bool) -> None:
        """NIK and KK of somebody, when they are asked for; or the message is lost on the way."""
        top = self.desk.session.top
        if lost or top is None or (top.dialog, top.step) != ("identify", "nik"):
            return
        one = self.citizens[number]
        self.owners[self.desk.session.case] = one.person.id
        self.desk.says(f"{one.nik} {one.kk}")
        self._after()

    @rule(number=st.integers(0, MANY - 1), way=st.integers(0, 3))
    def adds(self, number: int, way: int) -> None:
        """Somebody new: as far as the first photo, the match, the question before the last, or the number."""
        if not self.desk.on_duty:
            return
        one = self.citizens[number]
        self.desk.says("warga")
        self._after()
        if "add" not in self.desk.options:
            return
        self.desk.taps("add").says("1 2 3 4")
        self.owners[self.desk.session.case] = one.person.id
        self.desk.says(f"{one.nik} {one.kk}")
        self.desk.looked_up(one).says("ya")
        self._after()
        if way > 0 and "selfie.ask_front" in self.desk.keys and "use_kept" not in self.desk.options:
            self.desk.shows(one)
            self._after()
        for word in ("3", f"BRI {100000000000000 + one.person.id}", "ya")[: way if way > 1 else 0]:
            self.desk.says(word)
            self._after()

    @rule(where=st.sampled_from(("next", "add", "registration", "status")))
    def goes_on(self, where: str) -> None:
        """Straight from one to another, where that is offered."""
        if where in self.desk.options:
            self.desk.taps(where)
            self._after()

    @rule(place=st.integers(0, 9), old=st.booleans())
    def taps(self, place: int, old: bool) -> None:
        asked = self.desk.session.asked
        if asked is None or not asked.options:
            return
        self.desk.taps(asked.options[place % len(asked.options)].id, question=max(asked.number - 3, 0) if old else None)
        self._after()

    @rule(number=st.integers(0, MANY - 1), many=st.integers(1, 2))
    def sends_photos(self, number: int, many: int) -> None:
        """Photos of anybody, whoever is in hand."""
        refs = [f"face-{self.citizens[number].person.id}-{len(self.faces) + n}" for n in range(many)]
        self.faces.update(dict.fromkeys(refs, self.citizens[number].person.id))
        self.desk.sends_photo(*refs)
        self._after()

    # --- what happens elsewhere --------------------------------------------------------------------------------------

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 30), again=st.booleans(), fails=st.booleans())
    def outcome(self, which: int, again: bool, fails: bool) -> None:
        """The outcome of any command, late, out of order, or a second time."""
        command = self.open[which % len(self.open)]
        if not again:
            self.open.remove(command)
        outcome, data, person_id = ("failed", {}, None) if fails else self._outcome(command)
        self.desk.job(outcome, data, command=command, person_id=person_id)
        self._after()

    def _outcome(self, command: Command) -> tuple[str, dict[str, Any], int | None]:
        match command.kind:
            case "photo.receive":
                return "received", {"photos": [{"id": int(command.token), "problem": None}]}, None
            case "ikd.look_up":
                one = next(one for one in self.citizens if one.nik == command.data["nik"])
                known = {"name": one.person.name, "sex": one.person.sex, "birth_date": "1987-03-05"}
                return "found", {**known, "region_code": "35.10.16", "ikd": "active"}, None
            case "face.verify":
                person = command.data.get("person") or {}
                wanted = command.data.get("person_id") or next(
                    c.person.id for c in self.citizens if c.nik == person["nik"]
                )
                return "match", {}, wanted
            case _:
                return "failed", {}, None

    @rule(number=st.integers(0, MANY - 1), kind=st.sampled_from(("decision", "officer")))
    def news(self, number: int, kind: str) -> None:
        person_id = self.citizens[number].person.id
        self.desk.happens(ev.Notice(kind, {"text": f"untuk-{person_id}"} if kind == "officer" else {}, person_id))
        self._after()

    @rule(minutes=st.sampled_from((1, 11, 1500)))
    def waits(self, minutes: int) -> None:
        self.desk.waits(minutes=minutes)
        self._after()

    @rule(number=st.integers(0, MANY - 1))
    def delegation_ends(self, number: int) -> None:
        self.citizens[number].delegated = False

    @rule(on=st.booleans())
    def duty(self, on: bool) -> None:
        """It ends, and what was known in the chat with it; an officer may bind the chat anew."""
        self.desk.on_duty = on
        if not on:
            self.desk.says("halo")
            self._after()
            assert self.desk.session.away == {}
            for one in self.citizens:
                assert one.nik not in json.dumps(self.desk.state)
            self.begin()

    # --- what must hold ----------------------------------------------------------------------------------------------

    def _after(self) -> None:
        new = self.desk.commands[self.seen :]
        self.seen = len(self.desk.commands)
        self.open += [command for command in new if command.kind != "facilitator.people"]
        for command in new:
            self._right_person(command)

    def _right_person(self, command: Command) -> None:
        """A command of a case speaks of that case's person only."""
        about = command.data.get("about")
        if about is None:
            return
        owner = self.owners.get(about["case"], about["person_id"])
        assert about["person_id"] in {None, owner}
        typed = command.data.get("nik") or (command.data.get("person") or {}).get("nik")
        if typed and owner is not None:
            assert typed == self._citizen(owner).nik
        if command.data.get("person_id") is not None:
            assert command.data["person_id"] == owner == about["person_id"]

    def _citizen(self, person_id: int) -> Citizen:
        return next(one for one in self.citizens if one.person.id == person_id)

    @invariant()
    def a_case_stays_its_persons(self) -> None:
        session = self.desk.session
        cases = {key: (case.person_id, case.stack) for key, case in session.away.items()}
        cases[session.case] = (session.person_id, session.stack)
        for key, (person_id, stack) in cases.items():
            if not key:
                continue
            owner = self.owners.setdefault(key, person_id) if person_id else self.owners.get(key)
            assert person_id in {None, owner}
            held = json.dumps([dict(frame.answers) for frame in stack])
            for one in self.citizens:
                if owner is not None and one.person.id != owner:
                    assert one.nik not in held
                    assert one.person.name not in held

    @invariant()
    def a_message_speaks_of_whom_it_names(self) -> None:
        for heard in self.desk.heard[-2:]:
            named = WHOM.match(heard.text)
            if named is None:
                continue
            end = named[2] or named[3]
            for one in self.citizens:
                if one.nik[-4:] != end:
                    assert one.person.name not in heard.text
                    assert f"untuk-{one.person.id}" not in heard.text
                    assert f"…{one.nik[-4:]}" not in heard.text

    @invariant()
    def a_message_names_whom_it_is_for(self) -> None:
        session = self.desk.session
        if not session.case or not self.desk.turn.replies:
            return
        whom = self.desk.turn.replies[-1].whom
        assert whom is not None
        owner = self.owners.get(session.case)
        assert whom.params.get("end", "") in {"", "" if owner is None else self._citizen(owner).nik[-4:]}

    @invariant()
    def what_is_written_is_the_persons(self) -> None:
        for whom, record in self.desk.written:
            if "person_id" in record.data:
                assert record.data["person_id"] == whom
        for one in self.citizens:
            assert all(filed["person_id"] == one.person.id for filed in one.filed)
            assert len(one.filed) <= 1


TestMixing = Mixing.TestCase
TestMixing.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
