"""review cases of what looks like one person twice, and the accounts by which they are found

Revision ID: 0023
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0030"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "account_marks",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("account_hash", sa.LargeBinary(), nullable=False),
        sa.Column("registration_id", BIG_ID, nullable=True),
        sa.Column("nik_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["registration_id"], ["registrations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("registration_id"),
        sa.UniqueConstraint("nik_hash"),
    )
    op.create_index("ix_account_marks_account_hash", "account_marks", ["account_hash"])
    op.create_table(
        "review_cases",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_review_cases_key_hash", "review_cases", ["key_hash"])
    op.create_index(
        "uq_review_cases_open", "review_cases", ["key_hash"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_table(
        "review_members",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("case_id", BIG_ID, nullable=False),
        sa.Column("registration_id", BIG_ID, nullable=True),
        sa.Column("recipient_id", sa.BigInteger(), nullable=True),
        sa.Column("conversation_id", BIG_ID, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["review_cases.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.ForeignKeyConstraint(["registration_id"], ["registrations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "conversation_id"),
        sa.UniqueConstraint("case_id", "recipient_id"),
        sa.UniqueConstraint("case_id", "registration_id"),
    )
    op.create_index("ix_review_members_registration_id", "review_members", ["registration_id"])


def downgrade() -> None:
    op.drop_table("review_members")
    op.drop_table("review_cases")
    op.drop_table("account_marks")
