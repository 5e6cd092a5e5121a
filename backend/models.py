"""Every table. What names or describes a person rests sealed (`crypto.Sealed`) and is found through keyed hashes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from backend.crypto import Sealed

BigId = BigInteger().with_variant(Integer, "sqlite")


class Utc(TypeDecorator[datetime]):
    """A moment, always with its offset: SQLite forgets it, so it is given back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Utc, date: Date, bytes: LargeBinary, dict[str, Any]: JSON}  # noqa: RUF012


def table(model: type[Base]) -> Table:
    """The table of a model, for statements of SQLAlchemy Core."""
    return cast(Table, model.__table__)


def _id() -> Mapped[int]:
    return mapped_column(BigId, primary_key=True, autoincrement=True)


def _ref(target: str, *, nullable: bool = False, index: bool = False) -> Mapped[Any]:
    return mapped_column(BigId, ForeignKey(target), nullable=nullable, index=index)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


class Conversation(Base):
    """One chat of one address on one channel. `session` is `bot.session.to_json`."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("channel", "address_hash"),
        _partial("ix_conversations_timer", "next_timer_at", where="next_timer_at IS NOT NULL"),
    )
    id: Mapped[int] = _id()
    channel: Mapped[str] = mapped_column(String(20))
    address_hash: Mapped[bytes]
    address: Mapped[str] = mapped_column(Sealed("conversations.address"))
    phone: Mapped[str | None] = mapped_column(Sealed("conversations.phone"))
    session: Mapped[Any] = mapped_column(Sealed("conversations.session"), nullable=True)
    person_id: Mapped[int | None] = _ref("people.id", nullable=True, index=True)
    reachable: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    last_inbound_at: Mapped[datetime | None]
    next_timer_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Inbox(Base):
    """Everything that happened to a conversation, once. `handled_at` empty: still to be advanced."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        _partial("ix_inbox_pending", "conversation_id", "id", where="handled_at IS NULL"),
        Index("ix_inbox_conversation", "conversation_id", "id"),
    )
    id: Mapped[int] = _id()
    channel: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str] = mapped_column(String(100))
    conversation_id: Mapped[int] = _ref("conversations.id")
    event: Mapped[Any] = mapped_column(Sealed("inbox.event"))
    message_ref: Mapped[str] = mapped_column(String(64), default="")
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(String(300))


class Outbox(Base):
    """Every outgoing message. `status`: queued, sending, sent, delivered, read, failed, unknown, cancelled.

    `keys` names the texts (for operators: no personal word), `body` holds the words and buttons.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        _partial("ix_outbox_open", "conversation_id", "id", where="status IN ('queued', 'sending')"),
        Index("ix_outbox_conversation", "conversation_id", "id"),
        _partial("ix_outbox_provider", "provider_id", where="provider_id IS NOT NULL"),
    )
    id: Mapped[int] = _id()
    conversation_id: Mapped[int] = _ref("conversations.id")
    kind: Mapped[str] = mapped_column(String(20))
    keys: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[Any] = mapped_column(Sealed("outbox.body"))
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    not_before: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(100))
    error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Job(Base):
    """Slow or outside work asked for by a turn. `status`: queued, running, done, failed."""

    __tablename__ = "jobs"
    __table_args__ = (_partial("ix_jobs_open", "id", where="status IN ('queued', 'running')"),)
    id: Mapped[int] = _id()
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True)
    kind: Mapped[str] = mapped_column(String(40))
    token: Mapped[str] = mapped_column(String(20), default="")
    data: Mapped[Any] = mapped_column(Sealed("jobs.data"))
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    not_before: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Person(Base):
    """Somebody with a NIK. `level`: how far their identity is verified (`backend.domain.levels`)."""

    __tablename__ = "people"
    id: Mapped[int] = _id()
    nik: Mapped[str | None] = mapped_column(Sealed("people.nik"))
    nik_hash: Mapped[bytes] = mapped_column(unique=True)
    kk: Mapped[str | None] = mapped_column(Sealed("people.kk"))
    kk_hash: Mapped[bytes | None] = mapped_column(index=True)
    name: Mapped[str | None] = mapped_column(Sealed("people.name"))
    birth_date: Mapped[str | None] = mapped_column(Sealed("people.birth_date"))
    phone: Mapped[str | None] = mapped_column(Sealed("people.phone"))
    sex: Mapped[str] = mapped_column(String(6), default="")
    region_code: Mapped[str] = mapped_column(String(13), index=True)
    level: Mapped[str] = mapped_column(String(20))
    notifications: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class Consent(Base):
    """One answer to one question of consent; the newest per purpose counts."""

    __tablename__ = "consents"
    id: Mapped[int] = _id()
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = _ref("people.id", nullable=True, index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    granted: Mapped[bool]
    version: Mapped[str] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class Registration(Base):
    """`status`: waiting_identity, submitted, decided, withdrawn, erased. `details`: household, bank, notification."""

    __tablename__ = "registrations"
    id: Mapped[int] = _id()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    person_id: Mapped[int] = _ref("people.id", index=True)
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True)
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
    """

    __tablename__ = "decisions"
    id: Mapped[int] = _id()
    registration_id: Mapped[int] = _ref("registrations.id", index=True)
    person_id: Mapped[int] = _ref("people.id", index=True)
    previous_id: Mapped[int | None] = _ref("decisions.id", nullable=True)
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


class Appeal(Base):
    """A sanggah against one decision. `status`: received, in_review, need_more, decided, withdrawn."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index(
            "uq_appeals_open", "decision_id", unique=True,
            postgresql_where=text("status IN ('received', 'in_review', 'need_more')"),
            sqlite_where=text("status IN ('received', 'in_review', 'need_more')"),
        ),
    )  # fmt: skip
    id: Mapped[int] = _id()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    decision_id: Mapped[int] = _ref("decisions.id", index=True)
    registration_id: Mapped[int] = _ref("registrations.id", index=True)
    person_id: Mapped[int] = _ref("people.id", index=True)
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True)
    region_code: Mapped[str] = mapped_column(String(13), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    contested: Mapped[Any] = mapped_column(JSON)
    not_mine: Mapped[Any] = mapped_column(JSON)
    statement: Mapped[str | None] = mapped_column(Sealed("appeals.statement"))
    status: Mapped[str] = mapped_column(String(20), index=True)
    outcome: Mapped[str | None] = mapped_column(String(20))
    outcome_reason: Mapped[str | None] = mapped_column(Sealed("appeals.outcome_reason"))
    due_on: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class AppealEvent(Base):
    """The visible history of an appeal."""

    __tablename__ = "appeal_events"
    id: Mapped[int] = _id()
    appeal_id: Mapped[int] = _ref("appeals.id", index=True)
    at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Sealed("appeal_events.note"))
    actor: Mapped[str] = mapped_column(String(80))


class DisputedDatum(Base):
    """A datum that an upheld appeal found not to hold for this person: the next selection leaves it out."""

    __tablename__ = "disputed_data"
    __table_args__ = (UniqueConstraint("person_id", "datum"),)
    id: Mapped[int] = _id()
    person_id: Mapped[int] = _ref("people.id")
    datum: Mapped[str] = mapped_column(String(40))
    appeal_id: Mapped[int] = _ref("appeals.id")
    at: Mapped[datetime]


class Photo(Base):
    """A stored photo; its bytes lie sealed in the store under `object_key`. `purpose`: selfie, turned, evidence."""

    __tablename__ = "photos"
    id: Mapped[int] = _id()
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = _ref("people.id", nullable=True, index=True)
    appeal_id: Mapped[int | None] = _ref("appeals.id", nullable=True, index=True)
    purpose: Mapped[str] = mapped_column(String(12))
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    fingerprint: Mapped[bytes] = mapped_column(index=True)
    width: Mapped[int]
    height: Mapped[int]
    problem: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class FaceCheck(Base):
    """One comparison of a selfie with IKD: what came of it, never the picture."""

    __tablename__ = "face_checks"
    id: Mapped[int] = _id()
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = _ref("people.id", nullable=True, index=True)
    nik_hash: Mapped[bytes] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    score: Mapped[float | None] = mapped_column(Float)
    transaction_id: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]


class Ticket(Base):
    """Something that a human must do. `status`: open, answered, closed."""

    __tablename__ = "tickets"
    id: Mapped[int] = _id()
    number: Mapped[str] = mapped_column(String(20), unique=True)
    conversation_id: Mapped[int | None] = _ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = _ref("people.id", nullable=True)
    kind: Mapped[str] = mapped_column(String(20), index=True)
    text: Mapped[str | None] = mapped_column(Sealed("tickets.text"))
    status: Mapped[str] = mapped_column(String(12), index=True)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PkhRecord(Base):
    """What a region's import knows of a PKH recipient; shown for confirmation once they have proven who they are."""

    __tablename__ = "pkh_records"
    id: Mapped[int] = _id()
    nik_hash: Mapped[bytes] = mapped_column(unique=True)
    data: Mapped[Any] = mapped_column(Sealed("pkh_records.data"))
    imported_at: Mapped[datetime]


class Region(Base):
    """Kemendagri codes with dots, as NIKs use them."""

    __tablename__ = "regions"
    code: Mapped[str] = mapped_column(String(13), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class User(Base):
    """A console login. `role`: admin, reviewer, auditor; `region_code` empty: every region."""

    __tablename__ = "users"
    id: Mapped[int] = _id()
    login: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    region_code: Mapped[str] = mapped_column(String(13), default="")
    active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A bearer key; only its hash is kept."""

    __tablename__ = "api_keys"
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(80))
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(20))
    region_code: Mapped[str] = mapped_column(String(13), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what to which case. `data` holds nothing personal."""

    __tablename__ = "audit_events"
    id: Mapped[int] = _id()
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]]


class Content(Base):
    """A Content resource at Twilio that `perlinsos whatsapp sync` has made: our name and its SID."""

    __tablename__ = "contents"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    sid: Mapped[str] = mapped_column(String(40))
    fingerprint: Mapped[str] = mapped_column(String(64))
