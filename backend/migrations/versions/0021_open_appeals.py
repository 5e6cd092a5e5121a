"""one open appeal a decision, the check on the spot among the open states; indices built beside those who write

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = sa.text("status IN ('received', 'in_review', 'need_more')")
OPEN = sa.text("status IN ('received', 'in_review', 'need_more', 'field_check')")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            # What a build that was broken off has left is not valid. The old index goes last: one always holds.
            for name in ("uq_appeals_one_open", "ix_appeals_step_due_on"):
                op.drop_index(name, "appeals", postgresql_concurrently=True, if_exists=True)
            op.create_index(
                "uq_appeals_one_open",
                "appeals",
                ["decision_id"],
                unique=True,
                postgresql_where=OPEN,
                postgresql_concurrently=True,
            )
            op.create_index("ix_appeals_step_due_on", "appeals", ["step_due_on"], postgresql_concurrently=True)
            op.drop_index("uq_appeals_open", "appeals", postgresql_concurrently=True, if_exists=True)
    else:
        op.create_index("uq_appeals_one_open", "appeals", ["decision_id"], unique=True, sqlite_where=OPEN)
        op.create_index("ix_appeals_step_due_on", "appeals", ["step_due_on"], if_not_exists=True)
        op.drop_index("uq_appeals_open", "appeals")


def downgrade() -> None:
    op.execute("UPDATE appeals SET status = 'in_review' WHERE status = 'field_check'")
    op.create_index(
        "uq_appeals_open", "appeals", ["decision_id"], unique=True, sqlite_where=BEFORE, postgresql_where=BEFORE
    )
    op.drop_index("ix_appeals_step_due_on", "appeals")
    op.drop_index("uq_appeals_one_open", "appeals")
