"""Somebody with a NIK, and what is kept of proving who they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, id_, ref


class Person(Base):
    """Somebody with a NIK. `level`: how far their identity is verified (`backend.domain.levels`)."""

    __tablename__ = "people"
    id: Mapped[int] = id_()
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
    """One answer to one question of consent; the newest per purpose counts.

    `case_key`: of which case, in a facilitator's chat where many people answer.
    """

    __tablename__ = "consents"
    id: Mapped[int] = id_()
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True, index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    granted: Mapped[bool]
    version: Mapped[str] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(20))
    case_key: Mapped[str] = mapped_column(String(12), default="", server_default=text("''"))
    at: Mapped[datetime]


class Photo(Base):
    """A stored photo; its bytes lie sealed in the store under `object_key`. `purpose`: selfie, turned, evidence."""

    __tablename__ = "photos"
    id: Mapped[int] = id_()
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True, index=True)
    appeal_id: Mapped[int | None] = ref("appeals.id", nullable=True, index=True)
    purpose: Mapped[str] = mapped_column(String(12))
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    fingerprint: Mapped[bytes] = mapped_column(index=True)
    width: Mapped[int]
    height: Mapped[int]
    problem: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class FaceCheck(Base):
    """One comparison of a selfie with IKD: what came of it, never the picture.

    `purpose`: the act that it was made for. `appeal_id`: the appeal that a match was used for; it serves no other one.
    """

    __tablename__ = "face_checks"
    id: Mapped[int] = id_()
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True, index=True)
    nik_hash: Mapped[bytes] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    score: Mapped[float | None] = mapped_column(Float)
    transaction_id: Mapped[str] = mapped_column(String(40))
    purpose: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    appeal_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]


class PkhRecord(Base):
    """What a region's import knows of a PKH recipient; shown for confirmation once they have proven who they are.

    `digest` and `run_id` as in `source_records`.
    """

    __tablename__ = "pkh_records"
    id: Mapped[int] = id_()
    nik_hash: Mapped[bytes] = mapped_column(unique=True)
    data: Mapped[Any] = mapped_column(Sealed("pkh_records.data"))
    imported_at: Mapped[datetime]
    digest: Mapped[bytes | None]
    run_id: Mapped[int | None] = mapped_column(BigInteger)
