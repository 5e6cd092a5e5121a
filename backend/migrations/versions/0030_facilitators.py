"""facilitators, their regions, and the codes that did not fit

Revision ID: 0030
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.crypto import Sealed
from backend.models.base import BigId, Utc

revision = "0030"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "facilitators",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("nik_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", Sealed("facilitators.name"), nullable=False),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("code_until", Utc()),
        sa.Column("code_tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("conversation_id", BigId, sa.ForeignKey("conversations.id")),
        sa.Column("person_id", BigId, sa.ForeignKey("people.id")),
        sa.Column("bound_at", Utc()),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
    )
    op.create_index("ix_facilitators_conversation_id", "facilitators", ["conversation_id"])
    for name, column, where in (
        ("uq_facilitators_nik", "nik_hash", "ended_at IS NULL"),
        ("uq_facilitators_code", "code_hash", "code_hash IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "facilitators", [column], unique=True, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "facilitator_regions",
        sa.Column("facilitator_id", BigId, sa.ForeignKey("facilitators.id"), primary_key=True),
        sa.Column("region_code", sa.String(13), primary_key=True),
    )
    op.create_index("ix_facilitator_regions_region_code", "facilitator_regions", ["region_code"])
    op.create_table(
        "code_tries",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("conversation_id", BigId, sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("at", Utc(), nullable=False),
    )
    op.create_index("ix_code_tries_conversation_id", "code_tries", ["conversation_id"])


def downgrade() -> None:
    op.drop_table("code_tries")
    op.drop_table("facilitator_regions")
    op.drop_table("facilitators")
