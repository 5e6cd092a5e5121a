"""What the tables have in common: moments with their offset, ids, references, indices over a part of the rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Date, DateTime, ForeignKey, Index, Integer, LargeBinary, Table, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer, "sqlite")


class Utc(TypeDecorator[datetime]):
    """A moment, always with its offset: SQLite forgets it, so it is given back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Utc, date: Date, bytes: LargeBinary, dict[str, Any]: JSON}  # noqa: RUF012


def table(model: type[Base]) -> Table:
    """The table of a model, for statements of SQLAlchemy Core."""
    return cast(Table, model.__table__)


def id_() -> Mapped[int]:
    return mapped_column(BigId, primary_key=True, autoincrement=True)


def ref(target: str, *, nullable: bool = False, index: bool = False) -> Mapped[Any]:
    return mapped_column(BigId, ForeignKey(target), nullable=nullable, index=index)


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))
