"""What other systems are told: happenings, who wants to hear of them, and how far each telling has come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, BigId, id_, partial, ref


class Event(Base):
    """Something that happened, written in the transaction that did it. Nothing personal is in it.

    `seq`: its place in the feed, given once its transaction is over; empty until then. `detail`: an outcome, a state, a
    purpose. `only_for`: the one subscription that is to hear of it (a test).
    """

    __tablename__ = "events"
    __table_args__ = (partial("ix_events_new", "id", where="seq IS NULL"),)
    id: Mapped[int] = id_()
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(index=True)
    region_code: Mapped[str] = mapped_column(String(13))
    person_id: Mapped[int | None] = mapped_column(BigId)
    registration_id: Mapped[int | None] = mapped_column(BigId)
    decision_id: Mapped[int | None] = mapped_column(BigId)
    appeal_id: Mapped[int | None] = mapped_column(BigId)
    detail: Mapped[str | None] = mapped_column(String(40))
    only_for: Mapped[int | None] = mapped_column(BigId)


class WebhookSubscription(Base):
    """An address that wants to hear of events. `status`: active, paused, deleted. Until `busy_until` one worker sends.

    `kinds` with commas between them, empty: all. `former_secret` signs too until `former_until`, after a rotation.
    """

    __tablename__ = "webhook_subscriptions"
    id: Mapped[int] = id_()
    key_id: Mapped[int] = mapped_column(BigId, index=True)
    region_code: Mapped[str] = mapped_column(String(13), default="")
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[str] = mapped_column(String(400), default="")
    status: Mapped[str] = mapped_column(String(12))
    secret: Mapped[str | None] = mapped_column(Sealed("webhook_subscriptions.secret"))
    former_secret: Mapped[str | None] = mapped_column(Sealed("webhook_subscriptions.former_secret"))
    former_until: Mapped[datetime | None]
    busy_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookDelivery(Base):
    """One event on its way to one subscription. `status`: waiting, delivered, dead, cancelled; `cause` of the last try.

    `next_at`: of one that failed, when it is tried again.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (partial("ix_webhook_deliveries_waiting", "subscription_id", "id", where="status = 'waiting'"),)
    id: Mapped[int] = id_()
    subscription_id: Mapped[int] = mapped_column(BigId, index=True)
    event_id: Mapped[int] = ref("events.id", index=True)
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    cause: Mapped[str | None] = mapped_column(String(80))
    next_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookAttempt(Base):
    """One try: what it was answered (`http_status`) or why it was not, and how long it took."""

    __tablename__ = "webhook_attempts"
    id: Mapped[int] = id_()
    delivery_id: Mapped[int] = ref("webhook_deliveries.id", index=True)
    at: Mapped[datetime]
    http_status: Mapped[int | None] = mapped_column(Integer)
    cause: Mapped[str | None] = mapped_column(String(80))
    milliseconds: Mapped[int] = mapped_column(Integer)
