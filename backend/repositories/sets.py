"""Many rows in one statement: the hot path's INSERT, UPDATE and look-ups, a set at a time.

On PostgreSQL each column of the set travels as one array (`unnest`), so a batch is one statement with one plan, whatever its
size; SQLAlchemy's executemany sends one statement a row there, at five times the CPU. SQLite gets its own `executemany`, or
one INSERT of many VALUES where the new rows are asked back. Values go through the columns' types: sealed columns are sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    any_,
    bindparam,
)  # fmt: skip
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, TypeDecorator, TypeEngine

Convert = Callable[[Any], Any]
Rows = Sequence[Sequence[Any]]
MOST_VALUES = 30_000
"""Bound values of one SQLite statement; its limit is 32,766."""

_POSTGRES_TYPES: Sequence[tuple[type[TypeEngine[Any]], str]] = (
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (DateTime, "timestamptz"),
    (Date, "date"),
    (LargeBinary, "bytea"),
    (Boolean, "boolean"),
    (Float, "double precision"),
    (String, "varchar"),
)


def among(connection: AsyncConnection, column: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """`column` is one of `values`. On PostgreSQL they travel as one array, so the statement is the same for any number of
    them: prepared once, where an IN of 256 marks would be compiled and planned anew for each size."""
    if connection.dialect.name != "postgresql":
        return cast(ColumnElement[bool], column.in_(list(values)))
    return cast(ColumnElement[bool], column == any_(bindparam(None, list(values), type_=ARRAY(column.type))))


class InsertSet:
    """`INSERT` of rows of the columns `each`; the columns `same` have one value for all of them.

    `once`: a row that violates a unique index is passed over. `returning` names the column to give back of each row that
    was stored, in the order of the rows.
    """

    def __init__(
        self, table: Table, *, each: Sequence[str], same: Sequence[str] = (), once: bool = False, returning: str = ""
    ) -> None:
        self._table = table
        self._each = [table.c[name] for name in each]
        self._same = [table.c[name] for name in same]
        conflict = " ON CONFLICT DO NOTHING" if once else ""
        self._tail = conflict + (f" RETURNING {returning}" if returning else "")
        self._returning = returning
        self._converters: dict[str, list[Convert | None]] = {}
        names = ", ".join(column.name for column in (*self._each, *self._same))
        self._head = f"INSERT INTO {table.name} ({names})"
        arrays = ", ".join(f"${n}::{_postgres(column)}[]" for n, column in enumerate(self._each, 1))
        fields = [f"v{n}" for n in range(1, len(self._each) + 1)]
        alike = [f"${n}::{_postgres(c)}" for n, c in enumerate(self._same, len(self._each) + 1)]
        self._postgres = (
            f"{self._head} SELECT {', '.join((*fields, *alike))}"  # noqa: S608 - names of our own tables
            f" FROM unnest({arrays}) AS v({', '.join(fields)}){self._tail}"
        )

    async def __call__(self, connection: AsyncConnection, rows: Rows, same: Sequence[Any] = ()) -> list[Any]:
        """Store `rows` (values in the order of `each`); what `returning` asks for, else nothing."""
        if not rows:
            return []
        converters = _converters(self._converters, connection.dialect, (*self._each, *self._same))
        count = len(self._each)
        alike = [_converted(value, convert) for value, convert in zip(same, converters[count:], strict=True)]
        if connection.dialect.name == "postgresql":
            result = await connection.exec_driver_sql(self._postgres, (*_columns(rows, converters[:count]), *alike))
            return list(result.scalars()) if self._returning else []
        values = [(*_row(row, converters[:count]), *alike) for row in rows]
        return await self._sqlite(connection, values)

    async def _sqlite(self, connection: AsyncConnection, values: Sequence[tuple[Any, ...]]) -> list[Any]:
        width = len(values[0])
        marks = f"({', '.join('?' * width)})"
        if not self._returning:
            await connection.exec_driver_sql(f"{self._head} VALUES {marks}{self._tail}", list(values))
            return []
        found: list[Any] = []
        most = MOST_VALUES // width
        for start in range(0, len(values), most):
            part = values[start : start + most]
            statement = f"{self._head} VALUES {', '.join([marks] * len(part))}{self._tail}"
            result = await connection.exec_driver_sql(statement, tuple(value for row in part for value in row))
            found.extend(result.scalars())
        return found


class UpdateSet:
    """`UPDATE` of many rows, each with values of its own: the columns `key` find a row, the columns `put` are written.

    `add` are numbers added to what stands there. `where` narrows it further, in SQL over the table's own columns.
    """

    def __init__(
        self, table: Table, *, key: Sequence[str], put: Sequence[str], add: Sequence[str] = (), where: str = ""
    ) -> None:
        self._columns = [table.c[name] for name in (*key, *put, *add)]
        self._converters: dict[str, list[Convert | None]] = {}
        fields = [f"v{n}" for n in range(1, len(self._columns) + 1)]
        arrays = ", ".join(f"${n}::{_postgres(column)}[]" for n, column in enumerate(self._columns, 1))
        keys, puts, adds = fields[: len(key)], fields[len(key) : len(key) + len(put)], fields[len(key) + len(put) :]
        narrower = f" AND {where}" if where else ""
        sets = [f"{name} = {field}" for name, field in zip(put, puts, strict=True)]
        sets += [f"{name} = t.{name} + {field}" for name, field in zip(add, adds, strict=True)]
        found = " AND ".join(f"t.{name} = {field}" for name, field in zip(key, keys, strict=True))
        self._postgres = (
            f"UPDATE {table.name} AS t SET {', '.join(sets)}"  # noqa: S608 - names of our own tables
            f" FROM unnest({arrays}) AS v({', '.join(fields)}) WHERE {found}{narrower}"
        )
        sets = [f"{name} = :{field}" for name, field in zip(put, puts, strict=True)]
        sets += [f"{name} = {name} + :{field}" for name, field in zip(add, adds, strict=True)]
        found = " AND ".join(f"{name} = :{field}" for name, field in zip(key, keys, strict=True))
        self._sqlite = f"UPDATE {table.name} SET {', '.join(sets)} WHERE {found}{narrower}"  # noqa: S608
        self._fields = fields

    async def __call__(self, connection: AsyncConnection, rows: Rows) -> None:
        """Write `rows`: values in the order key, put, add."""
        if not rows:
            return
        converters = _converters(self._converters, connection.dialect, self._columns)
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql(self._postgres, tuple(_columns(rows, converters)))
        else:
            values: list[Mapping[str, Any]] = [
                dict(zip(self._fields, _row(row, converters), strict=True)) for row in rows
            ]
            await connection.exec_driver_sql(self._sqlite, values)


def _postgres(column: Column[Any]) -> str:
    kind: Any = column.type
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    return next(name for known, name in _POSTGRES_TYPES if isinstance(kind, known))


def _converters(
    known: dict[str, list[Convert | None]], dialect: Dialect, columns: Sequence[Column[Any]]
) -> list[Convert | None]:
    """How the values of these columns reach this driver; None: as they are."""
    found = known.get(dialect.name)
    if found is None:
        found = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
        known[dialect.name] = found
    return found


def _converted(value: Any, convert: Convert | None) -> Any:
    return value if convert is None else convert(value)


def _row(row: Sequence[Any], converters: Sequence[Convert | None]) -> list[Any]:
    return [value if convert is None else convert(value) for value, convert in zip(row, converters, strict=True)]


def _columns(rows: Rows, converters: Sequence[Convert | None]) -> list[list[Any]]:
    """The rows turned: one list a column."""
    turned = zip(*rows, strict=True)
    return [
        list(column) if convert is None else [convert(value) for value in column]
        for column, convert in zip(turned, converters, strict=True)
    ]
