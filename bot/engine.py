"""One turn of a conversation: `advance`. The only place that picks the next step.

Pure: no I/O, no clock, no randomness, no texts. Whatever happens (a message, a job's outcome, a timer, news about the
case) is an event; the answer is the next session, at most one reply, records for the same transaction and commands for
later. After goflow's `flows/engine/session.go`: a reply, a timeout and a call's result are one kind of input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot import events as ev
from bot.answers import CANCEL, carries_id_number, many_digits, read_answer
from bot.dialogs import DIALOGS, ENDINGS, INTENTS, MENU, NOTICES, SMALL_TALK
from bot.effects import Command, Option, Record, Reply, Say
from bot.facts import Facts
from bot.prompts import Ask, Call, Dialog, Entered, Next, Retry, Scene, Step, Wait, read_payload
from bot.session import Asked, Frame, Session

SLOW_AFTER = timedelta(seconds=6)
STALE_AFTER = timedelta(hours=24)
OFFER_HUMAN_AFTER = 3
MOST_HOPS = 40


@dataclass(frozen=True, slots=True)
class Turn:
    """What one event led to. `forget_message`: the citizen's message carries an NIK and should vanish from the chat."""

    session: Session
    replies: tuple[Reply, ...] = ()
    records: tuple[Record, ...] = ()
    commands: tuple[Command, ...] = ()
    forget_message: bool = False


def advance(session: Session, event: ev.Event, facts: Facts, now: datetime) -> Turn:
    """Advance one conversation by one event. Deterministic in its arguments."""
    run = _Run(session, facts, now)
    run.happen(event)
    return run.turn()


class _Run:
    """The bookkeeping of one turn; lives no longer than `advance`."""

    def __init__(self, session: Session, facts: Facts, now: datetime) -> None:
        self.session = session
        self.facts = facts
        self.now = now
        self.says: list[Say] = []
        self.records: list[Record] = []
        self.commands: list[Command] = []
        self.options: tuple[Option, ...] = ()
        self.forget = False
        self.opened_now: set[str] = set()
        self.hops = 0
        self.asking = False
        self.sex = ""

    def turn(self) -> Turn:
        self._note_sex()
        asked = self.session.asked
        replies: tuple[Reply, ...] = ()
        if self.says:
            replies = (Reply(tuple(self.says), self.options, asked.number if asked else 0, self.sex),)
        return Turn(self.session, replies, tuple(self.records), tuple(self.commands), self.forget)

    # --- what happened -------------------------------------------------------------------------------------------

    def happen(self, event: ev.Event) -> None:
        match event:
            case ev.JobFinished():
                self._job_finished(event)
            case ev.Notice():
                self._open(Call(NOTICES[event.kind], {"notice": event.kind, **event.data}))
            case ev.Timeout():
                self._timeout(event.name)
            case ev.Reachability():
                self.records.append(Record("conversation.reachable", {"reachable": event.reachable}))
            case _:
                self._citizen(event)
                self.session = replace(self.session, last_at=self.now)

    def _citizen(self, event: ev.Event) -> None:
        top = self.session.top
        self.forget = isinstance(event, ev.Text) and carries_id_number(event.text)
        if isinstance(event, ev.Text) and event.command:
            self._global_word(event.command)
        elif isinstance(event, ev.Started):
            self._open(Call(MENU, {"welcome": True}))
        elif top is None:
            self._from_rest(event)
        elif self._stale() and not DIALOGS[top.dialog].passing and not self._still_answers(top, event):
            self._open(self._offer_to_resume(after_pause=True))
        else:
            self._answer(event)

    def _stale(self) -> bool:
        """Whether so much time went by that the person may no longer know where they were."""
        last = self.session.last_at
        return last is not None and self.now - last > STALE_AFTER

    def _still_answers(self, top: Frame, event: ev.Event) -> bool:
        """Whether an event after a long pause is plainly the answer to the open question, or there is none to answer."""
        entered = self._enter(top)
        if not isinstance(entered, Ask):
            return True
        value = None if entered.free else read_answer(entered, event, self.session.asked, self._scene(top))
        return value is not None and not isinstance(value, Retry)

    def _offer_to_resume(self, after_pause: bool = False) -> Call:
        return Call("resume", {"title": DIALOGS[self._group_root().dialog].title.key, "after_pause": after_pause})

    def _global_word(self, command: str) -> None:
        top = self.session.top
        if command == "help":
            self._help()
        elif command == "repeat" and top is not None:
            self._reenter()
        elif command == CANCEL and top is not None and top.dialog != MENU:
            self._cancel(top)
        elif command in DIALOGS and command != CANCEL:
            self._open(Call(command))
        else:
            self._open(Call(MENU))

    def _cancel(self, top: Frame) -> None:
        about_below = top.dialog in {"cancel", "resume"}
        nothing_lost = DIALOGS[top.dialog].passing or not any(frame.answers for frame in self._group())
        if about_below or nothing_lost:
            self._apply(Next(finished=True, drop=about_below or top.called, says=(Say("common.cancelled"),)))
        else:
            self._open(Call("cancel", {"title": DIALOGS[self._group_root().dialog].title.key}))

    def _help(self) -> None:
        top = self.session.top
        entered = self._enter(top) if top is not None else None
        if isinstance(entered, Ask):
            self.says.append(entered.help or Say("common.help_here"))
            self._ask(entered)
        else:
            self._open(Call(MENU, {"help": True}))

    def _from_rest(self, event: ev.Event) -> None:
        if isinstance(event, ev.Choice):
            _, option_id = read_payload(event.payload)
            if option_id in {MENU, *NOTICES.values(), *(wish.dialog for wish in INTENTS.values())}:
                self._open(Call(option_id))
            else:
                self._open(Call(MENU, {"old_button": True}))
        elif isinstance(event, ev.Text):
            self._wish(event)
        else:
            self._open(Call(MENU, {"unexpected": _kind(event)}))

    def _wish(self, event: ev.Text) -> None:
        """Free words with no question open: the dialog they mean, or asking back."""
        found = event.understanding
        intent = found.intent if found else "nlu_fallback"
        if intent in INTENTS:
            self._open(INTENTS[intent])
        elif intent in SMALL_TALK:
            self._open(Call(MENU, {"small_talk": intent}))
        else:
            names = [name for name, _ in found.ranking if name in INTENTS][:2] if found and event.text.strip() else []
            likely = [{"intent": n, "dialog": INTENTS[n].dialog, "answers": dict(INTENTS[n].answers)} for n in names]
            self._open(Call("clarify", {"likely": likely}))

    # --- answers to the open question ----------------------------------------------------------------------------

    def _answer(self, event: ev.Event) -> None:
        top = self.session.top
        assert top is not None  # noqa: S101 - the caller has looked
        entered = self._enter(top)
        if isinstance(entered, Wait):
            self._while_waiting(entered, event)
            return
        if not isinstance(entered, Ask):
            self._reenter()
            return
        if entered.secret and isinstance(event, ev.Text) and many_digits(event.text):
            self.forget = True
        value = read_answer(entered, event, self.session.asked, self._scene(top))
        if value is None and isinstance(event, ev.Text) and self._interrupt(event):
            return
        if value is None and isinstance(event, ev.Text) and top.dialog == MENU:
            self._wish(event)
            return
        if value is None:
            value = Retry(Say("common.choose" if entered.options else "common.not_fitting"), repeat=True)
        if isinstance(value, Retry):
            self._retry(entered, value)
            return
        self.forget = self.forget or entered.secret
        self.session = replace(self.session, misses=0)
        self._apply(self._step(top).take(self._scene(top), value))  # type: ignore[misc]

    def _interrupt(self, event: ev.Text) -> bool:
        found = event.understanding
        if found is None:
            return False
        if found.intent in SMALL_TALK:
            self.says.append(Say(f"small_talk.{found.intent}"))
            top = self.session.top
            if found.intent != "greet" and top is not None and DIALOGS[top.dialog].passing:
                self._apply(Next(finished=True))
            else:
                self._reenter()
            return True
        if found.intent == CANCEL:
            self._global_word(CANCEL)
            return True
        wish = INTENTS.get(found.intent)
        if wish is None:
            return False
        self._open(wish)
        return True

    def _retry(self, ask: Ask, retry: Retry) -> None:
        misses = self.session.misses + 1
        self.session = replace(self.session, misses=misses)
        self.says.append(retry.say)
        if misses >= OFFER_HUMAN_AFTER:
            self.says.append(Say("common.offer_human"))
        if retry.repeat:
            self._ask(ask)
        else:
            self.options = ask.options

    def _while_waiting(self, wait: Wait, event: ev.Event) -> None:
        if isinstance(event, ev.Text) and self._interrupt(event):
            return
        self.says.append(wait.busy)

    # --- outcomes, timers ----------------------------------------------------------------------------------------

    def _job_finished(self, event: ev.JobFinished) -> None:
        ending = ENDINGS.get((event.command, event.outcome))
        if ending is not None:
            self._end_all(Call(ending, event.data))
            return
        stack = self.session.stack
        for index in range(len(stack) - 1, -1, -1):
            frame = stack[index]
            if event.token and (frame.token == event.token or event.token in frame.sent):
                break
        else:
            return
        if index < len(stack) - 1:
            if any(kept["token"] == event.token for kept in frame.arrived):
                return
            kept = replace(frame, arrived=(*frame.arrived, ev.to_json(event)))
            self.session = replace(self.session, stack=(*stack[:index], kept, *stack[index + 1 :]))
            return
        self._deliver(frame, event)

    def _deliver(self, frame: Frame, event: ev.JobFinished) -> None:
        dialog = DIALOGS[frame.dialog]
        scene = self._scene(frame)
        if frame.token and frame.token == event.token:
            self.session = self.session.with_top(replace(frame, token="")).with_timer("slow", None)
            take = self._step(frame).take
            assert take is not None, "a step that waits takes the outcome"  # noqa: S101
            self._apply(take(scene, event))
        else:
            note = frame.sent[event.token]
            sent = {token: kept for token, kept in frame.sent.items() if token != event.token}
            self.session = self.session.with_top(replace(frame, sent=sent))
            self._apply(dialog.on[event.command](scene, replace(event, data={**event.data, "note": note})))

    def _end_all(self, call: Call) -> None:
        """Nothing of what was open or proven may stay, wherever the person is by now."""
        self.session = replace(self.session, stack=(), asked=None, person_id=None, proven_at=None, timers={})
        self._open(call)

    def _timeout(self, name: str) -> None:
        self.session = self.session.with_timer(name, None)
        top = self.session.top
        if name == "slow" and top is not None and top.token:
            entered = self._enter(top)
            if isinstance(entered, Wait):
                self.says.append(entered.slow)

    # --- moving --------------------------------------------------------------------------------------------------

    def _apply(self, following: Next) -> None:
        """Carry out what a step has decided, then enter whatever lies on top."""
        frame = self.session.top
        assert frame is not None  # noqa: S101 - only a step of an open dialog decides
        self.says.extend(following.says)
        sent = self._do(following)
        if following.finished:
            self._finish(frame, following)
            return
        if following.to is not None:
            if following.to not in self._step(frame).to:
                raise ValueError(f"{frame.dialog}.{frame.step} leads to {following.to}, which it does not declare")
            frame = replace(frame, step=following.to)
        self.session = self.session.with_top(replace(frame.put(following.put), sent={**frame.sent, **sent}))
        if following.open is not None:
            self._open(following.open)
        elif self.asking or not following.silent:
            self._reenter()

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
        if following.bind and self.facts.person is not None:
            self.session = replace(self.session, person_id=self.facts.person.id, proven_at=self.now)
        if following.forget:
            self.session = replace(self.session, person_id=None, proven_at=None)
        return sent

    def _tokened(self, command: Command) -> Command:
        number = self.session.commands + 1
        self.session = replace(self.session, commands=number)
        return replace(command, token=str(number))

    def _finish(self, frame: Frame, following: Next) -> None:
        self._note_sex()
        stack = self.session.stack[:-1]
        if following.drop:
            stack = _without_group(stack)
        if following.open is not None and not frame.called:
            self.session = replace(self.session, stack=stack)
            self._open(following.open)
            return
        self.session = replace(self.session, stack=stack, asked=None)
        if not stack:
            return
        if frame.called and not following.drop:
            take = self._step(stack[-1]).take
            assert take is not None, "a step that calls takes the result"  # noqa: S101
            self._apply(take(self._scene(stack[-1]), following.result))
        elif frame.dialog in self.opened_now or following.drop or following.result == "resume":
            self._reenter()
        else:
            self._open(self._offer_to_resume())

    def _open(self, call: Call, called: bool = False) -> None:
        """Start a dialog on top, or come back to it where it is open already."""
        dialog = DIALOGS[call.dialog]
        names = [frame.dialog for frame in self.session.stack]
        if not called and call.dialog in names:
            self._return_to(call, len(names) - 1 - names[::-1].index(call.dialog))
            return
        stack = self.session.stack
        if not called and stack and DIALOGS[stack[-1].dialog].passing:
            stack = _without_group(stack)
        frame = Frame(dialog.name, dialog.start, dict(call.answers), called=called)
        self.opened_now.add(dialog.name)
        self.session = replace(self.session, stack=(*stack, frame), misses=0)
        self._reenter()

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
            self.opened_now.add(dialog.name)
        else:
            stack = stack[: last + 1]
        self.session = replace(self.session, stack=stack, misses=0)
        self._reenter()

    def _reenter(self) -> None:
        """Enter the step on top: ask, wait, call, or go further."""
        self.hops += 1
        if self.hops > MOST_HOPS:
            raise RuntimeError("a dialog leads in circles without asking anything")
        frame = self.session.top
        if frame is None:
            return
        if frame.arrived:
            first, rest = frame.arrived[0], frame.arrived[1:]
            frame = replace(frame, arrived=rest)
            self.session = self.session.with_top(frame)
            self.asking = True
            self._deliver(frame, ev.from_json(first))  # type: ignore[arg-type]
            return
        entered = self._enter(frame)
        match entered:
            case Ask():
                self._ask(entered)
            case Wait():
                self._wait(frame, entered)
            case Call():
                self._open(entered, called=True)
            case Next():
                self._apply(entered)

    def _ask(self, ask: Ask) -> None:
        self.says.append(ask.say)
        self.options = ask.options
        place = "/".join(f"{f.dialog}.{f.step}" for f in self.session.stack) + "#" + ",".join(o.id for o in ask.options)
        asked = self.session.asked
        if asked is None or asked.place != place:
            number = self.session.questions + 1
            asked = Asked(number, place, ask.options)
            self.session = replace(self.session, questions=number)
        self.session = replace(self.session, asked=replace(asked, options=ask.options))

    def _wait(self, frame: Frame, wait: Wait) -> None:
        self.session = replace(self.session, asked=None)
        if frame.token:
            self.says.append(wait.busy)
            return
        command = self._tokened(wait.command)
        self.commands.append(command)
        waiting = replace(self.session.top or frame, token=command.token)
        self.session = self.session.with_top(waiting).with_timer("slow", self.now + SLOW_AFTER)

    # --- looking -------------------------------------------------------------------------------------------------

    def _step(self, frame: Frame) -> Step:
        dialog: Dialog = DIALOGS[frame.dialog]
        return dialog.steps[frame.step]

    def _enter(self, frame: Frame) -> Entered:
        return self._step(frame).enter(self._scene(frame))

    def _scene(self, frame: Frame) -> Scene:
        interrupted = len(self.session.stack) > len(self._group())
        return Scene(frame.answers, self.facts, self.now, self.session.person_id, self.session.proven_at, interrupted)

    def _group(self) -> tuple[Frame, ...]:
        """The dialog on top together with those that called it: the journey that the person knows by one name."""
        stack = self.session.stack
        index = len(stack) - 1
        while index > 0 and stack[index].called:
            index -= 1
        return stack[max(index, 0) :]

    def _group_root(self) -> Frame:
        return self._group()[0]

    def _note_sex(self) -> None:
        """How to address the person: from the NIK given in this journey, else from whom the chat has proven to be.

        An `unknown` sex says that somebody else is writing now, of whom nothing is known yet.
        """
        typed = next((f.answers["sex"] for f in reversed(self.session.stack) if f.answers.get("sex")), "")
        known = self.facts.person.sex if self.facts.person is not None else ""
        self.sex = "" if typed == "unknown" else typed or known or self.sex


def _without_group(stack: tuple[Frame, ...]) -> tuple[Frame, ...]:
    while stack and stack[-1].called:
        stack = stack[:-1]
    return stack[:-1]


def _kind(event: ev.Event) -> str:
    kinds: Mapping[type[Any], str] = {ev.Photos: "photo", ev.Location: "location"}
    return event.kind if isinstance(event, ev.Unsupported) else kinds.get(type(event), "other")
