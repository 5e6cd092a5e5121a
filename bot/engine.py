"""One turn of a conversation: `advance`. The only place that decides what an event means and so where it leads.

Pure: no I/O, no clock, no randomness, no texts. Whatever happens (a message, a job's outcome, a timer, news about the
case) is an event; the answer is the next session, at most one reply, records for the same transaction and commands for
later. After goflow's `flows/engine/session.go`: a reply, a timeout and a call's result are one kind of input.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from backend.domain.values import evolve, value
from bot import events as ev
from bot.answers import CANCEL, carries_id_number, many_digits, read_answer
from bot.dialogs import DIALOGS, ENDINGS, INTENTS, MENU, NOTICES, OUT_OF_SCOPE, SMALL_TALK
from bot.effects import Command, Record, Reply, Say
from bot.facts import Facts
from bot.prompts import Ask, Call, Next, Retry, Wait, read_payload
from bot.session import Frame, Session
from bot.walk import OFFER_HUMAN_AFTER, Walk

STALE_AFTER = timedelta(hours=24)
LEAST_CHANCE = 0.05
"""What is less likely is no button when asking back: of the development messages, none meant it."""


@value
class Turn:
    """What one event led to. `forget_message`: the citizen's message carries an NIK and should vanish from the chat."""

    session: Session
    replies: tuple[Reply, ...] = ()
    records: tuple[Record, ...] = ()
    commands: tuple[Command, ...] = ()
    forget_message: bool = False


def advance(session: Session, event: ev.Event, facts: Facts, now: datetime) -> Turn:
    """Advance one conversation by one event. Deterministic in its arguments."""
    walk = Walk(session, facts, now)
    if session.duty is not None and facts.facilitator is None:
        walk.off_duty()
    _happen(walk, event)
    return Turn(walk.session, walk.replies(), tuple(walk.records), tuple(walk.commands), walk.forget)


def _happen(walk: Walk, event: ev.Event) -> None:
    match event:
        case ev.JobFinished():
            _job_finished(walk, event)
        case ev.Notice():
            walk.open(Call(NOTICES[event.kind], {"notice": event.kind, **event.data}))
        case ev.Timeout():
            _timeout(walk, event.name)
        case ev.Reachability():
            walk.records.append(Record("conversation.reachable", {"reachable": event.reachable}))
        case _:
            _citizen(walk, event)
            walk.session = evolve(walk.session, last_at=walk.now)


def _citizen(walk: Walk, event: ev.Event) -> None:
    top = walk.session.top
    walk.forget = isinstance(event, ev.Text) and carries_id_number(event.text)
    if isinstance(event, ev.Text) and event.command:
        _global_word(walk, event.command)
    elif isinstance(event, ev.Started):
        walk.open(Call(MENU, {"welcome": True}))
    elif top is None:
        _from_rest(walk, event)
    elif _stale(walk) and not DIALOGS[top.dialog].passing and not _still_answers(walk, top, event):
        walk.open(walk.offer_to_resume(after_pause=True))
    else:
        _answer(walk, event)


def _stale(walk: Walk) -> bool:
    """Whether so much time went by that the person may no longer know where they were."""
    last = walk.session.last_at
    return last is not None and walk.now - last > STALE_AFTER


def _still_answers(walk: Walk, top: Frame, event: ev.Event) -> bool:
    """Whether an event after a long pause is plainly the answer to the open question, or there is none to answer."""
    entered = walk.enter(top)
    if not isinstance(entered, Ask):
        return True
    value = None if entered.free else read_answer(entered, event, walk.session.asked, walk.scene(top))
    return value is not None and not isinstance(value, Retry)


def _global_word(walk: Walk, command: str) -> None:
    top = walk.session.top
    if command == "help":
        _help(walk)
    elif command == "repeat" and top is not None:
        walk.reenter()
    elif command == CANCEL and top is not None and top.dialog != MENU:
        _cancel(walk, top)
    elif command in DIALOGS and command != CANCEL:
        walk.open(Call(command))
    else:
        walk.open(Call(MENU))


def _cancel(walk: Walk, top: Frame) -> None:
    about_below = top.dialog in {"cancel", "resume"}
    nothing_lost = DIALOGS[top.dialog].passing or not any(frame.answers for frame in walk.group())
    if about_below or nothing_lost:
        walk.apply(Next(finished=True, drop=about_below or top.called, says=(Say("common.cancelled"),)))
    else:
        walk.open(Call("cancel", {"title": DIALOGS[walk.root().dialog].title.key}))


def _help(walk: Walk) -> None:
    top = walk.session.top
    entered = walk.enter(top) if top is not None else None
    if isinstance(entered, Ask):
        walk.says.append(entered.help or Say("common.help_here"))
        walk.ask(entered)
    else:
        walk.open(Call(MENU, {"help": True}))


def _from_rest(walk: Walk, event: ev.Event) -> None:
    if isinstance(event, ev.Choice):
        _, option_id = read_payload(event.payload)
        if option_id in {MENU, *NOTICES.values(), *(wish.dialog for wish in INTENTS.values())}:
            walk.open(Call(option_id))
        else:
            walk.open(Call(MENU, {"old_button": True}))
    elif isinstance(event, ev.Text):
        _wish(walk, event)
    else:
        walk.open(Call(MENU, {"unexpected": _kind(event)}))


def _wish(walk: Walk, event: ev.Text) -> None:
    """Free words with no question open: the dialog they mean, or asking back."""
    found = event.understanding
    intent = found.intent if found else "nlu_fallback"
    if intent in INTENTS:
        walk.open(INTENTS[intent])
    elif intent in SMALL_TALK:
        walk.open(Call(MENU, {"small_talk": intent}))
    elif intent == OUT_OF_SCOPE:
        _misunderstood(walk, Call(MENU, {"out_of_scope": True}))
    elif intent == CANCEL:
        _global_word(walk, CANCEL)
    else:
        ranking = found.ranking if found and event.text.strip() else ()
        names = [name for name, chance in ranking if name in INTENTS and chance >= LEAST_CHANCE][:2]
        likely = [{"intent": n, "dialog": INTENTS[n].dialog, "answers": dict(INTENTS[n].answers)} for n in names]
        _misunderstood(walk, Call("clarify", {"likely": likely}))


def _misunderstood(walk: Walk, call: Call) -> None:
    """Ask back or show the boundary; who is not understood again and again is offered a human, as at any question."""
    misses = walk.session.misses + 1
    walk.open(call)
    walk.session = evolve(walk.session, misses=misses)
    if misses >= OFFER_HUMAN_AFTER:
        walk.says.insert(-1, Say("common.offer_human"))


# --- answers to the open question ------------------------------------------------------------------------------------


def _answer(walk: Walk, event: ev.Event) -> None:
    top = walk.session.top
    assert top is not None  # noqa: S101 - the caller has looked
    entered = walk.enter(top)
    if isinstance(entered, Wait):
        _while_waiting(walk, entered, event)
        return
    if not isinstance(entered, Ask):
        walk.reenter()
        return
    if entered.secret and isinstance(event, ev.Text) and many_digits(event.text):
        walk.forget = True
    value = read_answer(entered, event, walk.session.asked, walk.scene(top))
    if value is None and isinstance(event, ev.Text) and _interrupt(walk, event):
        return
    if value is None and isinstance(event, ev.Text) and top.dialog == MENU:
        _wish(walk, event)
        return
    if value is None:
        value = Retry(_not_an_answer(entered, event), repeat=True)
    if isinstance(value, Retry):
        walk.retry(entered, value)
        return
    walk.forget = walk.forget or entered.secret
    walk.session = evolve(walk.session, misses=0)
    walk.apply(walk.step(top).take(walk.scene(top), value))  # type: ignore[misc]


def _not_an_answer(ask: Ask, event: ev.Event) -> Say:
    """Words about something else than aid get a kind boundary; others are asked to answer the question."""
    found = event.understanding if isinstance(event, ev.Text) else None
    if found is not None and found.intent == OUT_OF_SCOPE:
        return Say("common.out_of_scope")
    return Say("common.choose" if ask.options else "common.not_fitting")


def _interrupt(walk: Walk, event: ev.Text) -> bool:
    found = event.understanding
    if found is None:
        return False
    if found.intent in SMALL_TALK:
        walk.says.append(Say(f"small_talk.{found.intent}"))
        top = walk.session.top
        if found.intent != "greet" and top is not None and DIALOGS[top.dialog].passing:
            walk.apply(Next(finished=True))
        else:
            walk.reenter()
        return True
    if found.intent == CANCEL:
        _global_word(walk, CANCEL)
        return True
    wish = INTENTS.get(found.intent)
    if wish is None:
        return False
    walk.open(wish)
    return True


def _while_waiting(walk: Walk, wait: Wait, event: ev.Event) -> None:
    if isinstance(event, ev.Text) and _interrupt(walk, event):
        return
    walk.says.append(wait.busy)


# --- outcomes, timers ------------------------------------------------------------------------------------------------


def _job_finished(walk: Walk, event: ev.JobFinished) -> None:
    ending = ENDINGS.get((event.command, event.outcome))
    if ending is not None:
        walk.restart_with(Call(ending, event.data))
        return
    stack = walk.session.stack
    for index in range(len(stack) - 1, -1, -1):
        frame = stack[index]
        if event.token and (frame.token == event.token or event.token in frame.sent):
            break
    else:
        return
    if index < len(stack) - 1:
        if any(kept["token"] == event.token for kept in frame.arrived):
            return
        kept = evolve(frame, arrived=(*frame.arrived, ev.to_json(event)))
        walk.session = evolve(walk.session, stack=(*stack[:index], kept, *stack[index + 1 :]))
        return
    walk.deliver(frame, event)


def _timeout(walk: Walk, name: str) -> None:
    walk.session = walk.session.with_timer(name, None)
    top = walk.session.top
    if name == "slow" and top is not None and top.token:
        entered = walk.enter(top)
        if isinstance(entered, Wait):
            walk.says.append(entered.slow)


def _kind(event: ev.Event) -> str:
    kinds: Mapping[type[Any], str] = {ev.Photos: "photo", ev.Location: "location"}
    return event.kind if isinstance(event, ev.Unsupported) else kinds.get(type(event), "other")
