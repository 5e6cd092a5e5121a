"""the index of a run's decisions, built beside those who write decisions

Revision ID: 0004
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0012"
branch_labels = None
depends_on = None

OF_A_RUN = sa.text("run_id IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            # What a build that was broken off has left is not valid.
            op.drop_index("ix_decisions_run", "decisions", postgresql_concurrently=True, if_exists=True)
            op.create_index(
                "ix_decisions_run",
                "decisions",
                ["run_id", "id"],
                postgresql_where=OF_A_RUN,
                postgresql_concurrently=True,
            )
    else:
        op.create_index("ix_decisions_run", "decisions", ["run_id", "id"], sqlite_where=OF_A_RUN)


def downgrade() -> None:
    op.drop_index("ix_decisions_run", "decisions")
