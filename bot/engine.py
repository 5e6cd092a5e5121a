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
from bot.prompts import Ask, Call, Next, Retry, Take, Wait, read_payload
from bot.session import IDLE, REPLAY, Case, Frame, Session
from bot.walk import IDLE_AFTER, OFFER_HUMAN_AFTER, USE_KEPT, Walk

STALE_AFTER = timedelta(hours=24)
LEAST_CHANCE = 0.05
"""What is less likely is no button when asking back: of the development messages, none meant it."""


@value
class Turn:
    """What one event led to. `forget_message`: the citizen's message carries an NIK and should vanish from the chat.
    `then` is to be advanced next, with new facts: in a facilitator's chat another person is in hand, or it is what was held.
    """

    session: Session
    replies: tuple[Reply, ...] = ()
    records: tuple[Record, ...] = ()
    commands: tuple[Command, ...] = ()
    forget_message: bool = False
    then: ev.Event | None = None


def advance(session: Session, event: ev.Event, facts: Facts, now: datetime) -> Turn:
    """Advance one conversation by one event. Deterministic in its arguments."""
    walk = Walk(session, facts, now)
    if _still_allowed(walk, event):
        _happen(walk, event)
    replies = walk.replies()
    return Turn(walk.session, replies, tuple(walk.records), tuple(walk.commands), walk.forget, walk.then)


def _still_allowed(walk: Walk, event: ev.Event) -> bool:
    """Whether the event is still to be advanced: words that were meant for a case that has just ended go nowhere."""
    session = walk.session
    if session.duty is None:
        return True
    if walk.facts.facilitator is None:
        walk.off_duty()
    elif session.case and session.person_id is not None and walk.facts.delegation is None:
        walk.give_up(Say("accompany.over"))
    else:
        return True
    return not session.case or isinstance(event, ev.JobFinished | ev.Notice | ev.Reachability)


def _happen(walk: Walk, event: ev.Event) -> None:
    match event:
        case ev.JobFinished():
            _job_finished(walk, event)
        case ev.Taken():
            _taken(walk, event)
        case ev.Notice() if _for_another(walk, event):
            _news_of_another(walk, event)
        case ev.Notice():
            walk.open(Call(NOTICES[event.kind], {"notice": event.kind, **event.data}))
        case ev.Timeout():
            _timeout(walk, event.name)
        case ev.Reachability():
            walk.records.append(Record("conversation.reachable", {"reachable": event.reachable}))
        case _:
            walk.forget_old()
            _citizen(walk, event)
            walk.session = evolve(walk.session, last_at=walk.now)
            if walk.session.case:
                walk.session = walk.session.with_timer(IDLE, walk.now + IDLE_AFTER)
    _never_at_rest(walk, event)
    _then_what_was_held(walk)


def _citizen(walk: Walk, event: ev.Event) -> None:
    top = walk.session.top
    walk.forget = isinstance(event, ev.Text) and carries_id_number(event.text)
    if walk.session.duty is not None and _held(walk, event):
        return
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
    elif command == "people" and walk.session.duty is not None:
        walk.take_up(Take(desk={}))
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
    if walk.session.case and isinstance(event, ev.Photos) and isinstance(entered, Ask):
        if not entered.photos:
            walk.keep(event)
            walk.retry(entered, Retry(Say("accompany.photo_kept"), repeat=True))
            return
        event = _first_of(walk, entered, event)
    if not isinstance(entered, Ask):
        walk.reenter()
        return
    if entered.secret and isinstance(event, ev.Text) and many_digits(event.text):
        walk.forget = True
    value = read_answer(entered, event, walk.session.asked, walk.scene(top))
    if value == USE_KEPT:
        value = walk.kept_photo()
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


def _first_of(walk: Walk, ask: Ask, event: ev.Photos) -> ev.Photos:
    """Photos sent together on a bad line come as one: what this question does not take is for the next."""
    if not ask.one or len(event.photos) == 1:
        return event
    walk.hold(evolve(event, photos=event.photos[1:]), first=True)
    return evolve(event, photos=event.photos[:1])


# --- many cases in a facilitator's chat ------------------------------------------------------------------------------


def _taken(walk: Walk, event: ev.Taken) -> None:
    """Somebody is in hand: go on where their case was left, or start what was asked for. What was kept for them is told."""
    kept = walk.session.kept
    walk.session = evolve(walk.session, kept=tuple(one for one in kept if one["kind"] != "Notice"))
    if event.opens:
        walk.open(Call(event.opens, event.answers))
    else:
        walk.reenter()
    for one in kept:
        if one["kind"] == "Notice":
            walk.open(Call(NOTICES[one["which"]], {"notice": one["which"], **one["data"]}))


def _held(walk: Walk, event: ev.Event) -> bool:
    """Whether a facilitator's message waits for its turn: work is under way, or others wait before it.

    When the signal returns they come in a burst, each an answer to a question that was not asked yet. A global word acts at
    once where nothing waits before it, or when it is sent twice: whoever waits may turn to somebody else.
    """
    walk.session = evolve(walk.session, replaying=False)
    if walk.replayed or not isinstance(event, ev.Text | ev.Photos):
        return False
    top, held = walk.session.top, walk.session.held
    command = event.command if isinstance(event, ev.Text) else ""
    if not held and (command or top is None or not top.token):
        return False
    if held and command and held[-1].get("command") == command:
        return False
    if isinstance(event, ev.Text) and top is not None and top.token and "slow" not in walk.session.timers and not held:
        entered = walk.enter(top)
        walk.says.extend([entered.busy] if isinstance(entered, Wait) else [])
    walk.hold(event)
    return True


def _then_what_was_held(walk: Walk) -> None:
    """As soon as a question is open again, the next of what was held answers it."""
    session, top = walk.session, walk.session.top
    if session.held and walk.then is None and session.duty is not None and (top is None or not top.token):
        walk.session = session.with_timer(REPLAY, walk.now)


def _for_another(walk: Walk, event: ev.Notice) -> bool:
    """Whether news concern somebody else than whom this facilitator has in hand."""
    session = walk.session
    return session.duty is not None and event.person_id is not None and event.person_id != session.person_id


def _news_of_another(walk: Walk, event: ev.Notice) -> None:
    """An officer's words wait with the case of their person. A decision or an appeal's step is on the working list anyway."""
    session = walk.session
    if event.kind == "officer":
        key = next((key for key, case in session.away.items() if case.person_id == event.person_id), "")
        if not key and event.person_id != session.own_person_id:
            key = str(session.cases + 1)
            session = evolve(session, cases=session.cases + 1)
        case = (
            session.away.get(key, Case(person_id=event.person_id, proven_at=walk.now))
            if key
            else session.away.get("", Case())
        )
        case = evolve(case, kept=(*case.kept, ev.to_json(event)))
        session = evolve(session, away={**session.away, key: case})
    if not session.case and not session.stack and not session.news:
        walk.says.append(Say("people.news"))
        session = evolve(session, news=True)
    walk.session = session


def _never_at_rest(walk: Walk, event: ev.Event) -> None:
    """Whoever is in hand stays so until the facilitator says otherwise: when nothing is open, what comes next is asked."""
    session = walk.session
    if session.case and not session.stack and walk.then is None and (walk.says or isinstance(event, ev.Taken)):
        walk.open(Call("accompany", {"after": True}))


# --- outcomes, timers ------------------------------------------------------------------------------------------------


def _job_finished(walk: Walk, event: ev.JobFinished) -> None:
    ending = ENDINGS.get((event.command, event.outcome))
    if ending is not None:
        walk.back_to_own()
        walk.restart_with(Call(ending, event.data))
        return
    stack = walk.session.stack
    for index in range(len(stack) - 1, -1, -1):
        frame = stack[index]
        if event.token and (frame.token == event.token or event.token in frame.sent):
            break
    else:
        _arrives_late(walk, event)
        return
    if index < len(stack) - 1:
        if any(kept["token"] == event.token for kept in frame.arrived):
            return
        kept = evolve(frame, arrived=(*frame.arrived, ev.to_json(event)))
        walk.session = evolve(walk.session, stack=(*stack[:index], kept, *stack[index + 1 :]))
        return
    walk.deliver(frame, event)


def _arrives_late(walk: Walk, event: ev.JobFinished) -> None:
    """An outcome for somebody who is not in hand waits with their case; nothing is said of it here."""
    for key, case in walk.session.away.items():
        for index, frame in enumerate(case.stack):
            if not event.token or (frame.token != event.token and event.token not in frame.sent):
                continue
            if all(kept["token"] != event.token for kept in frame.arrived):
                kept = evolve(frame, arrived=(*frame.arrived, ev.to_json(event)))
                changed = evolve(case, stack=(*case.stack[:index], kept, *case.stack[index + 1 :]))
                walk.session = evolve(walk.session, away={**walk.session.away, key: changed})
            return


def _timeout(walk: Walk, name: str) -> None:
    walk.session = walk.session.with_timer(name, None)
    if name == REPLAY:
        if walk.session.held:
            walk.replay()
        return
    if name == IDLE:
        if walk.session.case:
            walk.put_away()
            walk.says.append(Say("accompany.idle"))
        return
    top = walk.session.top
    if name == "slow" and top is not None and top.token:
        entered = walk.enter(top)
        if isinstance(entered, Wait):
            walk.says.append(entered.slow)


def _kind(event: ev.Event) -> str:
    kinds: Mapping[type[Any], str] = {ev.Photos: "photo", ev.Location: "location"}
    return event.kind if isinstance(event, ev.Unsupported) else kinds.get(type(event), "other")
