"""What the API keeps about its callers' requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.crypto import Sealed
from backend.models.base import Base, BigId, id_


class IdempotencyKey(Base):
    """A request that its caller gave a name. Without `answer` it is under way since `claimed_at`.

    Name and request are kept as keyed hashes: a caller may have put anything into them.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("key_id", "name_hash"),)
    id: Mapped[int] = id_()
    key_id: Mapped[int] = mapped_column(BigId)
    name_hash: Mapped[bytes]
    request_hash: Mapped[bytes]
    claimed_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[Any] = mapped_column(Sealed("idempotency_keys.answer"), nullable=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
