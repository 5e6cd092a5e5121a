"""Regions, who works there and by which key, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.models.base import Base, id_


class Region(Base):
    """Kemendagri codes with dots, as NIKs use them."""

    __tablename__ = "regions"
    code: Mapped[str] = mapped_column(String(13), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class User(Base):
    """A console login. `role`: admin, reviewer, auditor; `region_code` empty: every region."""

    __tablename__ = "users"
    id: Mapped[int] = id_()
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
    """A bearer key; only its hash is kept. `personal`: exports may name who the rows are about."""

    __tablename__ = "api_keys"
    id: Mapped[int] = id_()
    name: Mapped[str] = mapped_column(String(80))
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(20))
    region_code: Mapped[str] = mapped_column(String(13), default="")
    personal: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what to which case. `data` holds nothing personal."""

    __tablename__ = "audit_events"
    id: Mapped[int] = id_()
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]]
