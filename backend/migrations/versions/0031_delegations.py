"""delegations, receipts of explained results, and consents by case

Revision ID: 0031
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.models.base import BigId, Utc

revision = "0031"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consents", sa.Column("case_key", sa.String(12), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "delegations",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("facilitator_id", BigId, sa.ForeignKey("facilitators.id"), nullable=False),
        sa.Column("person_id", BigId, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("conversation_id", BigId, sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("assented_at", Utc(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("withdrawn_at", Utc()),
    )
    op.create_index("ix_delegations_pair", "delegations", ["facilitator_id", "person_id", "id"])
    op.create_index("ix_delegations_person_id", "delegations", ["person_id"])
    op.create_table(
        "explanations",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("decision_id", BigId, sa.ForeignKey("decisions.id"), nullable=False),
        sa.Column("person_id", BigId, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("facilitator_id", BigId, sa.ForeignKey("facilitators.id"), nullable=False),
        sa.Column("understood", sa.Boolean(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
    )
    op.create_index("ix_explanations_decision_id", "explanations", ["decision_id"])
    op.create_index("ix_explanations_person_id", "explanations", ["person_id"])


def downgrade() -> None:
    op.drop_table("explanations")
    op.drop_table("delegations")
    op.drop_column("consents", "case_key")
