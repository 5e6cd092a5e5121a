"""The selection: the sources are asked with the person's consent, the rules judge, the decision is told.

Nothing is read of anybody without their consent, and nothing is decided on what is not known: a silent source makes the
decision wait, the person is told so once, and the sources are asked again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.domain.consents import Purpose
from backend.domain.levels import Act, Level, may
from backend.domain.regions import zone_of
from backend.domain.windows import appeal_window
from backend.gateways import ikd
from backend.policy.evaluation import evaluate, gather
from backend.policy.rulesets import RuleSet, RuleSets
from backend.policy.values import SOURCE_UNAVAILABLE, Datum, DatumLike, Verdict
from backend.repositories import decisions, inbox, jobs, people, registrations
from backend.repositories.decisions import DecisionRow
from backend.repositories.jobs import JobRow
from backend.repositories.people import ConsentRow, PersonRow
from backend.repositories.registrations import DECIDED, SUBMITTED, RegistrationRow
from backend.services.clock import local_day
from backend.services.filing import selection_job
from backend.services.work import Finished, TryLater, Work
from backend.tracing import current_trace
from bot.events import Notice, to_json

ASK_AGAIN_AFTER = timedelta(seconds=60)
AT_ONCE = 8
PAGE = 200

NoticeTo = tuple[int, str, Notice]
"""(conversation id, unique id, notice) as the job worker stores them."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection came to. `outcome`: eligible, not_eligible, waiting, or skipped (nothing to decide).

    `new`: a decision was made now; `silent`: it waits because a source did not answer.
    """

    outcome: str
    decision_id: int | None = None
    person_id: int | None = None
    notices: Sequence[NoticeTo] = ()
    new: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """What we know ourselves about a registration on the day of its selection."""

    registration: RegistrationRow
    person: PersonRow
    current: DecisionRow | None
    consent: ConsentRow | None
    card_taken: bool
    receives_pkh: bool
    rule_sets: RuleSets
    disputed: Sequence[str] = field(default=())


async def run_selection(work: Work, job: JobRow, now: datetime) -> Finished:
    """`selection.run` {registration_id, replaces?} -> the decision's outcome. Run twice it decides once."""
    selected = await select_one(work, job.data["registration_id"], now, replaces=job.data.get("replaces"))
    if selected.silent and not selected.new:
        raise TryLater("a source of the selection does not answer")

    async def again(connection: AsyncConnection) -> Sequence[int]:
        drafts = [
            selection_job(
                job.data["registration_id"],
                job.conversation_id,
                replaces=job.data.get("replaces"),
                not_before=now + ASK_AGAIN_AFTER,
            )
        ]
        return await jobs.add(connection, drafts, now)

    return Finished(
        selected.outcome,
        {"decision_id": selected.decision_id},
        selected.person_id,
        selected.notices,
        write=again if selected.silent else None,
    )


async def select_one(work: Work, registration_id: int, now: datetime, *, replaces: int | None = None) -> Selected:
    """Decide one registration. `replaces`: the decision that this one is to replace; otherwise one that stands stays."""
    case = await _case(work, registration_id)
    if case is None:
        return Selected("skipped")
    standing = _standing(case, case.current, replaces)
    if standing is not None:
        return standing
    rules = case.rule_sets.pick(
        case.registration.programme.lower(),
        case.registration.region_code,
        local_day(now, case.registration.region_code),
    )
    inputs = await _inputs(work, case, rules, now)
    verdict = evaluate(rules, inputs, region=case.registration.region_code, disputed=case.disputed)
    return await _decide(work, case, verdict, inputs, replaces, now)


async def _case(work: Work, registration_id: int) -> _Case | None:
    async with work.database.read() as connection:
        registration = (await registrations.by_ids(connection, [registration_id])).get(registration_id)
        if registration is None or registration.status not in {SUBMITTED, DECIDED}:
            return None
        person_id = registration.person_id
        person = (await people.by_ids(connection, [person_id]))[person_id]
        consents = await people.newest_consents(connection, [person_id])
        return _Case(
            registration=registration,
            person=person,
            current=(await decisions.current_of(connection, [registration_id])).get(registration_id),
            consent=next((c for c in consents if c.purpose == Purpose.DATA_ACCESS and c.granted), None),
            card_taken=person.kk_hash is not None
            and await registrations.family_card_taken(connection, registration, person.kk_hash),
            receives_pkh=bool(await people.pkh_data(connection, [person_id])),
            rule_sets=await work.rulebook.current(connection),
            disputed=await decisions.disputed_of(connection, person_id),
        )


def _standing(case: _Case, current: DecisionRow | None, replaces: int | None) -> Selected | None:
    """The decision that stands, told again (its notice is unique), unless it is to be replaced or still waits."""
    if current is None or current.outcome == "waiting" or current.id == replaces:
        return None
    return Selected(current.outcome, current.id, current.person_id, _notices(case, current.id))


def _notices(case: _Case, decision_id: int) -> Sequence[NoticeTo]:
    chat = case.registration.conversation_id
    if chat is None or not case.person.notifications:
        return ()
    return ((chat, f"decision:{decision_id}", Notice("decision", {"decision_id": decision_id}, case.person.id)),)


# --- what is known ---------------------------------------------------------------------------------------------------


async def _inputs(work: Work, case: _Case, rules: RuleSet, now: datetime) -> Mapping[str, DatumLike]:
    today = local_day(now, case.registration.region_code)
    level = Level(case.person.level)

    def own(value: bool | str, owner: str = "perlinsos") -> Datum:
        return Datum(value, owner, today)

    known: dict[str, DatumLike] = {
        "consent_data_access": own(case.consent is not None),
        "verification_level": own(level.value),
        # A NIK is one person here, so it cannot be registered by another; the rule speaks of other registers.
        "nik_registered_by_other": own(False),
        "kk_registered_by_other": own(case.card_taken),
        "pkh_recipient": own(case.receives_pkh),
    }
    if case.consent is None or not may(level, Act.BE_SELECTED) or case.person.nik is None:
        return {name: datum for name, datum in known.items() if name in rules.data}
    asked = crypto.ring().index("transaction", f"selection:{case.registration.id}:{now.isoformat()}").hex()[:32]
    active, answers = await asyncio.gather(
        _nik_active(work, case.person, case.consent, asked),
        work.sources.ask(case.person.nik, f"consent-{case.consent.id}", asked),
    )
    if active is not None:
        known["nik_active"] = own(active, "ikd")
    found = gather(rules, answers.data, answers.unavailable, today)
    return {**found, **{name: datum for name, datum in known.items() if name in rules.data}}


async def _nik_active(work: Work, person: PersonRow, consent: ConsentRow, asked: str) -> bool | None:
    """Whether the NIK is active in the population register; None when IKD does not answer now."""
    try:
        record = await work.ikd.look_up(person.nik or "", person.kk or "", consent.at, asked)
    except (ikd.NikInactive, ikd.NikUnknown):
        return False
    except ikd.IkdError:
        return None
    # A family card changes with a move or a divorce; the NIK was active when its owner's face matched.
    return record.nik_active if record.belongs else True


# --- deciding --------------------------------------------------------------------------------------------------------


async def _decide(
    work: Work,
    case: _Case,
    verdict: Verdict,
    inputs: Mapping[str, DatumLike],
    replaces: int | None,
    now: datetime,
) -> Selected:
    silent = verdict.outcome == "waiting" and any(r.code == SOURCE_UNAVAILABLE for r in verdict.reasons)
    async with work.database.write() as connection:
        held = await registrations.by_ids(connection, [case.registration.id], lock=True)
        current = (await decisions.current_of(connection, [case.registration.id])).get(case.registration.id)
        status = held[case.registration.id].status
        if status not in {SUBMITTED, DECIDED}:
            return Selected("skipped")
        standing = _standing(case, current, replaces)
        if standing is not None:
            return standing
        if current is not None and verdict.outcome == "waiting" and _same(current, verdict):
            return Selected("waiting", current.id, case.person.id, _notices(case, current.id), silent=silent)
        values = _row(case, verdict, inputs, replaces, now)
        decision_id = await decisions.add(connection, values)
        if verdict.outcome != "waiting":
            await registrations.set_status(connection, [case.registration.id], DECIDED, now)
    return Selected(verdict.outcome, decision_id, case.person.id, _notices(case, decision_id), new=True, silent=silent)


def _same(current: DecisionRow, verdict: Verdict) -> bool:
    """Whether the person has been told this already: the same decision for the same reasons."""
    told = [(reason["code"], reason["owner"]) for reason in current.reasons]
    return current.outcome == verdict.outcome and told == [(r.code, r.owner) for r in verdict.reasons]


def _row(
    case: _Case, verdict: Verdict, inputs: Mapping[str, DatumLike], replaces: int | None, now: datetime
) -> dict[str, Any]:
    final = verdict.outcome != "waiting"
    return {
        "registration_id": case.registration.id,
        "person_id": case.person.id,
        "previous_id": replaces,
        "outcome": verdict.outcome,
        "rule_set": verdict.rule_set.id,
        "rule_set_version": verdict.rule_set.version,
        "codes": ",".join(reason.code for reason in verdict.reasons)[:300],
        "inputs": {
            "region": case.registration.region_code,
            "digest": verdict.rule_set.digest,
            "disputed": list(case.disputed),
            "data": {name: _plain(datum) for name, datum in inputs.items()},
            "results": dict(verdict.results),
        },
        "reasons": [reason.to_json() for reason in verdict.reasons],
        "decided_at": now,
        "appeal_until": appeal_window(now, zone_of(case.registration.region_code)).closes if final else None,
    }


def _plain(datum: DatumLike) -> dict[str, Any]:
    value = datum.value
    kept = value if value is None or isinstance(value, bool | int | float | str) else tuple(value)
    return Datum(kept, datum.owner, datum.as_of).to_json()


# --- many ------------------------------------------------------------------------------------------------------------


async def enqueue_selection(connection: AsyncConnection, region: str, now: datetime) -> list[int]:
    """Queue the selection of every registration that waits for it, in a region ("" is everywhere); the jobs' ids."""
    waiting = await registrations.submitted(connection, region, 0, most=1_000_000)
    return await jobs.add(connection, [selection_job(row_id) for row_id in waiting], now)


async def select_many(
    work: Work, region: str, now: datetime, progress: Callable[[int], None] | None = None
) -> tuple[Counter[str], list[int]]:
    """Decide every registration that waits for it, here and now; how many came to each outcome, and the chats to ring.

    `progress` hears how many more were decided, a page at a time.
    """
    counts: Counter[str] = Counter()
    chats: list[int] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(registration_id: int) -> Selected:
        async with gate:
            return await select_one(work, registration_id, now)

    after = 0
    while True:
        async with work.database.read() as connection:
            page = await registrations.submitted(connection, region, after, PAGE)
        if not page:
            return counts, chats
        after = page[-1]
        results = await asyncio.gather(*(one(registration_id) for registration_id in page))
        counts.update(selected.outcome for selected in results)
        rows = [
            inbox.Arrival(chat, "notice", notice_id, to_json(notice), trace=current_trace())
            for selected in results
            for chat, notice_id, notice in selected.notices
        ]
        async with work.database.write() as connection:
            chats.extend(await inbox.insert_events(connection, work.database, rows, now))
        if progress is not None:
            progress(len(page))
