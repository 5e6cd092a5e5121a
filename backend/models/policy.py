"""Rule sets that people proposed and activated."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.models.base import Base, id_, partial


class RuleSetVersion(Base):
    """One version of a rule set with its whole content (`backend.policy.rulesets.content_of`); never changed.

    It decides from `starts_on` once a second person has activated it. `withdrawn_at`: the proposal was taken back.
    """

    __tablename__ = "rule_set_versions"
    __table_args__ = (
        CheckConstraint("activated_by <> proposed_by", name="ck_rule_set_versions_four_eyes"),
        partial("uq_rule_set_versions_living", "rule_set", "version", where="withdrawn_at IS NULL", unique=True),
    )
    id: Mapped[int] = id_()
    rule_set: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    content: Mapped[Any] = mapped_column(JSON)
    starts_on: Mapped[date]
    proposed_by: Mapped[str] = mapped_column(String(80))
    proposed_at: Mapped[datetime]
    activated_by: Mapped[str | None] = mapped_column(String(80))
    activated_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(80))
    withdrawn_at: Mapped[datetime | None]
