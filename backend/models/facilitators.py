"""Those who accompany citizens, and in which chat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, BigId, id_, partial, ref


class Facilitator(Base):
    """Made by an officer for the owner of one NIK. `role`: pkh, tksk, village.

    `conversation_id` is the chat that is bound, with the code and that person's own face; on another phone it is bound
    anew, and the first one ends. A code is kept as a hash: `code_tries` counts faces that did not fit it.
    """

    __tablename__ = "facilitators"
    __table_args__ = (
        partial("uq_facilitators_nik", "nik_hash", where="ended_at IS NULL", unique=True),
        partial("uq_facilitators_code", "code_hash", where="code_hash IS NOT NULL", unique=True),
    )
    id: Mapped[int] = id_()
    nik_hash: Mapped[bytes]
    name: Mapped[str] = mapped_column(Sealed("facilitators.name"))
    role: Mapped[str] = mapped_column(String(12))
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    code_hash: Mapped[bytes | None]
    code_until: Mapped[datetime | None]
    code_tries: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    conversation_id: Mapped[int | None] = ref("conversations.id", nullable=True, index=True)
    person_id: Mapped[int | None] = ref("people.id", nullable=True)
    bound_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class FacilitatorRegion(Base):
    """A region in which a facilitator works."""

    __tablename__ = "facilitator_regions"
    facilitator_id: Mapped[int] = mapped_column(BigId, ForeignKey("facilitators.id"), primary_key=True)
    region_code: Mapped[str] = mapped_column(String(13), primary_key=True, index=True)


class CodeTry(Base):
    """A code that did not fit, in a chat: after some of them no code is looked at there for a while."""

    __tablename__ = "code_tries"
    id: Mapped[int] = id_()
    conversation_id: Mapped[int] = ref("conversations.id", index=True)
    at: Mapped[datetime]


class Delegation(Base):
    """A citizen lets a facilitator act for them: spoken assent to words of this `version`, and their own face.

    `acts`: names of `backend.domain.levels.Act`. The newest of a pair counts.
    """

    __tablename__ = "delegations"
    __table_args__ = (Index("ix_delegations_pair", "facilitator_id", "person_id", "id"),)
    id: Mapped[int] = id_()
    facilitator_id: Mapped[int] = ref("facilitators.id")
    person_id: Mapped[int] = ref("people.id", index=True)
    conversation_id: Mapped[int] = ref("conversations.id")
    acts: Mapped[Any] = mapped_column(JSON)
    version: Mapped[str] = mapped_column(String(20))
    assented_at: Mapped[datetime]
    since: Mapped[datetime]
    until: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Explanation(Base):
    """The receipt that a decision was read to its owner by a facilitator, and whether they understood it."""

    __tablename__ = "explanations"
    id: Mapped[int] = id_()
    decision_id: Mapped[int] = ref("decisions.id", index=True)
    person_id: Mapped[int] = ref("people.id", index=True)
    facilitator_id: Mapped[int] = ref("facilitators.id")
    understood: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime]
