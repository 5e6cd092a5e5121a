"""What data owners know about people, brought here in files or kept for a while after they answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, id_, partial


class SourceRecord(Base):
    """What one owner ("dtsen", "pln", …) knows about one NIK as of a day: `data` by the names of the rule sets.

    `run_id`: the import that brought it or saw it last. `digest`: a keyed hash of the content, to see a change without
    opening it. An answer that is only kept for a while has `expires_at`, and the consent that it was given for.
    """

    __tablename__ = "source_records"
    __table_args__ = (
        UniqueConstraint("owner", "nik_hash"),
        partial("ix_source_records_expiring", "expires_at", where="expires_at IS NOT NULL"),
    )
    id: Mapped[int] = id_()
    owner: Mapped[str] = mapped_column(String(20))
    nik_hash: Mapped[bytes]
    data: Mapped[Any] = mapped_column(Sealed("source_records.data"))
    digest: Mapped[bytes]
    as_of: Mapped[date]
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    consent_reference: Mapped[str] = mapped_column(String(60), default="", server_default=text("''"))
    stored_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class BenefitState(Base):
    """What is known of one NIK's place in the quota (`kind` quota, `period` "") or of one stage's payment (`kind` payments).

    `amount` in rupiah. `digest` and `run_id` as in `source_records`.
    """

    __tablename__ = "benefit_states"
    __table_args__ = (UniqueConstraint("nik_hash", "kind", "period"),)
    id: Mapped[int] = id_()
    nik_hash: Mapped[bytes]
    kind: Mapped[str] = mapped_column(String(10))
    period: Mapped[str] = mapped_column(String(6))
    state: Mapped[str] = mapped_column(String(10))
    amount: Mapped[Any] = mapped_column(Sealed("benefit_states.amount"), nullable=True)
    source: Mapped[str] = mapped_column(String(60))
    as_of: Mapped[date]
    digest: Mapped[bytes]
    run_id: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime]


class ImportRun(Base):
    """One import of one file. `status`: running, done, given_up. `position`, `line` and `report_size` stand at the end of
    the last batch that was committed, so that an interrupted import goes on there."""

    __tablename__ = "import_runs"
    __table_args__ = (
        partial("uq_import_runs_running", "kind", "fingerprint", where="status = 'running'", unique=True),
    )
    id: Mapped[int] = id_()
    kind: Mapped[str] = mapped_column(String(20), index=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(12))
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    line: Mapped[int] = mapped_column(Integer, default=0)
    report_size: Mapped[int] = mapped_column(BigInteger, default=0)
    added: Mapped[int] = mapped_column(Integer, default=0)
    changed: Mapped[int] = mapped_column(Integer, default=0)
    unchanged: Mapped[int] = mapped_column(Integer, default=0)
    rejected: Mapped[int] = mapped_column(Integer, default=0)
    actor: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
