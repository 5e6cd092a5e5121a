"""Counts the SQL statements that a piece of work sends, whatever their batch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from backend.db import Database


@contextmanager
def sent_to(database: Database) -> Iterator[list[str]]:
    """The statements that are sent while the block runs, in their order, without their lists of values.

    An `executemany` is one a row, as PostgreSQL sees it; SQLite runs it without a way over a network, and there it is one.
    """
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not statement.startswith("BEGIN"):  # PostgreSQL's driver sends it itself
            statements.extend([_shape(statement)] * (len(values) if many and not database.is_sqlite else 1))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


def _shape(statement: str) -> str:
    return re.sub(r"(IN|VALUES) .*", r"\1", " ".join(statement.split()))
