"""the pace of sending, shared by all senders

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Unlogged: after a crash it starts empty, which is right for a clock, and no reservation waits for the disk.
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "pace",
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
        prefixes=unlogged,
    )


def downgrade() -> None:
    op.drop_table("pace")
