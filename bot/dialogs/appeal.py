"""The appeal: which reasons are contested and on what ground, evidence, own words, the owner's face, then a number.

When a NIK was used by somebody else only its owner passes, by a face check made for this very appeal, and says which data
are not theirs. Nothing is filed before the person has read the summary and agreed.
"""

from __future__ import annotations

from typing import Any

from backend.domain.appeals import answer_due
from backend.domain.delegation import FRESH, Ground
from backend.domain.numbers import appeal_number
from backend.domain.values import evolve
from bot.case import (
    ONGOING,
    appeal_of,
    appeal_options,
    appeal_state,
    became_of,
    contestable,
    earlier_appeal,
    first_number,
    grounds_of,
    may_still_appeal,
    of_kind,
    owner,
    short,
)
from bot.effects import Option, Record, Say
from bot.prompts import Ask, Call, Dialog, Entered, Next, Scene, Step, done, go, option, quiet, switch

SHOWN_OF_STATEMENT = 160
MISUSED = option("misused", "appeal.option_misused")


def _identify(_scene: Scene) -> Call:
    return Call("identify", {"purpose": "appeal"})


def _identified(scene: Scene, value: Any) -> Next:
    if value != "proven":
        return done(result=value)
    # A face matched in this very turn counts for this appeal; one from an earlier day does not.
    return go("check", matched_here=scene.proven_at == scene.now)


# --- may it be contested at all --------------------------------------------------------------------------------------


def _check(scene: Scene) -> Entered:
    """Straight to the reasons, or to why there is nothing to contest, always with a way to a human."""
    if owner(scene) is None:
        return go("identify")
    appeal = appeal_of(scene.facts)
    if appeal is not None and appeal.status in ONGOING:
        return go("withdraw" if scene.get("withdrawing") else "open")
    hindrance = _hindrance(scene)
    earlier = earlier_appeal(scene.facts)
    if hindrance:
        told = () if earlier is None or hindrance == "decided" else (became_of(earlier),)
        return go("stuck", *told, hindrance=hindrance)
    says = () if earlier is None else (Say("appeal.again", {"first": first_number(earlier)}),)
    return go("not_mine" if scene.get("misused") else "reasons", *says)


def _hindrance(scene: Scene) -> str:
    registration, decision, appeal = scene.facts.registration, scene.facts.decision, appeal_of(scene.facts)
    if registration is None:
        return "no_registration"
    if decision is None or decision.outcome == "waiting":
        return "no_decision"
    if decision.outcome == "eligible":
        return "accepted"
    if appeal is not None and appeal.status == "decided":
        return "decided"
    if not may_still_appeal(decision, scene.facts.today):
        return "too_late"
    if not contestable(decision):
        return "nothing_contestable"
    return ""


def _stuck(scene: Scene) -> Entered:
    hindrance, decision, appeal = scene.get("hindrance"), scene.facts.decision, appeal_of(scene.facts)
    if owner(scene) is None or _hindrance(scene) != hindrance:
        return go("check")
    ways_on = (option("handover"), option("enough", "status.option_enough"))
    if hindrance == "decided" and appeal is not None:
        return Ask(appeal_state(appeal), appeal_options(appeal))
    if hindrance == "too_late" and decision is not None and decision.appeal_until is not None:
        return Ask(Say("appeal.stuck_too_late", {"until": decision.appeal_until.isoformat()}), ways_on)
    first = (option("registration"),) if hindrance == "no_registration" else ()
    return Ask(Say(f"appeal.stuck_{hindrance}"), (*first, *ways_on))


def _leave(scene: Scene, value: str) -> Next:
    if value == "enough":
        return done(Say("appeal.bye"))
    if value != "handover":
        return switch(value)
    appeal = appeal_of(scene.facts)
    return switch("handover", about=appeal.number if appeal is not None else "")


# --- one that is open already ----------------------------------------------------------------------------------------


def _open(scene: Scene) -> Entered:
    appeal = appeal_of(scene.facts)
    if owner(scene) is None or appeal is None or appeal.status not in ONGOING:
        return go("check")
    return Ask(appeal_state(appeal), appeal_options(appeal))


def _open_taken(scene: Scene, value: str) -> Next:
    if value == "withdraw":
        return go("withdraw")
    return switch("appeal_news") if value == "answer" else _leave(scene, value)


def _withdraw(scene: Scene) -> Entered:
    appeal = appeal_of(scene.facts)
    if owner(scene) is None or appeal is None or appeal.status not in ONGOING:
        return go("check", withdrawing=False)
    say = Say("appeal.withdraw", {"number": appeal.number})
    return Ask(say, (option("yes", "appeal.option_withdraw"), option("no", "appeal.option_keep")))


def _withdraw_taken(scene: Scene, value: str) -> Next:
    appeal = appeal_of(scene.facts)
    if value == "no" or appeal is None:
        return done(Say("appeal.kept"))
    said = Say("appeal.withdrawn", {"number": appeal.number})
    return done(said).doing(Record("appeal.withdraw", {"appeal_id": appeal.id}))


# --- what is contested -----------------------------------------------------------------------------------------------


def _reasons(scene: Scene) -> Entered:
    if _hindrance(scene) or scene.facts.decision is None:
        return go("check")
    reasons = [Option(reason.code, short(reason)) for reason in contestable(scene.facts.decision)]
    if len(reasons) == 1:
        return go("ground", reasons=[reasons[0].id])
    every = option("all", "appeal.option_all")
    return Ask(Say("appeal.which_reasons"), (*reasons, every, MISUSED), many=True, help=Say("appeal.help_reasons"))


def _reasons_taken(scene: Scene, value: list[str]) -> Next:
    decision = scene.facts.decision
    if "misused" in value or decision is None:
        return go("not_mine", misused=True)
    codes = [reason.code for reason in contestable(decision)]
    return go("ground", misused=False, reasons=codes if "all" in value else [c for c in codes if c in value])


def _ground(scene: Scene) -> Entered:
    """Why these reasons do not hold: only what all of them can be contested on is offered."""
    if _hindrance(scene) or scene.facts.decision is None:
        return go("check")
    chosen = [reason for reason in contestable(scene.facts.decision) if reason.code in scene.get("reasons", [])]
    if not chosen:
        return go("reasons")
    grounds = [ground for ground in Ground if ground in grounds_of(chosen) - {Ground.NIK_MISUSED}]
    say = Say("appeal.which_ground", {"reasons": [short(reason) for reason in chosen]})
    options = (*(option(ground, f"appeal.option_{ground}") for ground in grounds), MISUSED)
    return Ask(say, options, help=Say("appeal.help_ground"))


def _ground_taken(_scene: Scene, value: str) -> Next:
    return go("not_mine", misused=True) if value == "misused" else go("evidence", misused=False, ground=value)


def _not_mine(scene: Scene) -> Entered:
    """Which data come from the other person. Also asked when there is only one: its owner says so, we do not guess."""
    if _hindrance(scene) or scene.facts.decision is None:
        return go("check")
    reasons = [Option(reason.code, short(reason)) for reason in of_kind(scene.facts.decision, "against")]
    every = (option("all", "appeal.option_all"),) if len(reasons) > 1 else ()
    none = option("back", "appeal.option_all_mine")
    return Ask(Say("appeal.not_mine"), (*reasons, *every, none), many=True, help=Say("appeal.help_not_mine"))


def _not_mine_taken(scene: Scene, value: list[str]) -> Next:
    decision = scene.facts.decision
    if "back" in value or decision is None:
        return go("reasons", misused=False)
    codes = [reason.code for reason in of_kind(decision, "against")]
    chosen = codes if "all" in value else [c for c in codes if c in value]
    return go("evidence", misused=True, ground=Ground.NIK_MISUSED.value, reasons=chosen, not_mine=chosen)


# --- evidence, face, summary -----------------------------------------------------------------------------------------


def _evidence(scene: Scene) -> Call:
    reasons = scene.facts.decision.reasons if scene.facts.decision is not None else ()
    wanted = {reason.code: list(reason.evidence) for reason in reasons if reason.code in scene.get("reasons")}
    before = {"photos": scene.get("photos", []), "before": scene.get("statement", "")}
    return Call("evidence", {"wanted": wanted, "ground": _contested_on(scene), **before})


def _contested_on(scene: Scene) -> str:
    return str(scene.get("ground") or Ground.DATA_WRONG)


def _evidence_taken(scene: Scene, value: Any) -> Next:
    said = {"photos": value["photos"], "statement": value["statement"]}
    return go("summary" if _face_is_fresh(scene) else "face", **said)


def _face_is_fresh(scene: Scene) -> bool:
    """Whether the owner's face was matched for this appeal, and not so long ago that the phone may have changed hands."""
    matched = scene.get("matched_for_appeal") or (scene.get("matched_here") and not scene.get("misused"))
    return bool(matched) and scene.proven_at is not None and scene.now - scene.proven_at <= FRESH


def _face(scene: Scene) -> Call:
    return Call("selfie", {"act": "appeal"})


def _face_taken(scene: Scene, value: Any) -> Next:
    """Without a match nothing is filed, and the draft stays. Where the face check has said why, only that is added."""
    if value == "match" and owner(scene) is not None:
        return go("summary", matched_for_appeal=True)
    following = go("face_failed", matched_for_appeal=False)
    if value in {"failed", "later", "no_consent"}:
        return evolve(following.saying(Say("appeal.draft_kept")), silent=True)
    return following


def _face_failed(_scene: Scene) -> Ask:
    return Ask(
        Say("appeal.face_failed"),
        (option("try_again", "appeal.option_try_again"), option("handover"), option("later", "appeal.option_later")),
    )


def _face_failed_taken(_scene: Scene, value: str) -> Next:
    if value == "later":
        return quiet().saying(Say("appeal.draft_kept"))
    return go("face") if value == "try_again" else Next(open=Call("handover", {"reason": "face"}))


def _summary(scene: Scene) -> Entered:
    if _hindrance(scene) or owner(scene) is None:
        return go("check")
    statement = scene.get("statement") or ""
    shown = statement if len(statement) <= SHOWN_OF_STATEMENT else statement[:SHOWN_OF_STATEMENT].rstrip() + "…"
    params = {
        "reasons": [Say(f"reasons.{code}.short") for code in scene.get("reasons")],
        "count": len(scene.get("photos", [])),
        "statement": shown if shown else Say("appeal.no_statement"),
    }
    options = (
        option("yes", "appeal.option_file"),
        option("change", "appeal.option_change"),
        option("no", "appeal.option_not_file"),
    )
    return Ask(Say(f"appeal.summary_{_contested_on(scene)}", params), options)


def _summary_taken(scene: Scene, value: str) -> Next:
    if value == "change":
        return go("evidence")
    if value == "no":
        return done(Say("appeal.not_filed"))
    if not _face_is_fresh(scene):
        return go("face", Say("appeal.face_again"))
    return _file(scene)


def _file(scene: Scene) -> Next:
    decision = scene.facts.decision
    if decision is None:
        return go("check")
    ground, earlier = _contested_on(scene), earlier_appeal(scene.facts)
    appeal = {
        "code": scene.facts.code,
        "decision_id": decision.id,
        "kind": ground,
        "reasons": scene.get("reasons"),
        "statement": scene.get("statement") or "",
        "photos": scene.get("photos", []),
        "not_mine": scene.get("not_mine", []) if ground == Ground.NIK_MISUSED else [],
    }
    number = appeal_number(scene.facts.code)
    due = answer_due(scene.facts.today)
    params = {"number": number, "at": scene.facts.today.isoformat(), "due": due.isoformat()}
    said = Say("appeal.filed", params)
    if earlier is not None:
        said = Say("appeal.filed_again", {**params, "first": first_number(earlier)})
    return done(said).doing(Record("appeal.file", appeal))


APPEAL = Dialog(
    name="appeal",
    start="identify",
    title=Say("appeal.title"),
    steps={
        "identify": Step(_identify, _identified, to=("check",)),
        "check": Step(_check, to=("identify", "open", "withdraw", "stuck", "not_mine", "reasons")),
        "stuck": Step(_stuck, _leave, to=("check",)),
        "open": Step(_open, _open_taken, to=("check", "withdraw")),
        "withdraw": Step(_withdraw, _withdraw_taken, to=("check",)),
        "reasons": Step(_reasons, _reasons_taken, to=("check", "not_mine", "ground")),
        "ground": Step(_ground, _ground_taken, to=("check", "reasons", "not_mine", "evidence")),
        "not_mine": Step(_not_mine, _not_mine_taken, to=("check", "reasons", "evidence")),
        "evidence": Step(_evidence, _evidence_taken, to=("face", "summary")),
        "face": Step(_face, _face_taken, to=("summary", "face_failed")),
        "face_failed": Step(_face_failed, _face_failed_taken, to=("face",)),
        "summary": Step(_summary, _summary_taken, to=("check", "evidence", "face")),
    },
)
