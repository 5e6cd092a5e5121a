"""What a turn may know about the person and their cases; loaded for the whole batch before any session is advanced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from typing import Any

from backend.domain.values import value


@value
class PersonFacts:
    """`sex` is `male` or `female`; `level` a name of `backend.domain.levels`; `known_pkh` what an import knows of them."""

    id: int
    name: str
    sex: str
    region_code: str
    region_name: str
    level: str
    consents: frozenset[str] = frozenset()
    notifications: bool = True
    known_pkh: Mapping[str, Any] | None = None


@value
class RegistrationFacts:
    """`status`: `waiting_identity`, `submitted`, `decided`, `withdrawn`."""

    id: int
    number: str
    status: str
    created_at: datetime


@value
class ReasonFacts:
    """One reason of a decision as the person is told it; `params` are what `reasons.<code>.*` texts take.

    `datum`: what it stands on, `evidence`: codes of what helps to contest it, both as the rule set names them.
    """

    code: str
    kind: str
    params: Mapping[str, Any]
    contestable: bool
    evidence: tuple[str, ...] = ()
    datum: str = ""


@value
class DecisionFacts:
    """`outcome`: `eligible`, `not_eligible`, `waiting`. `appeal_until` is the last day on which an appeal is taken."""

    id: int
    outcome: str
    reasons: tuple[ReasonFacts, ...]
    decided_at: datetime
    appeal_until: date | None
    told: bool = False


@value
class QuotaFacts:
    """`state`: `listed`, `waiting`, `placed`, as `source` said on a day."""

    state: str
    source: str
    as_of: date


@value
class PaymentFacts:
    """The newest stage that is known of. `state`: `none`, `ordered`, `paid`, `returned`; `amount` in rupiah, where known."""

    year: int
    stage: int
    state: str
    amount: int | None
    source: str
    as_of: date


@value
class AppealStep:
    at: datetime
    status: str
    note: str = ""


@value
class AppealFacts:
    """`status`: `received`, `in_review`, `need_more`, `field_check`, `decided`, `withdrawn`; `outcome` once decided.

    `first_number`: the number of the first appeal about this registration, "" when this is the first one.
    """

    id: int
    number: str
    status: str
    outcome: str | None
    outcome_reason: str
    due_on: date
    history: tuple[AppealStep, ...]
    decision_id: int
    registration_id: int = 0
    first_number: str = ""


@value
class TicketFacts:
    number: str
    kind: str
    place: int


@value
class FacilitatorFacts:
    """Who this chat is bound to as a facilitator, on duty at this very moment. `regions` are Kemendagri codes."""

    id: int
    name: str
    role: str
    regions: tuple[str, ...]
    until: datetime


@value
class DelegationFacts:
    """What the person in hand lets this facilitator do for them (names of `backend.domain.levels.Act`), holding now."""

    acts: frozenset[str]
    until: datetime


@value
class Facts:
    """`code` is a fresh public code for the case that this turn may open (`backend.domain.numbers`), unused so far.

    `facilitator` is set only while the duty that the session knows of holds, in this chat; it is asked on every turn.
    `delegation` is that of the person in hand, if it holds.
    `person` is the person whom this chat has proven to be, or whom the event's job has just proven: never somebody that
    was only typed. `phone` is the chat's own number where the channel knows it. `today` is the date at the chat's zone.
    """

    channel: str = "simulator"
    code: str = ""
    today: date = date(1970, 1, 1)
    phone: str | None = None
    person: PersonFacts | None = None
    registration: RegistrationFacts | None = None
    decision: DecisionFacts | None = None
    appeal: AppealFacts | None = None
    quota: QuotaFacts | None = None
    payment: PaymentFacts | None = None
    facilitator: FacilitatorFacts | None = None
    delegation: DelegationFacts | None = None
    regions: Mapping[str, str] = field(default_factory=dict)
    office_open: bool = True
    queue: int = 0
