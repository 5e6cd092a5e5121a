"""Alembic's environment: called by `backend.migrate`, which hands over an open connection."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import LargeBinary

from backend.crypto import Sealed
from backend.migrate import comparable
from backend.models import Base, Utc


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Sealed columns and moments as plain types: a migration must not change when the code around it does."""
    if kind == "type" and isinstance(item, Sealed):
        return "sa.LargeBinary()"
    if kind == "type" and isinstance(item, Utc):
        return "sa.DateTime(timezone=True)"
    return False


def compare_type(_context: Any, _inspected: Any, _meta: Any, inspected_type: Any, metadata_type: Any) -> bool | None:
    """A sealed column is bytes to the database."""
    return not isinstance(inspected_type, LargeBinary) if isinstance(metadata_type, Sealed) else None


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=compare_type,
    include_object=comparable(context.config.attributes["connection"]),
    transaction_per_migration=context.config.attributes["connection"].dialect.name == "postgresql",
)
with context.begin_transaction():
    context.run_migrations()
