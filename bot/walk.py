"""The walk through the dialogs within one turn: carries out what a step decided, and enters whatever then lies on top.

The engine says what an event means; here is how dialogs are opened, called, interrupted, come back to and finished. Pure
like the engine, and bound to one turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backend.domain.names import initial_name
from backend.domain.values import evolve
from bot import events as ev
from bot.dialogs import ACCOMPANIED, BEFORE_PROOF, DIALOGS, MENU
from bot.effects import Command, Option, Record, Reply, Say
from bot.facts import Facts
from bot.prompts import Ask, Call, Entered, Next, Retry, Scene, Step, Take, Wait
from bot.session import IDLE, Asked, Case, Frame, Session

SLOW_AFTER = timedelta(seconds=6)
OFFER_HUMAN_AFTER = 3
MOST_HOPS = 40
IDLE_AFTER = timedelta(minutes=10)
"""How long a facilitator may be silent until the person in hand is put away."""
AWAY_FOR = timedelta(days=7)
MOST_KEPT = 10
MOST_HELD = 40
MOST_AWAY = 40
"""Cases with something open that a facilitator may have left."""
USE_KEPT = "use_kept"


class Walk:
    """One turn's way through the dialogs, and what it gathers: sentences, records, commands. Lives no longer than a turn."""

    def __init__(self, session: Session, facts: Facts, now: datetime) -> None:
        self.session = session
        self.facts = facts
        self.now = now
        self.says: list[Say] = []
        self.records: list[Record] = []
        self.commands: list[Command] = []
        self.forget = False
        self._options: tuple[Option, ...] = ()
        self._opened_now: set[str] = set()
        self._hops = 0
        self._asking = False
        self._sex = ""
        self._began = session.case
        self._whom = session.whom
        self.then: ev.Event | None = None
        self.replayed = session.replaying

    def replies(self) -> tuple[Reply, ...]:
        """The one message of this turn, if anything was said."""
        self._note_sex()
        if not self.says:
            return ()
        asked = self.session.asked
        number = asked.number if asked else 0
        return (Reply(tuple(self.says), self._options, number, self._sex, self._concerns()),)

    # --- moving --------------------------------------------------------------------------------------------------

    def apply(self, following: Next) -> None:
        """Carry out what a step has decided, then enter whatever lies on top."""
        frame = self.session.top
        assert frame is not None  # noqa: S101 - only a step of an open dialog decides
        self.says.extend(following.says)
        sent = self._do(following)
        if following.take is not None:
            self.session = self.session.with_top(frame.put(following.put))
            self.take_up(following.take)
            return
        if following.finished:
            self._finish(frame, following)
            return
        if following.to is not None:
            if following.to not in self.step(frame).to:
                raise ValueError(f"{frame.dialog}.{frame.step} leads to {following.to}, which it does not declare")
            frame = evolve(frame, step=following.to)
        self.session = self.session.with_top(evolve(frame.put(following.put), sent={**frame.sent, **sent}))
        if following.open is not None:
            self.open(following.open)
        elif self._asking or not following.silent:
            self.reenter()

    def _do(self, following: Next) -> dict[str, Any]:
        """Ask for what the step wants done; the tokens of its commands, each with the command's note."""
        sent: dict[str, Any] = {}
        for effect in following.does:
            if isinstance(effect, Record):
                self.records.append(effect)
            else:
                command = self._tokened(effect)
                self.commands.append(command)
                sent[command.token] = command.note
        if following.bind and self.facts.person is not None and self._may_be(self.facts.person.id):
            self.session = evolve(self.session, person_id=self.facts.person.id, proven_at=self.now)
        if following.forget and not self.session.case:
            self.session = evolve(self.session, person_id=None, proven_at=None)
        if following.duty is not None:
            self.session = evolve(self.session, duty=following.duty)
        return sent

    def _may_be(self, person_id: int) -> bool:
        """A case never becomes another person's."""
        return not self.session.case or self.session.person_id in {None, person_id}

    def _tokened(self, command: Command) -> Command:
        number = self.session.commands + 1
        self.session = evolve(self.session, commands=number)
        if not self.session.case:
            return evolve(command, token=str(number))
        # What a job writes is this person's, whoever is in hand by the time it runs.
        about = {"case": self.session.case, "person_id": self.session.person_id}
        return evolve(command, token=str(number), data={**command.data, "about": about})

    def _finish(self, frame: Frame, following: Next) -> None:
        self._note_sex()
        stack = self.session.stack[:-1]
        if following.drop:
            stack = _without_group(stack)
        if following.open is not None and not frame.called:
            self.session = evolve(self.session, stack=stack)
            self.open(following.open)
            return
        self.session = evolve(self.session, stack=stack, asked=None)
        if not stack:
            return
        if frame.called and not following.drop:
            take = self.step(stack[-1]).take
            assert take is not None, "a step that calls takes the result"  # noqa: S101
            self.apply(take(self.scene(stack[-1]), following.result))
        elif frame.dialog in self._opened_now or following.drop or following.result == "resume":
            self.reenter()
        else:
            self.open(self.offer_to_resume())

    def open(self, call: Call, called: bool = False) -> None:
        """Start a dialog on top, or come back to it where it is open already."""
        if self.session.case and not called:
            call = self._accompanied(call)
        dialog = DIALOGS[call.dialog]
        names = [frame.dialog for frame in self.session.stack]
        if not called and call.dialog in names:
            self._return_to(call, len(names) - 1 - names[::-1].index(call.dialog))
            return
        stack = self.session.stack
        if not called and stack and DIALOGS[stack[-1].dialog].passing:
            stack = _without_group(stack)
        frame = Frame(dialog.name, dialog.start, dict(call.answers), called=called)
        self._opened_now.add(dialog.name)
        self.session = evolve(self.session, stack=(*stack, frame), misses=0)
        self.reenter()

    def _return_to(self, call: Call, index: int) -> None:
        stack = self.session.stack
        last = index
        while last + 1 < len(stack) and stack[last + 1].called:
            last += 1
        frame = stack[index]
        told = {name: frame.answers.get(name) for name in call.answers}
        if call.dialog == MENU or "notice" in call.answers or told != dict(call.answers):
            dialog = DIALOGS[call.dialog]
            stack = (*stack[:index], Frame(dialog.name, dialog.start, dict(call.answers), called=frame.called))
            self._opened_now.add(dialog.name)
        else:
            stack = stack[: last + 1]
        self.session = evolve(self.session, stack=stack, misses=0)
        self.reenter()

    def reenter(self) -> None:
        """Enter the step on top: ask, wait, call, or go further."""
        self._hops += 1
        if self._hops > MOST_HOPS:
            raise RuntimeError("a dialog leads in circles without asking anything")
        frame = self.session.top
        if frame is None:
            return
        if frame.arrived:
            first, rest = frame.arrived[0], frame.arrived[1:]
            frame = evolve(frame, arrived=rest)
            self.session = self.session.with_top(frame)
            self._asking = True
            self.deliver(frame, ev.from_json(first))  # type: ignore[arg-type]
            return
        entered = self.enter(frame)
        match entered:
            case Ask():
                self.ask(entered)
            case Wait():
                self._wait(frame, entered)
            case Call():
                self.open(entered, called=True)
            case Next():
                self.apply(entered)

    def restart_with(self, call: Call) -> None:
        """Nothing of what was open or proven may stay, wherever the person is by now."""
        self.session = evolve(self.session, stack=(), asked=None, person_id=None, proven_at=None, timers={})
        self.open(call)

    # --- many cases in one chat --------------------------------------------------------------------------------------

    def off_duty(self) -> None:
        """The facilitator of this chat is none any more: from this very turn on it is a citizen's, and no case is left."""
        own = self.session.away.get("", Case())
        if self.session.case:
            self.session = self.session.switched("", own, self.now)
        self.session = evolve(self.session, duty=None, case="", whom={}, kept=(), away={}, news=False, held=())
        self._began = ""
        self.says.append(Say("duty.ended"))

    def take_up(self, take: Take) -> None:
        """Put the case in hand away and take another one. Nothing else happens in this turn: what follows is advanced as an
        event of its own, with the facts of whom it then concerns."""
        if take.desk is not None and not self.session.case:
            self.open(Call("people", {**take.desk, "at": self.session.commands}))
            return
        if self.records or self.commands:
            raise RuntimeError("a turn that changes the case in hand may write and ask for nothing")
        if not self.replayed:
            self.session = evolve(self.session, held=())
        self._whom = self._label()
        self._close_menu()
        if take.desk is not None:
            self.session = self.session.switched("", self.session.away.get("", Case()), self.now)
            self._then(ev.Taken("people", {**take.desk, "at": self.session.commands}))
            return
        away = self.session.away
        wanted = take.person_id
        key = (
            take.key
            if take.key in away
            else next((k for k, case in away.items() if k and wanted is not None and case.person_id == wanted), "")
        )
        if not key and len(away) >= MOST_AWAY:
            self.take_up(Take(desk={"full": True}))
            return
        if not key:
            self.session = evolve(self.session, cases=self.session.cases + 1)
            key = str(self.session.cases)
        case = away.get(key) or Case(person_id=wanted, proven_at=None if wanted is None else self.now, whom=take.whom)
        case = evolve(case, whom=case.whom or take.whom)
        self.session = self.session.switched(key, case, self.now).with_timer(IDLE, self.now + IDLE_AFTER)
        self._then(ev.Taken() if case.stack else ev.Taken("accompany"))

    def forget_old(self) -> None:
        """What was left open and not taken up again is not kept for good."""
        away = self.session.away
        old = [key for key, case in away.items() if key and case.left_at and self.now - case.left_at > AWAY_FOR]
        if old:
            self.session = evolve(self.session, away={key: case for key, case in away.items() if key not in old})

    def _close_menu(self) -> None:
        """Of somebody for whom nothing is open but the question what to do next, nothing has to be kept."""
        stack = self.session.stack
        if self.session.person_id is not None and all(frame.dialog == "accompany" for frame in stack):
            self.session = evolve(self.session, stack=())

    def _then(self, taken: ev.Taken) -> None:
        arrived = [outcome for frame in self.session.stack for outcome in frame.arrived]
        proven = next((outcome["person_id"] for outcome in reversed(arrived) if outcome["person_id"]), None)
        self.then = evolve(taken, person_id=proven)

    def put_away(self) -> None:
        """What was asked in the case in hand stays with it, and the chat is the facilitator's own."""
        self._whom = self._label()
        self.session = evolve(self.session, held=())
        self._close_menu()
        self.session = self.session.switched("", self.session.away.get("", Case()), self.now)

    def back_to_own(self) -> None:
        """What follows concerns the facilitator themself."""
        if self.session.case:
            self.put_away()
        self._began = ""

    def give_up(self, say: Say) -> None:
        """The person in hand is accompanied no longer: of their case nothing stays in this chat."""
        self._whom = self._label()
        self.session = evolve(self.session, stack=(), kept=(), held=())
        self.session = self.session.switched("", self.session.away.get("", Case()), self.now)
        self.says.append(say)

    def keep(self, event: ev.Event) -> None:
        """Something that came before its time stays with the case until it is asked for."""
        self.session = evolve(self.session, kept=(*self.session.kept, ev.to_json(event))[-MOST_KEPT:])

    def hold(self, event: ev.Event, first: bool = False) -> None:
        """What came while work was under way is advanced after it, in its order."""
        held, more = self.session.held, (ev.to_json(event),)
        self.session = evolve(self.session, held=(*more, *held) if first else (*held, *more)[:MOST_HELD])

    def replay(self) -> None:
        """The first of what was held is advanced next."""
        first, *rest = self.session.held
        self.session = evolve(self.session, held=tuple(rest), replaying=True)
        self.then = ev.from_json(first)

    def _accompanied(self, call: Call) -> Call:
        """What may be opened for the person in hand; everything else is theirs alone, or the facilitator's own."""
        if call.dialog == MENU:
            return Call("accompany")
        if call.dialog in ACCOMPANIED and (self.session.person_id is not None or call.dialog in BEFORE_PROOF):
            return call
        self.says.append(Say("accompany.not_yet" if call.dialog in ACCOMPANIED else "accompany.theirs_alone"))
        return Call("accompany")

    def _concerns(self) -> Say | None:
        """What a facilitator's message begins with: the one place where it is set."""
        if self.session.case:
            self.session = evolve(self.session, whom=self._label())
            whom: Mapping[str, str] = self.session.whom
        elif self._began:
            whom = self._whom
        else:
            return None
        if whom.get("call"):
            return Say("accompany.whom", whom)
        return Say("accompany.whom_number", whom) if whom.get("end") else Say("accompany.whom_new")

    def _label(self) -> Mapping[str, str]:
        """How the person in hand is named in this chat: their initial and the last four digits, as far as they are known."""
        found = dict(self.session.whom)
        for frame in self.session.stack:
            nik, person = frame.answers.get("nik"), frame.answers.get("person")
            if "nik" in frame.answers and self.session.person_id is None:
                found = {"end": str(nik)[-4:]} if nik else {}
            if person and self.session.person_id is None:
                found |= {"call": initial_name(person["name"], person["sex"]), "end": person["nik"][-4:]}
        return found

    # --- asking and waiting
    # --- asking and waiting --------------------------------------------------------------------------------------

    def ask(self, ask: Ask) -> None:
        """Put the question last. The same question again keeps its number, so that its older buttons still answer it."""
        self.says.append(ask.say)
        self._options = ask.options
        place = "/".join(f"{f.dialog}.{f.step}" for f in self.session.stack) + "#" + ",".join(o.id for o in ask.options)
        asked = self.session.asked
        if asked is None or asked.place != place:
            number = self.session.questions + 1
            asked = Asked(number, place, ask.options)
            self.session = evolve(self.session, questions=number)
        self.session = evolve(self.session, asked=evolve(asked, options=ask.options))

    def _with_kept(self, ask: Ask) -> Ask:
        """A photo that came before its question is offered with it."""
        if not (ask.photos and self.session.case and _kept_photo(self.session)):
            return ask
        return evolve(ask, options=(*ask.options, Option(USE_KEPT, Say("accompany.use_kept"))))

    def kept_photo(self) -> ev.Photos | None:
        """The oldest photo that was kept, taken out."""
        found = _kept_photo(self.session)
        if found is None:
            return None
        self.session = evolve(self.session, kept=tuple(e for e in self.session.kept if e is not found))
        photo = ev.from_json(found)
        assert isinstance(photo, ev.Photos)  # noqa: S101 - so it was looked for
        return photo

    def _wait(self, frame: Frame, wait: Wait) -> None:
        self.session = evolve(self.session, asked=None)
        if frame.token:
            self.says.append(wait.busy)
            return
        command = self._tokened(wait.command)
        self.commands.append(command)
        waiting = evolve(self.session.top or frame, token=command.token)
        self.session = self.session.with_top(waiting).with_timer("slow", self.now + SLOW_AFTER)

    def retry(self, ask: Ask, retry: Retry) -> None:
        """Say what did not fit and keep the question open; after several times offer a human."""
        misses = self.session.misses + 1
        self.session = evolve(self.session, misses=misses)
        self.says.append(retry.say)
        if misses >= OFFER_HUMAN_AFTER:
            self.says.append(Say("common.offer_human"))
        if retry.repeat:
            self.ask(ask)
        else:
            self._options = ask.options

    def deliver(self, frame: Frame, event: ev.JobFinished) -> None:
        """Hand an outcome to the dialog on top: to the step that waits for it, or to the dialog's own `on`."""
        dialog = DIALOGS[frame.dialog]
        scene = self.scene(frame)
        if frame.token and frame.token == event.token:
            self.session = self.session.with_top(evolve(frame, token="")).with_timer("slow", None)
            take = self.step(frame).take
            assert take is not None, "a step that waits takes the outcome"  # noqa: S101
            self.apply(take(scene, event))
        else:
            note = frame.sent[event.token]
            sent = {token: kept for token, kept in frame.sent.items() if token != event.token}
            self.session = self.session.with_top(evolve(frame, sent=sent))
            self.apply(dialog.on[event.command](scene, evolve(event, data={**event.data, "note": note})))

    def offer_to_resume(self, after_pause: bool = False) -> Call:
        """The question whether to go on with the journey on top."""
        return Call("resume", {"title": DIALOGS[self.root().dialog].title.key, "after_pause": after_pause})

    # --- looking -------------------------------------------------------------------------------------------------

    def step(self, frame: Frame) -> Step:
        return DIALOGS[frame.dialog].steps[frame.step]

    def enter(self, frame: Frame) -> Entered:
        entered = self.step(frame).enter(self.scene(frame))
        return self._with_kept(entered) if isinstance(entered, Ask) else entered

    def scene(self, frame: Frame) -> Scene:
        interrupted = len(self.session.stack) > len(self.group())
        session = self.session
        return Scene(
            frame.answers, self.facts, self.now, session.person_id, session.proven_at, interrupted,
            accompanied=bool(session.case), away=session.away,
        )  # fmt: skip

    def group(self) -> tuple[Frame, ...]:
        """The dialog on top together with those that called it: the journey that the person knows by one name."""
        stack = self.session.stack
        index = len(stack) - 1
        while index > 0 and stack[index].called:
            index -= 1
        return stack[max(index, 0) :]

    def root(self) -> Frame:
        return self.group()[0]

    def _note_sex(self) -> None:
        """How to address the person: from the NIK given in this journey, else from whom the chat has proven to be.

        An `unknown` sex says that somebody else is writing now, of whom nothing is known yet.
        """
        if self.session.case:
            self.session = evolve(self.session, whom=self._label())
        typed = next((f.answers["sex"] for f in reversed(self.session.stack) if f.answers.get("sex")), "")
        person, session = self.facts.person, self.session
        # In a facilitator's chat an event may name somebody else than whom it is answered to.
        known = person.sex if person and (session.duty is None or person.id == session.person_id) else ""
        self._sex = "" if typed == "unknown" else typed or known or self._sex


def _kept_photo(session: Session) -> Mapping[str, Any] | None:
    return next((event for event in session.kept if event["kind"] == "Photos"), None)


def _without_group(stack: tuple[Frame, ...]) -> tuple[Frame, ...]:
    while stack and stack[-1].called:
        stack = stack[:-1]
    return stack[:-1]
