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

BEFORE = sa.text("status IN ('received', 'in_review', 'need_more')")
OPEN = sa.text("status IN ('received', 'in_review', 'need_more', 'field_check')")


def upgrade() -> None:
    op.add_column("appeals", sa.Column("step_due_on", sa.Date(), nullable=True))
    op.add_column(
        "appeals", sa.Column("warned_for", sa.String(length=40), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("appeals", sa.Column("first_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_appeals_step_due_on", "appeals", ["step_due_on"])
    op.execute("UPDATE appeals SET step_due_on = due_on WHERE status IN ('received', 'in_review', 'need_more')")
    op.drop_index("uq_appeals_open", "appeals")
    op.create_index(
        "uq_appeals_open", "appeals", ["decision_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.add_column(
        "face_checks", sa.Column("purpose", sa.String(length=20), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("face_checks", sa.Column("appeal_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("face_checks", "appeal_id")
    op.drop_column("face_checks", "purpose")
    op.execute("UPDATE appeals SET status = 'in_review' WHERE status = 'field_check'")
    op.drop_index("uq_appeals_open", "appeals")
    op.create_index(
        "uq_appeals_open", "appeals", ["decision_id"], unique=True, sqlite_where=BEFORE, postgresql_where=BEFORE
    )
    op.drop_index("ix_appeals_step_due_on", "appeals")
    op.drop_column("appeals", "first_id")
    op.drop_column("appeals", "warned_for")
    op.drop_column("appeals", "step_due_on")
