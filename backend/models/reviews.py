"""What looks like one person twice, for an officer to look at; nothing is decided by it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, BigId, id_, partial, ref


class AccountMark(Base):
    """The keyed hash of the account that a registration names, or that an import knows of a NIK (its hash)."""

    __tablename__ = "account_marks"
    id: Mapped[int] = id_()
    account_hash: Mapped[bytes] = mapped_column(index=True)
    registration_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("registrations.id"), unique=True)
    nik_hash: Mapped[bytes | None] = mapped_column(unique=True)


class ReviewCase(Base):
    """`kind`: what is shared: nik, kk, account. `state`: open, cleared (they are different people), confirmed.

    `key_hash`: a keyed hash of the kind and of what is shared, by which the open case is found again.
    """

    __tablename__ = "review_cases"
    __table_args__ = (partial("uq_review_cases_open", "key_hash", where="state = 'open'", unique=True),)
    id: Mapped[int] = id_()
    kind: Mapped[str] = mapped_column(String(10))
    key_hash: Mapped[bytes] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Sealed("review_cases.reason"))
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ReviewMember(Base):
    """Who shares it: a registration, a row of `pkh_records` (`recipient_id`), or a chat in which the NIK was typed."""

    __tablename__ = "review_members"
    __table_args__ = (
        UniqueConstraint("case_id", "conversation_id"),
        UniqueConstraint("case_id", "recipient_id"),
        UniqueConstraint("case_id", "registration_id"),
    )
    id: Mapped[int] = id_()
    case_id: Mapped[int] = ref("review_cases.id")
    registration_id: Mapped[int | None] = ref("registrations.id", nullable=True, index=True)
    recipient_id: Mapped[int | None] = mapped_column(BigInteger)
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True)
    at: Mapped[datetime]
