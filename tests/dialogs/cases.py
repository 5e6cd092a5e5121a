"""Sandbox residents with a decision behind them, and chats that have proven to be theirs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot import session as sessions
from bot.facts import AppealFacts, AppealStep, DecisionFacts, Facts, PersonFacts, ReasonFacts, RegistrationFacts
from tests.conversation import START, Conversation, Understander

TODAY = date(2026, 11, 22)
DECIDED = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
CONSENTS = frozenset({"data_access", "face", "notification"})


def person(person_id: int, name: str, sex: str, **more: Any) -> PersonFacts:
    return PersonFacts(person_id, name, sex, "35.10.16", "Banyuwangi", "chat_precheck", CONSENTS, **more)


SITI = person(1, "Siti Aminah", "female")
BAMBANG = person(2, "Bambang Sutrisno", "male")
SUMIATI = person(3, "Sumiati", "female")
RAHMAWATI = person(8, "Rahmawati", "female")

REGISTRATION = RegistrationFacts(11, "PRL-7K2M-93", "decided", datetime(2026, 11, 21, 3, 0, tzinfo=UTC))


def against(
    code: str,
    owner: str,
    value: Any = 0,
    limit: Any = 0,
    contestable: bool = True,
    evidence: tuple[str, ...] = (),
    datum: str = "",
) -> ReasonFacts:
    params = {"value": value, "limit": limit, "owner": owner, "as_of": "2026-11-12"}
    return ReasonFacts(code, "against", params, contestable, evidence, datum or code)


ELECTRICITY = against("electricity", "PLN", 2200, 1300, evidence=("electricity_bill", "electricity_meter"))
INCOME = against("income", "BPJS Ketenagakerjaan", 9800000, 2989145, evidence=("payslip",))
TURNOVER = against("account_turnover", "bank", 187000000, 60000000)
NO_COMPONENT = against(
    "no_component", "DTSEN", evidence=("family_card", "birth_certificate", "school_letter"), datum="components"
)
DECILE = against("decile", "DTSEN", 5, 4, evidence=("house_photo", "family_card"))
DECILE_FITS = ReasonFacts(
    "decile_in_target", "for", {"value": 1, "limit": 4, "owner": "DTSEN", "as_of": "2026-11-12"}, False
)
HAS_SD = ReasonFacts("has_sd", "for", {"value": 1, "owner": "DTSEN", "as_of": "2026-11-12"}, False)
SILENT_PLN = ReasonFacts("source_unavailable", "wait", {"owner": "PLN"}, False)


def decision(
    outcome: str, *reasons: ReasonFacts, until: date | None = date(2026, 12, 22), told: bool = False
) -> DecisionFacts:
    return DecisionFacts(21, outcome, reasons, DECIDED, until if outcome == "not_eligible" else None, told)


REFUSED = decision("not_eligible", ELECTRICITY)
REFUSED_TWICE = decision("not_eligible", ELECTRICITY, INCOME)
ACCEPTED = decision("eligible", DECILE_FITS, HAS_SD)
WAITING = decision("waiting", SILENT_PLN)


def appeal(*statuses: str, note: str = "", outcome: str | None = None, reason: str = "") -> AppealFacts:
    """An appeal that went through these statuses, one a day from today on."""
    at = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    steps = tuple(AppealStep(at + timedelta(days=n), status, note) for n, status in enumerate(statuses))
    more: dict[str, Any] = {"decision_id": 21, "registration_id": REGISTRATION.id}
    return AppealFacts(31, "SGH-4F7A-29", statuses[-1], outcome, reason, date(2026, 12, 22), steps, **more)


def facts_of(who: PersonFacts, **more: Any) -> Facts:
    """The facts of somebody who is registered."""
    return Facts(**{"today": TODAY, "code": "4F7A29", "person": who, "registration": REGISTRATION, **more})


def proven(facts: Facts, understands: Understander | None = None, days_ago: float = 1) -> Conversation:
    """A chat at rest that has proven, `days_ago`, to be the person of these facts."""
    assert facts.person is not None
    chat = Conversation(facts, understands)
    session = sessions.Session(person_id=facts.person.id, proven_at=START - timedelta(days=days_ago))
    chat.state = json.loads(json.dumps(sessions.to_json(session)))
    return chat


def face_matches(chat: Conversation) -> Conversation:
    """Both photos of a face check, and a match with whom the facts are about."""
    chat.sends_photo("front").job("received", {"photos": [{"id": 901, "problem": None}]})
    chat.sends_photo("turned").job("received", {"photos": [{"id": 902, "problem": None}]})
    return chat.job("match", person=chat.facts.person)


def face_fails_twice(chat: Conversation) -> Conversation:
    """Two face checks without a match; the chat is at the offer of another way."""
    for _ in range(2):
        chat.sends_photo("front").job("received", {"photos": [{"id": 901, "problem": None}]})
        chat.sends_photo("turned").job("received", {"photos": [{"id": 902, "problem": None}]})
        chat.job("no_match")
    return chat
