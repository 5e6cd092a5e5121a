"""Parquet files are read by what reads Parquet, with the kinds of the columns, in row groups that were held one at a time."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.repositories.listing import Filters
from backend.services.exports import as_parquet, columns
from backend.services.parquet import as_parquet as written
from tests.api.world import drawn_meter, write_world


async def test_the_columns_keep_their_kinds(database: Database, tmp_path: Path, now: datetime) -> None:
    ring = crypto.ring()
    await write_world(database, PhotoStore(f"file:{tmp_path}", ring.seal, ring.open), now, drawn_meter())
    pieces = [piece async for piece in as_parquet(database, "decisions", Filters(), personal=True)]
    table = parquet.read_table(io.BytesIO(b"".join(pieces)))
    assert table.column_names == list(columns("decisions", personal=True))
    kinds = {field.name: field.type for field in table.schema}
    assert (kinds["id"], kinds["current"], kinds["outcome"]) == (pa.int64(), pa.bool_(), pa.string())
    assert (kinds["appeal_until"], kinds["decided_at"]) == (pa.date32(), pa.timestamp("us", tz="UTC"))
    rows = table.to_pylist()
    assert [row["outcome"] for row in rows] == ["not_eligible", "not_eligible", "eligible"]
    assert rows[0]["decided_at"] == now
    assert rows[0]["told_at"] is None
    assert rows[2]["nik"] == "3510164503870001"


async def test_what_was_written_is_handed_on_and_not_held() -> None:
    kinds: dict[str, type[Any]] = {"id": int, "name": str, "day": date, "at": datetime, "on": bool}

    async def pages() -> AsyncIterator[list[list[Any]]]:
        for page in range(25):
            yield [
                [page * 100 + n, f"=name {n}", date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC), None]
                for n in range(100)
            ]

    pieces = [piece async for piece in written(kinds, pages())]
    file = parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert file.num_row_groups == 3
    assert len([piece for piece in pieces if piece]) == 3
    assert file.read().column("id").to_pylist() == list(range(2500))


async def test_nothing_is_a_file_too() -> None:
    async def none() -> AsyncIterator[list[list[Any]]]:
        for page in list[list[list[Any]]]():
            yield page

    pieces = [piece async for piece in written({"id": int}, none())]
    assert parquet.read_table(io.BytesIO(b"".join(pieces))).num_rows == 0
