"""The selection: the sources are asked with the person's consent, the rules judge, the decision is told.

Nothing is read of anybody without their consent, and nothing is decided on what is not known: a silent source makes the
decision wait, the person is told so once, and the sources are asked again. One registration is a page of one: what decides
many and what decides one is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import crypto
from backend.domain.levels import Act, Level, may
from backend.domain.regions import zone_of
from backend.domain.windows import appeal_window
from backend.policy.evaluation import evaluate, gather
from backend.policy.rulesets import NoRuleSet, RuleSet, RuleSets
from backend.policy.values import SOURCE_UNAVAILABLE, Datum, DatumLike, Verdict, plain
from backend.repositories import decisions, jobs, registrations, selection_cases, source_records
from backend.repositories.decisions import DecisionRow, NewDecision
from backend.repositories.jobs import JobRow
from backend.repositories.registrations import DECIDED, SUBMITTED
from backend.repositories.selection_cases import Case
from backend.services import duplicates
from backend.services.announce import announce
from backend.services.clock import local_day
from backend.services.filing import selection_job
from backend.services.sources import DUKCAPIL, IKD, Known, Question
from backend.services.work import Finished, TryLater, Work
from bot.events import Notice

log = structlog.get_logger(__name__)

ASK_AGAIN_AFTER = timedelta(seconds=60)

NoticeTo = tuple[int, str, Notice]
"""(conversation id, unique id, notice) as the job worker stores them."""
Also = Callable[[AsyncConnection, Sequence["Selected"]], Awaitable[None]]
"""Writes what belongs to a page, in the transaction that stores its decisions."""


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
class _Judged:
    """A case with what was known and what the rules say."""

    case: Case
    inputs: Mapping[str, DatumLike]
    known: Known
    verdict: Verdict

    @property
    def silent(self) -> bool:
        return self.verdict.outcome == "waiting" and any(r.code == SOURCE_UNAVAILABLE for r in self.verdict.reasons)


async def run_selection(work: Work, job: JobRow, now: datetime) -> Finished:
    """`selection.run` {registration_id, replaces?} -> the decision's outcome. Run twice it decides once."""
    selected = await select_one(work, job.data["registration_id"], now, replaces=job.data.get("replaces"))
    if selected.silent and not selected.new:
        raise TryLater("a source of the selection does not answer")

    async def after(connection: AsyncConnection) -> Sequence[int]:
        told_others = await announce(connection, now) if selected.new else ()
        if not selected.silent:
            return told_others
        drafts = [
            selection_job(
                job.data["registration_id"],
                job.conversation_id,
                replaces=job.data.get("replaces"),
                not_before=now + ASK_AGAIN_AFTER,
            )
        ]
        return [*await jobs.add(connection, drafts, now), *told_others]

    return Finished(
        selected.outcome,
        {"decision_id": selected.decision_id},
        selected.person_id,
        selected.notices,
        write=after if selected.silent or selected.new else None,
    )


async def select_one(work: Work, registration_id: int, now: datetime, *, replaces: int | None = None) -> Selected:
    """Decide one registration. `replaces`: the decision that this one is to replace; otherwise one that stands stays.

    Raises NoRuleSet.
    """
    [selected] = await select_page(
        work, [registration_id], now, replaces={} if replaces is None else {registration_id: replaces}, lenient=False
    )
    return selected


async def select_page(
    work: Work,
    registration_ids: Sequence[int],
    now: datetime,
    *,
    replaces: Mapping[int, int] | None = None,
    run_id: int | None = None,
    also: Also | None = None,
    lenient: bool = True,
) -> list[Selected]:
    """Decide these registrations together, each by itself; what came of each, in their order.

    `replaces`: by registration, the decision that the new one is to replace. `run_id` marks the decisions; `also` writes
    into their transaction. A region without rules is skipped and logged, or with `lenient=False` raises NoRuleSet.
    """
    prepared = await prepare_page(work, registration_ids, now, replaces=replaces, lenient=lenient)
    return await store_page(work, prepared, now, run_id=run_id, also=also)


@dataclass(frozen=True, slots=True)
class PreparedPage:
    """Registrations with the verdicts on them, still to be written down; what stands already is in `found`."""

    registration_ids: Sequence[int]
    replaces: Mapping[int, int]
    judged: Sequence[_Judged]
    found: Mapping[int, Selected]


async def prepare_page(
    work: Work,
    registration_ids: Sequence[int],
    now: datetime,
    *,
    replaces: Mapping[int, int] | None = None,
    lenient: bool = True,
) -> PreparedPage:
    """The first half of `select_page`: everything is read and judged, nothing is written."""
    replaced = replaces or {}
    async with work.database.read() as connection:
        cases = await selection_cases.load(connection, registration_ids)
        rule_sets = await work.rulebook.current(connection)
    open_cases = [case for case in cases if _standing(case, case.current, replaced) is None]
    judged = await _judge_all(work, open_cases, rule_sets, replaced, now, lenient=lenient)
    found = {case.registration_id: standing for case in cases if (standing := _standing(case, case.current, replaced))}
    return PreparedPage(registration_ids, replaced, judged, found)


async def store_page(
    work: Work, page: PreparedPage, now: datetime, *, run_id: int | None = None, also: Also | None = None
) -> list[Selected]:
    """The second half of `select_page`, one transaction: what was judged meanwhile by somebody else stands."""
    judged, found = page.judged, dict(page.found)
    skipped = Selected("skipped")
    if not judged and also is None:
        return [found.get(registration_id, skipped) for registration_id in page.registration_ids]
    async with work.database.write() as connection:
        found |= await _store(connection, judged, page.replaces, run_id, now)
        await duplicates.examine(connection, work.database, [one.case.registration_id for one in judged], now)
        result = [found.get(registration_id, skipped) for registration_id in page.registration_ids]
        if also is not None:
            await also(connection, result)
    return result


def _standing(case: Case, current: DecisionRow | None, replaces: Mapping[int, int]) -> Selected | None:
    """The decision that stands, told again (its notice is unique), unless it is to be replaced or still waits."""
    if current is None or current.outcome == "waiting" or current.id == replaces.get(case.registration_id):
        return None
    return Selected(current.outcome, current.id, current.person_id, _notices(case, current.id))


def _notices(case: Case, decision_id: int) -> Sequence[NoticeTo]:
    if case.conversation_id is None or not case.notifications:
        return ()
    notice = Notice("decision", {"decision_id": decision_id}, case.person_id)
    return ((case.conversation_id, f"decision:{decision_id}", notice),)


# --- what is known ---------------------------------------------------------------------------------------------------


async def _judge_all(
    work: Work, cases: Sequence[Case], rule_sets: RuleSets, replaces: Mapping[int, int], now: datetime, *, lenient: bool
) -> list[_Judged]:
    ruled: list[tuple[Case, RuleSet]] = []
    for case in cases:
        try:
            day = local_day(now, case.region_code)
            ruled.append((case, rule_sets.pick(case.programme.lower(), case.region_code, day)))
        except NoRuleSet as error:
            if not lenient:
                raise
            log.error("no_rule_set", registration=case.registration_id, cause=str(error))
    asking = [(case, question) for case, _ in ruled if (question := _question(case, replaces, now)) is not None]
    answers = await work.sources.ask([question for _, question in asking], now)
    known = {case.registration_id: found for (case, _), found in zip(asking, answers, strict=True)}
    return [_judge(case, rules, known.get(case.registration_id), now) for case, rules in ruled]


def _question(case: Case, replaces: Mapping[int, int], now: datetime) -> Question | None:
    """What to ask the sources about somebody; None without consent or proof of who they are."""
    if case.consent_id is None or case.consented_at is None or case.nik is None:
        return None
    if not may(Level(case.level), Act.BE_SELECTED):
        return None
    transaction = crypto.ring().index("transaction", f"selection:{case.registration_id}:{now.isoformat()}").hex()[:32]
    return Question(
        nik=case.nik,
        nik_hash=bytes(case.nik_hash),
        kk=case.kk or "",
        region_code=case.region_code,
        consent_reference=f"consent-{case.consent_id}",
        consented_at=case.consented_at,
        transaction_id=transaction,
        anew=case.registration_id in replaces,
    )


def _judge(case: Case, rules: RuleSet, known: Known | None, now: datetime) -> _Judged:
    today = local_day(now, case.region_code)

    def own(value: bool | str) -> Datum:
        return Datum(value, "perlinsos", today)

    ours: dict[str, DatumLike] = {
        "consent_data_access": own(case.consent_id is not None),
        "verification_level": own(Level(case.level).value),
        # A NIK is one person here, so it cannot be registered by another; the rule speaks of other registers.
        "nik_registered_by_other": own(False),
        "kk_registered_by_other": own(case.card_taken),
        "pkh_recipient": own(case.receives_pkh),
    }
    inputs = {name: datum for name, datum in ours.items() if name in rules.data}
    if known is not None:
        silent = [IKD if owner == DUKCAPIL else owner for owner in known.unavailable]
        inputs = {**gather(rules, known.data, silent, today), **inputs}
    verdict = evaluate(rules, inputs, region=case.region_code, disputed=case.disputed)
    return _Judged(case, inputs, known or Known(), verdict)


# --- deciding --------------------------------------------------------------------------------------------------------


async def _store(
    connection: AsyncConnection,
    judged: Sequence[_Judged],
    replaces: Mapping[int, int],
    run_id: int | None,
    now: datetime,
) -> dict[int, Selected]:
    """Write the decisions that are still to be made, and what came of each registration."""
    ids = [one.case.registration_id for one in judged]
    statuses = await registrations.hold(connection, ids)
    current = await decisions.current_of(connection, ids)
    found: dict[int, Selected] = {}
    new: list[_Judged] = []
    for one in judged:
        case, old = one.case, current.get(one.case.registration_id)
        standing = _standing(case, old, replaces)
        if statuses.get(case.registration_id) not in {SUBMITTED, DECIDED}:
            found[case.registration_id] = Selected("skipped")
        elif standing is not None:
            found[case.registration_id] = standing
        elif old is not None and one.verdict.outcome == "waiting" and _same(old, one.verdict):
            notices = _notices(case, old.id)
            found[case.registration_id] = Selected("waiting", old.id, case.person_id, notices, silent=one.silent)
        else:
            new.append(one)
    rows = [_row(one, replaces.get(one.case.registration_id), now) for one in new]
    replaced = [row.registration_id for row in rows if row.registration_id in current]
    added = await decisions.add_many(connection, rows, replaced, run_id, now)
    for one, decision_id in zip(new, added, strict=True):
        case, outcome = one.case, one.verdict.outcome
        found[case.registration_id] = Selected(
            outcome, decision_id, case.person_id, _notices(case, decision_id), new=True, silent=one.silent
        )
    final = [one for one in new if one.verdict.outcome != "waiting"]
    await registrations.set_status(connection, [one.case.registration_id for one in final], DECIDED, now)
    # What was kept while somebody was silent has served.
    kept = [bytes(one.case.nik_hash) for one in final if any(o["from"] == "kept" for o in one.known.origins.values())]
    await source_records.forget_kept(connection, kept)
    return found


def _same(current: DecisionRow, verdict: Verdict) -> bool:
    """Whether the person has been told this already: the same decision for the same reasons."""
    told = [(reason["code"], reason["owner"]) for reason in current.reasons]
    return current.outcome == verdict.outcome and told == [(r.code, r.owner) for r in verdict.reasons]


def _row(one: _Judged, replaces: int | None, now: datetime) -> NewDecision:
    case, verdict = one.case, one.verdict
    final = verdict.outcome != "waiting"
    return NewDecision(
        registration_id=case.registration_id,
        person_id=case.person_id,
        previous_id=replaces,
        outcome=verdict.outcome,
        rule_set=verdict.rule_set.id,
        rule_set_version=verdict.rule_set.version,
        codes=",".join(reason.code for reason in verdict.reasons)[:300],
        inputs={
            "region": case.region_code,
            "digest": verdict.rule_set.digest,
            "disputed": list(case.disputed),
            "data": {name: plain(datum) for name, datum in one.inputs.items()},
            "results": dict(verdict.results),
            "asked_at": now.isoformat(),
            "origins": one.known.origins,
        },
        reasons=[reason.to_json() for reason in verdict.reasons],
        appeal_until=appeal_window(now, zone_of(case.region_code)).closes if final else None,
    )
