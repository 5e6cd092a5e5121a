"""A CSV file in batches, each ending at a row's end, so that reading can go on there after a crash."""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from backend import crypto
from backend.repositories import benefits, people
from backend.repositories.source_records import Incoming
from backend.services.import_formats import BadRow, Format

LONGEST_ROW = 10_000


class BadFile(ValueError):
    """A file that cannot be read at all; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not taken. No value of it is kept."""

    line: int
    column: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Some rows, those that are not taken, and where in the file they end (in bytes and lines). `at_end`: the last one."""

    rows: list[Incoming] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    position: int = 0
    line: int = 0
    at_end: bool = False


class Reader:
    """A file of one format. `position` and `line`: where to begin, as a `Batch` said it ended; 0 is the first row."""

    def __init__(self, path: Path, layout: Format, today: date, position: int = 0, line: int = 0) -> None:
        self._layout, self._today = layout, today
        self._file: BinaryIO = path.open("rb")
        self.size = path.stat().st_size
        try:
            header, self._delimiter = _header(self._file.readline(LONGEST_ROW), layout)
        except BadFile:
            self._file.close()
            raise
        self._header = header
        self._position, self._line = self._file.tell(), 1
        if position:
            self._file.seek(position)
            self._position, self._line = position, line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def batch(self, most: int) -> Batch:
        """The next lines of the file."""
        batch = Batch()
        for _ in range(most):
            raw = self._file.readline(LONGEST_ROW)
            if not raw:
                batch.at_end = True
                break
            self._position += len(raw)
            self._line += 1
            if len(raw) == LONGEST_ROW and not raw.endswith(b"\n"):
                batch.rejected.append(Rejected(self._line, "", f"is longer than {LONGEST_ROW} bytes"))
                self._skip_rest()
                continue
            # Line by line: a quotation mark that is never closed costs its own row, not all that follow.
            try:
                cells = next(csv.reader([raw.decode("utf-8").strip("\r\n")], delimiter=self._delimiter), [])
            except UnicodeDecodeError:
                batch.rejected.append(Rejected(self._line, "", "is not written in UTF-8"))
            except csv.Error:
                batch.rejected.append(Rejected(self._line, "", "cannot be read as a row"))
            else:
                self._take(batch, self._line, cells)
        batch.position, batch.line = self._position, self._line
        return batch

    def _skip_rest(self) -> None:
        while (raw := self._file.readline(LONGEST_ROW)) and not raw.endswith(b"\n"):
            self._position += len(raw)
        self._position += len(raw)

    def _take(self, batch: Batch, line: int, cells: list[str]) -> None:
        if not any(cells):
            return
        if len(cells) != len(self._header):
            told = f"{len(cells)} columns instead of {len(self._header)}"
            batch.rejected.append(Rejected(line, "", told))
            return
        try:
            values = self._layout.read(dict(zip(self._header, cells, strict=True)), self._today)
        except BadRow as bad:
            batch.rejected.append(Rejected(line, bad.column, bad.reason))
            return
        batch.rows.append(_incoming(self._layout, line, values))


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file: an interrupted import goes on only with the very same one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(line: bytes, layout: Format) -> tuple[list[str], str]:
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise BadFile("the file is not written in UTF-8: save it as CSV UTF-8") from None
    delimiter = max(",;\t", key=text.count)
    header = [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter), [])]
    missing = layout.missing(header)
    if missing:
        raise BadFile(f"the first line lacks the columns {', '.join(missing)}")
    if len(set(header)) != len(header):
        raise BadFile("the first line names a column twice")
    return header, delimiter


def _incoming(layout: Format, line: int, values: dict[str, Any]) -> Incoming:
    kind = layout.kind
    if kind == "regions":
        return Incoming(line, values["code"], b"", values)
    nik = values.pop("nik")
    data = {**layout.empty, **values}
    as_of = data.pop("as_of", None)
    digest = crypto.ring().index(f"import:{kind}", orjson.dumps([data, as_of], option=orjson.OPT_SORT_KEYS).decode())
    key = people.nik_hash(nik)
    return Incoming(line, (key, data.get("period", "")) if kind in benefits.KINDS else key, digest, data, as_of)
