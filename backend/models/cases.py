"""What becomes of a person's wish: registration, decision, appeal, and what a human must do."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, id_, partial, ref


class Registration(Base):
    """`status`: waiting_identity, submitted, decided, withdrawn, erased. `details`: household, bank, notification."""

    __tablename__ = "registrations"
    id: Mapped[int] = id_()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    person_id: Mapped[int] = ref("people.id", index=True)
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True)
    channel: Mapped[str] = mapped_column(String(20))
    programme: Mapped[str] = mapped_column(String(20))
    region_code: Mapped[str] = mapped_column(String(13), index=True)
    status: Mapped[str] = mapped_column(String(20), index=True)
    details: Mapped[Any] = mapped_column(Sealed("registrations.details"))
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class Decision(Base):
    """`outcome`: eligible, not_eligible, waiting. Inputs and reasons as they were on that day; never changed afterwards.

    `current`: the newest of its registration. `previous_id`: the decision that this one replaces after an appeal.
    `run_id`: the selection of many that made it.
    """

    __tablename__ = "decisions"
    __table_args__ = (partial("ix_decisions_run", "run_id", "id", where="run_id IS NOT NULL"),)
    id: Mapped[int] = id_()
    registration_id: Mapped[int] = ref("registrations.id", index=True)
    person_id: Mapped[int] = ref("people.id", index=True)
    previous_id: Mapped[int | None] = ref("decisions.id", nullable=True)
    current: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    outcome: Mapped[str] = mapped_column(String(20), index=True)
    rule_set: Mapped[str] = mapped_column(String(40))
    rule_set_version: Mapped[str] = mapped_column(String(20))
    codes: Mapped[str] = mapped_column(String(300), default="")
    inputs: Mapped[Any] = mapped_column(Sealed("decisions.inputs"))
    reasons: Mapped[Any] = mapped_column(Sealed("decisions.reasons"))
    decided_at: Mapped[datetime] = mapped_column(index=True)
    appeal_until: Mapped[date | None]
    told_at: Mapped[datetime | None]
    run_id: Mapped[int | None] = mapped_column(BigInteger)


class Appeal(Base):
    """A sanggah against one decision. `status`: received, in_review, need_more, field_check, decided, withdrawn.

    `step_due_on`: the last day of this state. `warned_for`: the state and day that officers were warned of. `first_id`:
    the first appeal about this registration, when this is not the first.
    """

    __tablename__ = "appeals"
    __table_args__ = (
        Index(
            "uq_appeals_one_open", "decision_id", unique=True,
            postgresql_where=text("status IN ('received', 'in_review', 'need_more', 'field_check')"),
            sqlite_where=text("status IN ('received', 'in_review', 'need_more', 'field_check')"),
        ),
    )  # fmt: skip
    id: Mapped[int] = id_()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    decision_id: Mapped[int] = ref("decisions.id", index=True)
    registration_id: Mapped[int] = ref("registrations.id", index=True)
    person_id: Mapped[int] = ref("people.id", index=True)
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True)
    region_code: Mapped[str] = mapped_column(String(13), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    contested: Mapped[Any] = mapped_column(JSON)
    not_mine: Mapped[Any] = mapped_column(JSON)
    statement: Mapped[str | None] = mapped_column(Sealed("appeals.statement"))
    status: Mapped[str] = mapped_column(String(20), index=True)
    outcome: Mapped[str | None] = mapped_column(String(20))
    outcome_reason: Mapped[str | None] = mapped_column(Sealed("appeals.outcome_reason"))
    due_on: Mapped[date]
    step_due_on: Mapped[date | None] = mapped_column(index=True)
    warned_for: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class AppealEvent(Base):
    """The visible history of an appeal."""

    __tablename__ = "appeal_events"
    id: Mapped[int] = id_()
    appeal_id: Mapped[int] = ref("appeals.id", index=True)
    at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Sealed("appeal_events.note"))
    actor: Mapped[str] = mapped_column(String(80))


class DisputedDatum(Base):
    """A datum that an upheld appeal found not to hold for this person: the next selection leaves it out."""

    __tablename__ = "disputed_data"
    __table_args__ = (UniqueConstraint("person_id", "datum"),)
    id: Mapped[int] = id_()
    person_id: Mapped[int] = ref("people.id")
    datum: Mapped[str] = mapped_column(String(40))
    appeal_id: Mapped[int] = ref("appeals.id")
    at: Mapped[datetime]


class SelectionRun(Base):
    """A selection of everybody who waits, in a region ("": everywhere). `status`: running, done.

    `cursor`: the last registration that was looked at, committed together with its page's decisions. `silent` of those
    that wait do so for a source. `told_cursor`: the last decision whose news was handed on.
    """

    __tablename__ = "selection_runs"
    __table_args__ = (partial("uq_selection_runs_running", "region_code", where="status = 'running'", unique=True),)
    id: Mapped[int] = id_()
    region_code: Mapped[str] = mapped_column(String(13))
    status: Mapped[str] = mapped_column(String(12))
    total: Mapped[int] = mapped_column(Integer)
    cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    eligible: Mapped[int] = mapped_column(Integer, default=0)
    not_eligible: Mapped[int] = mapped_column(Integer, default=0)
    waiting: Mapped[int] = mapped_column(Integer, default=0)
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    silent: Mapped[int] = mapped_column(Integer, default=0)
    told_cursor: Mapped[int] = mapped_column(BigInteger, default=0)
    told: Mapped[int] = mapped_column(Integer, default=0)
    actor: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Ticket(Base):
    """Something that a human must do. `status`: open, answered, closed."""

    __tablename__ = "tickets"
    id: Mapped[int] = id_()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True)
    kind: Mapped[str] = mapped_column(String(20), index=True)
    text: Mapped[str | None] = mapped_column(Sealed("tickets.text"))
    status: Mapped[str] = mapped_column(String(12), index=True)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
