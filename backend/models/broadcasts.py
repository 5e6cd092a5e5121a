"""What is sent to many at once, and to whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.models.base import Base, BigId, id_, partial, ref


class Broadcast(Base):
    """One text for many. `template`, `status`: see `backend.domain.broadcasts`; `region_code` and `outcome` "": any.

    `without_chat`: people of the audience who have none that could be written to, counted when the list was frozen.
    """

    __tablename__ = "broadcasts"
    id: Mapped[int] = id_()
    name: Mapped[str] = mapped_column(String(120))
    template: Mapped[str] = mapped_column(String(20))
    params: Mapped[Any] = mapped_column(JSON)
    region_code: Mapped[str] = mapped_column(String(13), default="", server_default=text("''"))
    outcome: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    channel: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    status: Mapped[str] = mapped_column(String(12), index=True)
    total: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    without_chat: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    created_by: Mapped[str] = mapped_column(String(80))
    approved_by: Mapped[str | None] = mapped_column(String(80))
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BroadcastRecipient(Base):
    """One person of a frozen list, once. `state`: waiting, queued (its message is `outbox_id` of `queued_at`), passed over
    for `reason`. `zone` is where the person lives: WIB, WITA, WIT."""

    __tablename__ = "broadcast_recipients"
    __table_args__ = (
        UniqueConstraint("broadcast_id", "person_id"),
        partial("ix_broadcast_recipients_waiting", "broadcast_id", "zone", "id", where="state = 'waiting'"),
    )
    id: Mapped[int] = id_()
    broadcast_id: Mapped[int] = ref("broadcasts.id")
    person_id: Mapped[int] = ref("people.id")
    conversation_id: Mapped[int] = ref("conversations.id")
    registration_id: Mapped[int] = ref("registrations.id")
    zone: Mapped[str] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    outbox_id: Mapped[int | None] = mapped_column(BigId)
    queued_at: Mapped[datetime | None]
