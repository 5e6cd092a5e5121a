"""What a batch of turns may know about its people: a handful of queries for all of them, none when nobody is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.domain import regions as places
from backend.domain.benefits import parse_period
from backend.domain.facilitators import on_duty
from backend.domain.values import value
from backend.domain.windows import office_open
from backend.policy.values import Reason
from backend.repositories import (
    appeals,
    benefits,
    decisions,
    delegations,
    facilitators,
    people,
    regions,
    registrations,
    tickets,
)
from backend.repositories.benefits import BenefitRow
from bot.facts import (
    AppealFacts,
    AppealStep,
    DecisionFacts,
    DelegationFacts,
    FacilitatorFacts,
    Facts,
    PaymentFacts,
    PersonFacts,
    QuotaFacts,
    ReasonFacts,
    RegistrationFacts,
)

QUEUE_KEPT = timedelta(seconds=10)
"""How old the number of waiting citizens may be: it is read once for many batches."""
REGIONS_KEPT = timedelta(minutes=10)
_ZONES = (places.WIB, places.WITA, places.WIT)


@value
class Subject:
    """Whose facts are needed. `person_id`: whom the chat has proven to be, or whom the event's job has proven.
    `facilitator_id`: whom the chat was bound to as a facilitator; `in_hand`: whom they act for."""

    conversation_id: int
    channel: str
    phone: str | None
    person_id: int | None
    facilitator_id: int | None = None
    in_hand: int | None = None


@dataclass(slots=True)
class _Cases:
    """Everything about the people of a batch, by person."""

    known: Mapping[int, people.Card] = field(default_factory=dict)
    consents: Mapping[int, frozenset[str]] = field(default_factory=dict)
    pkh: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    filed: Mapping[int, registrations.Brief] = field(default_factory=dict)
    decided: Mapping[int, decisions.DecisionRow] = field(default_factory=dict)
    appealed: Mapping[int, appeals.AppealRow] = field(default_factory=dict)
    histories: Mapping[int, Sequence[appeals.AppealEventRow]] = field(default_factory=dict)
    firsts: Mapping[int, str] = field(default_factory=dict)
    benefits: Mapping[int, Sequence[BenefitRow]] = field(default_factory=dict)


class FactsLoader:
    """Loads facts; one instance a process and database. `Facts.code` is left to the caller.

    The list of regions and the length of the officers' queue are the same for everybody and kept for a while.
    """

    def __init__(self) -> None:
        self._regions: Mapping[str, str] = {}
        self._regions_read_at: datetime | None = None
        self._queue = 0
        self._queue_read_at: datetime | None = None

    async def __call__(self, connection: AsyncConnection, subjects: Sequence[Subject], now: datetime) -> list[Facts]:
        """The facts of these subjects, in their order."""
        await self._refresh(connection, now)
        ids = {subject.person_id for subject in subjects if subject.person_id is not None}
        cases = await _cases(connection, ids) if ids else _Cases()
        duties = await _duties(connection, subjects, now)
        clocks = {zone: (now.astimezone(zone).date(), office_open(now, zone)) for zone in _ZONES}
        given = await _delegations(connection, subjects, now)
        return [
            replace(
                self._facts(subject, cases, clocks),
                facilitator=duties.get(subject.conversation_id),
                delegation=given.get((subject.facilitator_id or 0, subject.in_hand or 0)),
            )
            for subject in subjects
        ]

    async def _refresh(self, connection: AsyncConnection, now: datetime) -> None:
        if self._regions_read_at is None or now - self._regions_read_at > REGIONS_KEPT:
            self._regions, self._regions_read_at = await regions.names(connection), now
        if self._queue_read_at is None or now - self._queue_read_at > QUEUE_KEPT:
            self._queue, self._queue_read_at = await tickets.waiting_for_a_human(connection), now

    def _facts(self, subject: Subject, cases: _Cases, clocks: Mapping[timezone, tuple[date, bool]]) -> Facts:
        row = cases.known.get(subject.person_id) if subject.person_id is not None else None
        today, is_open = clocks[places.zone_of(row.region_code) if row is not None else places.WIB]
        general = Facts(
            channel=subject.channel,
            today=today,
            phone=subject.phone,
            regions=self._regions,
            office_open=is_open,
            queue=self._queue,
        )
        if row is None or row.erased_at is not None:
            return general
        registration = cases.filed.get(row.id)
        decision = cases.decided.get(registration.id) if registration is not None else None
        appeal = cases.appealed.get(row.id)
        return replace(
            general,
            person=self._person(row, cases),
            registration=None if registration is None else _registration(registration),
            decision=None if decision is None else _decision(decision),
            appeal=None if appeal is None else _appeal(appeal, cases),
            quota=_quota(cases.benefits.get(row.id, ())),
            payment=_payment(cases.benefits.get(row.id, ())),
        )

    def _person(self, row: people.Card, cases: _Cases) -> PersonFacts:
        return PersonFacts(
            id=row.id,
            name=row.name or "",
            sex=row.sex,
            region_code=row.region_code,
            region_name=region_name(row.region_code, self._regions),
            level=row.level,
            consents=cases.consents.get(row.id, frozenset()),
            notifications=row.notifications,
            known_pkh=cases.pkh.get(row.id),
        )


def region_name(code: str, names: Mapping[str, str]) -> str:
    """The name of a region, else of the nearest known one around it, else ""."""
    while code and code not in names:
        code = places.parent_of(code)
    return names.get(code, "")


def reason_facts(reasons: Iterable[Mapping[str, Any]]) -> tuple[ReasonFacts, ...]:
    """Stored reasons as a dialog tells them. Parameters stay JSON values, because they travel in the session."""
    return tuple(
        ReasonFacts(
            code=stored["code"],
            kind=stored["kind"],
            params={name: stored[name] for name in ("value", "limit", "owner", "as_of")},
            contestable=stored["contestable"],
            evidence=Reason.from_json(stored).evidence,
            datum=stored["datum"],
        )
        for stored in reasons
    )


async def _duties(
    connection: AsyncConnection, subjects: Sequence[Subject], now: datetime
) -> dict[int, FacilitatorFacts]:
    """The facilitators who are on duty in the chat that says so, by chat. For all other chats nothing is asked."""
    ids = {subject.facilitator_id for subject in subjects if subject.facilitator_id is not None}
    rows = await facilitators.by_ids(connection, ids) if ids else {}
    found = {s.conversation_id: rows[s.facilitator_id] for s in subjects if s.facilitator_id in rows}
    return {
        chat: FacilitatorFacts(row.id, row.name, row.role, row.regions, row.expires_at)
        for chat, row in found.items()
        if row.conversation_id == chat and on_duty(row.expires_at, row.ended_at, now)
    }


async def _delegations(
    connection: AsyncConnection, subjects: Sequence[Subject], now: datetime
) -> dict[delegations.Pair, DelegationFacts]:
    """The delegations that hold now, of those whom a facilitator has in hand."""
    pairs = [(s.facilitator_id, s.in_hand) for s in subjects if s.facilitator_id is not None and s.in_hand is not None]
    rows = await delegations.newest(connection, pairs) if pairs else {}
    return {
        pair: DelegationFacts(frozenset(row.acts), row.until)
        for pair, row in rows.items()
        if row.withdrawn_at is None and row.since <= now < row.until
    }


async def _cases(connection: AsyncConnection, ids: set[int]) -> _Cases:
    granted: dict[int, set[str]] = {}
    for consent in await people.newest_consents(connection, ids):
        if consent.granted:
            granted.setdefault(consent.person_id, set()).add(consent.purpose)
    filed = await registrations.newest_of(connection, ids)
    appealed = await appeals.newest_of(connection, ids)
    appeal_ids = [row.id for row in appealed.values()]
    first_ids = {row.first_id for row in appealed.values() if row.first_id is not None}
    decided = await decisions.current_of(connection, [row.id for row in filed.values()]) if filed else {}
    # Quota and payment follow an eligible decision; for all others the question is spared.
    eligible = {row.person_id for row in decided.values() if row.outcome == "eligible"}
    return _Cases(
        known=await people.cards(connection, ids),
        consents={person_id: frozenset(purposes) for person_id, purposes in granted.items()},
        pkh=await people.pkh_data(connection, ids),
        filed=filed,
        decided=decided,
        appealed=appealed,
        histories=await appeals.history_of(connection, appeal_ids) if appeal_ids else {},
        benefits=await benefits.of_people(connection, eligible) if eligible else {},
        firsts=await appeals.numbers_of(connection, first_ids) if first_ids else {},
    )


def _registration(row: registrations.Brief) -> RegistrationFacts:
    return RegistrationFacts(row.id, row.number, row.status, row.created_at)


def _decision(row: decisions.DecisionRow) -> DecisionFacts:
    return DecisionFacts(
        id=row.id,
        outcome=row.outcome,
        reasons=reason_facts(row.reasons),
        decided_at=row.decided_at,
        appeal_until=row.appeal_until,
        told=row.told_at is not None,
    )


def _appeal(row: appeals.AppealRow, cases: _Cases) -> AppealFacts:
    return AppealFacts(
        id=row.id,
        number=row.number,
        status=row.status,
        outcome=row.outcome,
        outcome_reason=row.outcome_reason or "",
        due_on=row.due_on,
        history=tuple(AppealStep(step.at, step.status, step.note or "") for step in cases.histories[row.id]),
        decision_id=row.decision_id,
        registration_id=row.registration_id,
        first_number=cases.firsts.get(row.first_id, "") if row.first_id is not None else "",
    )


def _quota(rows: Sequence[BenefitRow]) -> QuotaFacts | None:
    found = next((row for row in rows if row.kind == "quota"), None)
    return None if found is None else QuotaFacts(found.state, found.source, found.as_of)


def _payment(rows: Sequence[BenefitRow]) -> PaymentFacts | None:
    """Of the newest stage that is known of."""
    found = max((row for row in rows if row.kind == "payments"), key=lambda row: row.period, default=None)
    if found is None:
        return None
    period = parse_period(found.period)
    return PaymentFacts(period.year, period.stage, found.state, found.amount, found.source, found.as_of)
