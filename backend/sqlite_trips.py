"""SQLite with one trip a statement to the thread of its connection.

SQLAlchemy's adapter over aiosqlite makes four: for a cursor, to execute, to fetch, to close. Each waits for the interpreter to
change threads and back, which takes longer than the statement. A cursor can be made and closed on any thread as long as only
one works with the connection at a time, and the adapter sees to that.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor
from sqlalchemy.engine import Engine


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()
    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return connection._conn.cursor()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        async with self._adapt_connection._execute_mutex:
            self._rows = await self._trip(_executed, self._cursor, operation, parameters or ())

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        async with self._adapt_connection._execute_mutex:
            await self._trip(self._cursor.executemany, operation, seq_of_parameters)

    async def _trip(self, work: Any, *arguments: Any) -> Any:
        driver: Any = self._connection
        return await driver._execute(work, *arguments)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


def _executed(cursor: sqlite3.Cursor, operation: str, parameters: Any) -> deque[Any]:
    """On the connection's thread: run it, and bring every row at once."""
    cursor.execute(operation, parameters)
    return deque(cursor.fetchall() if cursor.description else ())


def one_trip(engine: Engine) -> None:
    """Connections of this engine get by with one trip a statement."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> _Connection:
        usual = dialect.connect(*arguments, **options)
        return _Connection(usual.dbapi, usual._connection)
