"""What several dialogs say about one person's own case: whose it is, its reasons, the state of an appeal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from backend.domain.appeals import OPEN, shared_grounds
from backend.domain.delegation import Ground
from backend.domain.names import call_name
from bot.effects import Option, Say
from bot.facts import AppealFacts, DecisionFacts, Facts, PaymentFacts, PersonFacts, ReasonFacts
from bot.prompts import Scene, option

ONGOING = frozenset(OPEN)


def owner(scene: Scene) -> PersonFacts | None:
    """The person of the facts, if that is whom this chat has proven to be. Nobody else is told anything personal."""
    person = scene.facts.person
    return person if person is not None and person.id == scene.person_id else None


def called(person: PersonFacts) -> str:
    """How a clerk calls them, for example "Bu Siti"."""
    return call_name(person.name, "female" if person.sex == "female" else "male")


def of_kind(decision: DecisionFacts, kind: str) -> list[ReasonFacts]:
    return [reason for reason in decision.reasons if reason.kind == kind]


def contestable(decision: DecisionFacts) -> list[ReasonFacts]:
    """The reasons to refuse that an appeal may attack."""
    return [reason for reason in of_kind(decision, "against") if reason.contestable]


def against_lines(decision: DecisionFacts) -> list[Say]:
    """One line a reason to refuse: the datum, the limit, whose datum it is and of when."""
    return [Say(f"reasons.{reason.code}.against", reason.params) for reason in of_kind(decision, "against")]


def short(reason: ReasonFacts) -> Say:
    return Say(f"reasons.{reason.code}.short")


def progress_lines(facts: Facts) -> list[Say]:
    """What the data hold of quota and payment, a line each; nothing when they hold neither."""
    quota, payment = facts.quota, facts.payment
    lines = []
    if quota is not None:
        params = {"source": quota.source, "as_of": quota.as_of.isoformat()}
        lines.append(Say(f"benefit.quota_{quota.state}", params))
    if payment is not None:
        said = {"period": _period(payment), "source": payment.source, "as_of": payment.as_of.isoformat()}
        lines.append(Say(f"benefit.payment_{payment.state}", said))
    return [*lines, Say("benefit.unpaid")] if quota is not None and payment is None else lines


def _period(payment: PaymentFacts) -> Say:
    params: dict[str, Any] = {"stage": payment.stage, "year": str(payment.year)}
    if payment.amount is None:
        return Say("benefit.period", params)
    return Say("benefit.period_amount", {**params, "amount": payment.amount})


def may_still_appeal(decision: DecisionFacts, today: date) -> bool:
    """Whether the window is open on this day; the last day counts."""
    return decision.outcome == "not_eligible" and decision.appeal_until is not None and today <= decision.appeal_until


def appeal_of(facts: Facts) -> AppealFacts | None:
    """The appeal against the decision that counts now; one against an earlier decision is history."""
    appeal, decision = facts.appeal, facts.decision
    if appeal is None or (decision is not None and appeal.decision_id != decision.id):
        return None
    return appeal


def grounds_of(reasons: Iterable[ReasonFacts]) -> frozenset[Ground]:
    """The grounds on which one appeal may contest all of these reasons."""
    return shared_grounds((reason.datum, reason.contestable) for reason in reasons)


def earlier_appeal(facts: Facts) -> AppealFacts | None:
    """The newest appeal about the registration of these facts, whatever became of it and of the decision it attacked."""
    appeal, registration = facts.appeal, facts.registration
    return appeal if appeal and registration and appeal.registration_id == registration.id else None


def first_number(appeal: AppealFacts) -> str:
    """The number that whoever asks again is referred to."""
    return appeal.first_number or appeal.number


def became_of(appeal: AppealFacts) -> Say:
    """What became of an earlier appeal, for whoever asks when another decision counts by now."""
    return Say("appeal.earlier", {"first": first_number(appeal), "outcome": outcome(appeal)})


def history_lines(appeal: AppealFacts) -> list[Say]:
    """One line a state; before them, when this appeal asks again, the number that it goes on from."""
    first = [Say("appeal.step_again", {"first": appeal.first_number})] if appeal.first_number else []
    return [*first, *(Say(f"appeal.step_{step.status}", {"at": step.at.isoformat()}) for step in appeal.history)]


def appeal_state(appeal: AppealFacts) -> Say:
    """Number, history, deadline and who acts next; for a decided appeal its outcome with the reason."""
    params = {"number": appeal.number, "history": history_lines(appeal), "due": appeal.due_on.isoformat()}
    if appeal.status != "decided":
        return Say(f"appeal.state_{appeal.status}", params)
    return Say("appeal.state_decided", {**params, "outcome": outcome(appeal)})


def outcome(appeal: AppealFacts) -> Say:
    key = f"appeal.outcome_{appeal.outcome or 'redirected'}"
    if appeal.outcome_reason:
        return Say("appeal.outcome_because", {"outcome": Say(key), "reason": appeal.outcome_reason})
    return Say(key)


def appeal_options(appeal: AppealFacts) -> tuple[Option, ...]:
    """What the appellant may do now, at any stage with the way to a human."""
    if appeal.status == "need_more":
        return (
            option("answer", "appeal.option_answer"),
            option("withdraw", "appeal.option_withdraw"),
            option("handover"),
        )
    if appeal.status in ONGOING:
        return (
            option("withdraw", "appeal.option_withdraw"),
            option("handover"),
            option("enough", "status.option_enough"),
        )
    return (option("handover"), option("enough", "status.option_enough"))
