"""messages by the month, traces, status changes that touch no index

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_OPEN = {"outbox": "status IN ('queued', 'sending')", "jobs": "status IN ('queued', 'running')"}
KEYS = {"inbox": "received_at", "outbox": "created_at"}
COLUMNS = {
    "inbox": (
        "id", "channel", "provider_id", "conversation_id", "event", "message_ref", "received_at", "handled_at", "attempts",
        "error",
    ),
    "outbox": (
        "id", "conversation_id", "kind", "keys", "body", "status", "attempts", "not_before", "claimed_at", "provider_id",
        "error", "created_at", "sent_at",
    ),
}  # fmt: skip


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name in ("inbox", "outbox"):
        _drop_indexes(name)
        if postgresql:
            _partition(name)
        else:
            _rebuild(name, new=True)
    _new_indexes()
    with op.batch_alter_table("jobs") as batch:
        batch.drop_index("ix_jobs_open")
        batch.add_column(sa.Column("trace", sa.String(16), nullable=False, server_default=""))
        batch.add_column(sa.Column("open", sa.Boolean(), sa.Computed(IS_OPEN["jobs"], persisted=True), nullable=False))
    _partial("ix_jobs_open", "jobs", ["id"], "open", "open = 1")
    if postgresql:
        # Room on the page for the next version of a row: an update that changes no indexed column then stays off the
        # indexes. Dead versions of these few, often changed rows are cleared before the tables grow with them.
        op.execute("ALTER TABLE conversations SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)")
        op.execute("ALTER TABLE jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name in ("outbox", "inbox"):
        _drop_indexes(name)
        _rebuild(name, new=False)
    _old_indexes()
    op.drop_index("ix_jobs_open", "jobs")
    with op.batch_alter_table("jobs") as batch:
        batch.drop_column("open")
        batch.drop_column("trace")
    _partial("ix_jobs_open", "jobs", ["id"], IS_OPEN["jobs"], IS_OPEN["jobs"])
    if postgresql:
        op.execute("ALTER TABLE conversations RESET (fillfactor, autovacuum_vacuum_scale_factor)")
        op.execute("ALTER TABLE jobs RESET (fillfactor, autovacuum_vacuum_scale_factor)")


def _partition(name: str) -> None:
    """PostgreSQL: the table becomes one of partitions. All rows lie in the rest at first; `perlinsos migrate` makes the
    months afterwards and moves them there."""
    columns, key = ", ".join(COLUMNS[name]), KEYS[name]
    op.execute(f"ALTER SEQUENCE {name}_id_seq OWNED BY NONE")
    op.execute(f"ALTER TABLE {name} RENAME TO {name}_before")
    op.execute(f"CREATE TABLE {name} (LIKE {name}_before INCLUDING DEFAULTS) PARTITION BY RANGE ({key})")
    op.add_column(name, sa.Column("trace", sa.String(16), nullable=False, server_default=""))
    if name in IS_OPEN:
        op.add_column(name, sa.Column("open", sa.Boolean(), sa.Computed(IS_OPEN[name], persisted=True), nullable=False))
    op.execute(f"CREATE TABLE {name}_rest PARTITION OF {name} DEFAULT")
    op.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name}_before")  # noqa: S608 - our own names
    op.execute(f"DROP TABLE {name}_before")
    op.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (id, {key})")
    op.execute(f"ALTER SEQUENCE {name}_id_seq OWNED BY {name}.id")
    if name == "inbox":
        # Unique within each partition: an index of the whole table would have to contain `received_at`.
        op.execute("CREATE UNIQUE INDEX uq_inbox_rest ON inbox_rest (channel, provider_id)")


def _rebuild(name: str, *, new: bool) -> None:
    """A plain table with the rows of the old one: new on SQLite, as it was on both."""
    columns = ", ".join(COLUMNS[name])
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(f"ALTER SEQUENCE {name}_id_seq OWNED BY NONE")
        op.execute(f"ALTER SEQUENCE {name}_id_seq RENAME TO {name}_id_before")
    op.create_table(f"{name}_other", *(_inbox(new) if name == "inbox" else _outbox(new)))
    op.execute(f"INSERT INTO {name}_other ({columns}) SELECT {columns} FROM {name} ORDER BY id")  # noqa: S608 - our own names
    op.drop_table(name)
    op.rename_table(f"{name}_other", name)
    if postgresql:
        op.execute(f"DROP SEQUENCE {name}_id_before")
        op.execute(f"ALTER SEQUENCE {name}_other_id_seq RENAME TO {name}_id_seq")
        op.execute(f"SELECT setval('{name}_id_seq', greatest((SELECT max(id) FROM {name}), 1))")  # noqa: S608
        op.execute(f"ALTER INDEX {name}_other_pkey RENAME TO {name}_pkey")


def _inbox(new: bool) -> list[sa.Column[Any] | sa.Constraint]:
    added: list[sa.Column[Any]] = [sa.Column("trace", sa.String(16), nullable=False, server_default="")] if new else []
    links = [] if new else [sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"])]
    return [
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("provider_id", sa.String(100), nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("message_ref", sa.String(64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.String(300), nullable=True),
        *added,
        *links,
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "provider_id"),
    ]


def _outbox(new: bool) -> list[sa.Column[Any] | sa.Constraint]:
    added: list[sa.Column[Any]] = [
        sa.Column("trace", sa.String(16), nullable=False, server_default=""),
        sa.Column("open", sa.Boolean(), sa.Computed(IS_OPEN["outbox"], persisted=True), nullable=False),
    ]
    links = [] if new else [sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"])]
    return [
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("conversation_id", BIG, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("keys", sa.String(300), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(100), nullable=True),
        sa.Column("error", sa.String(300), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        *(added if new else []),
        *links,
        sa.PrimaryKeyConstraint("id"),
    ]


def _drop_indexes(name: str) -> None:
    op.drop_index(f"ix_{name}_conversation", name)
    op.drop_index("ix_inbox_pending" if name == "inbox" else "ix_outbox_open", name)
    if name == "outbox":
        op.drop_index("ix_outbox_provider", name)


def _new_indexes() -> None:
    _common_indexes()
    _partial("ix_outbox_open", "outbox", ["conversation_id", "id"], "open", "open = 1")


def _old_indexes() -> None:
    _common_indexes()
    _partial("ix_outbox_open", "outbox", ["conversation_id", "id"], IS_OPEN["outbox"], IS_OPEN["outbox"])


def _common_indexes() -> None:
    pending, known = "handled_at IS NULL", "provider_id IS NOT NULL"
    op.create_index("ix_inbox_conversation", "inbox", ["conversation_id", "id"])
    _partial("ix_inbox_pending", "inbox", ["conversation_id", "id"], pending, pending)
    op.create_index("ix_outbox_conversation", "outbox", ["conversation_id", "id"])
    _partial("ix_outbox_provider", "outbox", ["provider_id"], known, known)


def _partial(name: str, table: str, columns: list[str], postgresql: str, sqlite: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(postgresql), sqlite_where=sa.text(sqlite))
