"""Who may act for whom.

Facilitators register and accompany most citizens, each with their consent and face. One line they never cross: when a
NIK was used by somebody else, only the owner of that NIK may appeal, with a face check of their own, made for this very
appeal. The rule stands here, and not only in the dialog, because API, console and edited sessions do not pass a dialog.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from backend.domain.levels import NEEDED, Act, Level, reaches

# Long enough for two photos over a weak signal, too short to hand a proof on.
FRESH = timedelta(minutes=15)
DELEGATION_TEXT = "2026-1"
"""The version of the words that are read to a citizen before a facilitator may act for them."""
DELEGATED_FOR = timedelta(days=180)
"""As those words say; never longer than the facilitator is one."""

Refusal = Literal[
    "owner_only",
    "other_person",
    "no_face",
    "face_of_other",
    "face_not_fresh",
    "face_for_other_appeal",
    "face_from_other_chat",
    "face_used",
    "level_too_low",
    "no_delegation",
    "delegation_ended",
    "act_not_delegated",
]


class Role(StrEnum):
    """In which role somebody acts: for themselves, for a citizen whom they accompany, or through a key of the API."""

    OWNER = "owner"
    FACILITATOR = "facilitator"
    OFFICER = "officer"
    SYSTEM = "system"


class Ground(StrEnum):
    """Why a result is contested."""

    DATA_WRONG = "data_wrong"
    NIK_MISUSED = "nik_misused"
    CIRCUMSTANCES_CHANGED = "circumstances"
    HOUSEHOLD_WRONG = "household_wrong"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `person` is the key of the person they are (keyed hash of their NIK), `chat` the conversation's id."""

    role: Role
    person: str = field(repr=False)
    chat: str


@dataclass(frozen=True, slots=True)
class FaceProof:
    """A face check that succeeded. `purpose` names what it was made for (an appeal's number), `chat` where."""

    person: str = field(repr=False)
    level: Level
    at: datetime
    chat: str
    purpose: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class Delegation:
    """A citizen's consent that a facilitator acts for them, given with the citizen's own face at `since`."""

    citizen: str = field(repr=False)
    facilitator: str = field(repr=False)
    acts: frozenset[Act]
    since: datetime
    until: datetime
    withdrawn_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until and (self.withdrawn_at is None or now < self.withdrawn_at)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether an act is allowed; `refusal` says why not (a key, the words stand in the catalogue)."""

    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        return self.refusal is None


# What a facilitator can be asked to do. Where money goes and what is erased stays with the person.
DELEGABLE = frozenset({Act.START_REGISTRATION, Act.BE_SELECTED, Act.READ_RESULT, Act.APPEAL, Act.CORRECT_DATA})


def may_appeal(
    ground: Ground,
    actor: Actor,
    owner: str,
    now: datetime,
    *,
    purpose: str,
    level: Level = Level.NONE,
    face: FaceProof | None = None,
    delegation: Delegation | None = None,
    fresh: timedelta = FRESH,
) -> Ruling:
    """Whether `actor` may contest the result of `owner` (the key of the NIK's owner) on this ground.

    For a misused NIK neither a delegation nor an earlier verification counts, only `face`: of the owner, not older than
    `fresh`, from this chat, made for `purpose`, never used before. The caller marks it used in the same transaction.
    """
    if ground is Ground.NIK_MISUSED:
        return _owner_in_person(actor, owner, now, purpose, face, fresh)
    return may_act(Act.APPEAL, actor, owner, now, level=level, delegation=delegation)


def may_act(
    act: Act, actor: Actor, owner: str, now: datetime, *, level: Level, delegation: Delegation | None = None
) -> Ruling:
    """Whether `actor` may do `act` with the record of `owner`, who is verified at `level`.

    Officers and keys of the API act for nobody: what they may do on their own (review, record, read) is a right of
    their role, asked elsewhere.
    """
    if act is Act.APPEAL_MISUSED_NIK:
        return Ruling("owner_only")
    if actor.role is Role.OWNER:
        if actor.person != owner:
            return Ruling("other_person")
    elif actor.role is Role.FACILITATOR:
        refusal = _not_delegated(act, actor, owner, now, delegation)
        if refusal is not None:
            return Ruling(refusal)
    else:
        return Ruling("owner_only")
    return Ruling() if reaches(level, NEEDED[act]) else Ruling("level_too_low")


def _not_delegated(act: Act, actor: Actor, owner: str, now: datetime, delegation: Delegation | None) -> Refusal | None:
    if delegation is None or (delegation.citizen, delegation.facilitator) != (owner, actor.person):
        return "no_delegation"
    if not delegation.holds(now):
        return "delegation_ended"
    return None if act in delegation.acts & DELEGABLE else "act_not_delegated"


def _owner_in_person(
    actor: Actor, owner: str, now: datetime, purpose: str, face: FaceProof | None, fresh: timedelta
) -> Ruling:
    if actor.role is not Role.OWNER:
        return Ruling("owner_only")
    if actor.person != owner:
        return Ruling("other_person")
    if face is None:
        return Ruling("no_face")
    refusals: tuple[tuple[bool, Refusal], ...] = (
        (face.person != owner, "face_of_other"),
        (face.chat != actor.chat, "face_from_other_chat"),
        (face.purpose != purpose, "face_for_other_appeal"),
        (not timedelta() <= now - face.at <= fresh, "face_not_fresh"),
        (face.used, "face_used"),
        (not reaches(face.level, NEEDED[Act.APPEAL_MISUSED_NIK]), "level_too_low"),
    )
    return next((Ruling(refusal) for applies, refusal in refusals if applies), Ruling())
