"""broadcasts, and who gets them

Revision ID: 0036
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.base import BigId, Utc

revision = "0036"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("template", sa.String(20), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("region_code", sa.String(13), nullable=False, server_default=sa.text("''")),
        sa.Column("outcome", sa.String(20), nullable=False, server_default=sa.text("''")),
        sa.Column("channel", sa.String(20), nullable=False, server_default=sa.text("''")),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("without_chat", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("approved_by", sa.String(80)),
        sa.Column("not_before", Utc()),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
    )
    op.create_index("ix_broadcasts_status", "broadcasts", ["status"])
    op.create_table(
        "broadcast_recipients",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("broadcast_id", BigId, sa.ForeignKey("broadcasts.id"), nullable=False),
        sa.Column("person_id", BigId, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("conversation_id", BigId, sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("registration_id", BigId, sa.ForeignKey("registrations.id"), nullable=False),
        sa.Column("zone", sa.String(4), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False, server_default=sa.text("''")),
        sa.Column("outbox_id", BigId),
        sa.Column("queued_at", Utc()),
        sa.UniqueConstraint("broadcast_id", "person_id"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_broadcast_recipients_waiting", "broadcast_recipients", ["broadcast_id", "zone", "id"],
        sqlite_where=waiting, postgresql_where=waiting,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("broadcast_recipients")
    op.drop_table("broadcasts")
