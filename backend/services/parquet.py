"""Rows as Parquet, a row group at a time. Importing this loads 50 MB of library: done only where somebody asks for it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from pyarrow import parquet

PAGES_A_GROUP = 10
"""Pages in one row group: few enough to hold, and enough that columns are worth compressing."""
_TYPES: Mapping[type[Any], pa.DataType] = {
    int: pa.int64(),
    str: pa.string(),
    bool: pa.bool_(),
    date: pa.date32(),
    datetime: pa.timestamp("us", tz="UTC"),
}


class _Sink(io.RawIOBase):
    """Where the writer writes to: what has come is handed on and forgotten."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


async def as_parquet(
    columns: Mapping[str, type[Any]], pages: AsyncIterator[Sequence[Sequence[Any]]]
) -> AsyncIterator[bytes]:
    """The file in pieces. Moments are in UTC; what is empty is null."""
    sink, schema = _Sink(), pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])
    writer = parquet.ParquetWriter(sink, schema, compression="snappy")
    try:
        group: list[Sequence[Any]] = []
        count = 0
        async for page in pages:
            group += page
            count += 1
            if count % PAGES_A_GROUP == 0:
                await asyncio.to_thread(_write, writer, schema, group)
                group = []
                yield sink.take()
        if group:
            await asyncio.to_thread(_write, writer, schema, group)
    finally:
        writer.close()
    yield sink.take()


def _write(writer: parquet.ParquetWriter, schema: pa.Schema, group: Sequence[Sequence[Any]]) -> None:
    turned = list(zip(*group, strict=True))
    arrays = [pa.array(values, of.type) for values, of in zip(turned, schema, strict=True)]
    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
