"""What happens in a chat: the conversation, what came in, what goes out, what was asked for meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Computed, Float, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, BigId, id_, partial, ref

IS_OPEN = "status IN ('queued', 'sending')"
IS_UNDONE = "status IN ('queued', 'running')"


def _trace() -> Mapped[str]:
    """Names one citizen's message on its way: webhook, turn, job, send. Empty where nothing began outside."""
    return mapped_column(String(16), default="", server_default="")


def _open(condition: str) -> Mapped[bool]:
    """Made by the database from `status`. The partial index asks for this column and not for the status: a change from
    queued to sending, or from sent to read, then touches no index (docs/decisions/0015)."""
    return mapped_column(Boolean, Computed(condition, persisted=True))


def _while_open(name: str, *columns: str) -> Index:
    return Index(name, *columns, postgresql_where=text("open"), sqlite_where=text("open = 1"))


class Conversation(Base):
    """One chat of one address on one channel. `session` is `bot.session.to_json`."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("channel", "address_hash"),
        partial("ix_conversations_timer", "next_timer_at", where="next_timer_at IS NOT NULL"),
    )
    id: Mapped[int] = id_()
    channel: Mapped[str] = mapped_column(String(20))
    address_hash: Mapped[bytes]
    address: Mapped[str] = mapped_column(Sealed("conversations.address"))
    phone: Mapped[str | None] = mapped_column(Sealed("conversations.phone"))
    session: Mapped[Any] = mapped_column(Sealed("conversations.session"), nullable=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True, index=True)
    reachable: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))
    last_inbound_at: Mapped[datetime | None]
    next_timer_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Inbox(Base):
    """Everything that happened to a conversation, once. `handled_at` empty: still to be advanced.

    On PostgreSQL partitioned by the month of `received_at`; the unique constraint is then an index of each partition.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "provider_id"),
        partial("ix_inbox_pending", "conversation_id", "id", where="handled_at IS NULL"),
        Index("ix_inbox_conversation", "conversation_id", "id"),
    )
    id: Mapped[int] = id_()
    channel: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str] = mapped_column(String(100))
    conversation_id: Mapped[int] = mapped_column(BigId)
    event: Mapped[Any] = mapped_column(Sealed("inbox.event"))
    message_ref: Mapped[str] = mapped_column(String(64), default="")
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(String(300))
    trace: Mapped[str] = _trace()


class Outbox(Base):
    """Every outgoing message. `status`: queued, sending, sent, delivered, read, failed, unknown, cancelled.

    `keys` names the texts (for operators: no personal word), `body` holds the words and buttons. On PostgreSQL partitioned
    by the month of `created_at`.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        _while_open("ix_outbox_open", "conversation_id", "id"),
        Index("ix_outbox_conversation", "conversation_id", "id"),
        partial("ix_outbox_provider", "provider_id", where="provider_id IS NOT NULL"),
    )
    id: Mapped[int] = id_()
    conversation_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(20))
    keys: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[Any] = mapped_column(Sealed("outbox.body"))
    status: Mapped[str] = mapped_column(String(12))
    open: Mapped[bool] = _open(IS_OPEN)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    not_before: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(100))
    error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    trace: Mapped[str] = _trace()


class Job(Base):
    """Slow or outside work asked for by a turn. `status`: queued, running, done, failed.

    `attempts` are tries of any outcome, `losses` those whose worker died or hung.
    """

    __tablename__ = "jobs"
    __table_args__ = (_while_open("ix_jobs_open", "id"),)
    id: Mapped[int] = id_()
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True)
    kind: Mapped[str] = mapped_column(String(40))
    token: Mapped[str] = mapped_column(String(20), default="")
    data: Mapped[Any] = mapped_column(Sealed("jobs.data"))
    status: Mapped[str] = mapped_column(String(12))
    open: Mapped[bool] = _open(IS_UNDONE)
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    losses: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    not_before: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    trace: Mapped[str] = _trace()


class Pace(Base):
    """The token clock of a provider's account. `next_at`: Unix time of its next free place; `taken`: the last answer."""

    __tablename__ = "pace"
    account: Mapped[str] = mapped_column(String(80), primary_key=True)
    next_at: Mapped[float] = mapped_column(Float)
    taken: Mapped[int] = mapped_column(Integer)


class DeadLetter(Base):
    """What was given up on and set aside: `topic` and `known` as the bus named it, `row_id` the inbox row, message or job.

    `what` names the happening, the texts or the kind, and `reason` the cause; neither holds anything personal.
    """

    __tablename__ = "dead_letters"
    id: Mapped[int] = id_()
    topic: Mapped[str] = mapped_column(String(12))
    known: Mapped[int] = mapped_column(BigId)
    row_id: Mapped[int | None] = mapped_column(BigId)
    what: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(300))
    tries: Mapped[int]
    created_at: Mapped[datetime]


class Content(Base):
    """A Content resource at Twilio that `perlinsos whatsapp sync` has made: our name and its SID."""

    __tablename__ = "contents"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    sid: Mapped[str] = mapped_column(String(40))
    fingerprint: Mapped[str] = mapped_column(String(64))
