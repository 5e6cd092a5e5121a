"""states of appeals with their deadlines, and face checks that serve one appeal

Revision ID: 0013
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appeals", sa.Column("step_due_on", sa.Date(), nullable=True))
    op.add_column(
        "appeals", sa.Column("warned_for", sa.String(length=40), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("appeals", sa.Column("first_id", sa.BigInteger(), nullable=True))
    op.execute("UPDATE appeals SET step_due_on = due_on WHERE status IN ('received', 'in_review', 'need_more')")
    op.add_column(
        "face_checks", sa.Column("purpose", sa.String(length=20), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("face_checks", sa.Column("appeal_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("face_checks", "appeal_id")
    op.drop_column("face_checks", "purpose")
    op.drop_column("appeals", "first_id")
    op.drop_column("appeals", "warned_for")
    op.drop_column("appeals", "step_due_on")
