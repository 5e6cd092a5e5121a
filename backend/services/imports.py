"""Imports of files: in batches, each one transaction together with the note how far it has come.

A batch that was committed is never read again, one that was not has left nothing: an import that is killed and started
again ends like one that was never disturbed. Rows that are here already with the same content stay as they are.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.repositories import audit, benefits, source_records
from backend.repositories.source_records import Incoming, RunRow
from backend.services import duplicates
from backend.services.benefits import begin_telling
from backend.services.clock import local_day
from backend.services.import_formats import FORMATS
from backend.services.import_reading import Batch, Reader, Rejected, fingerprint

BATCH = 2500
TWICE = "stands in this file a second time; the first one counts"
OLDER = "is older than what is known already"


class ImportRefused(Exception):
    """An import cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Counts:
    """Rows of a file by what became of them."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.added + self.changed + self.unchanged + self.rejected


@dataclass(slots=True)
class _Sorted:
    """A batch by what is to be done with it."""

    put: list[Incoming] = field(default_factory=list)
    same: list[Incoming] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    rejected: list[Rejected] = field(default_factory=list)


class Report:
    """The rows that are not taken, as CSV with line, column and reason. It grows only together with what is committed."""

    def __init__(self, path: Path, size: int) -> None:
        if size and (not path.exists() or path.stat().st_size < size):
            raise ImportRefused(
                f"{path} does not hold what the interrupted import has written: give its report, or --restart"
            )
        self._file = path.open("r+b" if size else "wb")
        self._file.truncate(size)
        self._file.seek(size)
        if not size:
            self._write([("line", "column", "reason")])

    def add(self, rejected: Sequence[Rejected]) -> int:
        """Write these rows down for good; the size of the file."""
        self._write([(str(row.line), row.column, row.reason) for row in sorted(rejected, key=lambda row: row.line)])
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def _write(self, rows: Sequence[tuple[str, str, str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode())


async def import_file(
    database: Database,
    kind: str,
    path: Path,
    report_path: Path,
    actor: str,
    clock: Callable[[], datetime],
    *,
    restart: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Import a file of a kind of `FORMATS`, or go on with it. Raises ImportRefused and BadFile.

    `progress` hears how many bytes of how many are done. `restart`: an interrupted import of this file is given up.
    """
    run = await _begun(database, kind, await asyncio.to_thread(fingerprint, path), actor, clock(), restart)
    today = local_day(clock())
    report = Report(report_path, run.report_size)
    try:
        with Reader(path, FORMATS[kind], today, run.position, run.line) as reader:
            batch = await asyncio.to_thread(reader.batch, BATCH)
            while True:
                # The next batch is read while this one is written.
                ahead = asyncio.create_task(asyncio.to_thread(reader.batch, BATCH))
                try:
                    run = await _write(database, run, batch, report, clock())
                finally:
                    following = await ahead
                if progress is not None:
                    progress(run.position, reader.size)
                if batch.at_end:
                    break
                batch = following
    finally:
        report.close()
    return await _end(database, run, clock())


async def _begun(database: Database, kind: str, content: str, actor: str, now: datetime, restart: bool) -> RunRow:
    async with database.write() as connection:
        run = await source_records.running(connection, kind, content)
        if run is not None and restart:
            await source_records.advance(connection, run, {"status": "given_up", "updated_at": now})
            run = None
        if run is None:
            run = await source_records.begin(connection, kind, content, actor, now)
            await audit.note(connection, [audit.Act(now, actor, "import.begun", f"import:{run.id}", {"kind": kind})])
        return run


async def _write(database: Database, run: RunRow, batch: Batch, report: Report, now: datetime) -> RunRow:
    async with database.write() as connection:
        done = await _sort(connection, run.kind, batch, run.id)
        if run.kind == "regions":
            await source_records.put_regions(connection, database, done.put)
        else:
            into = benefits if run.kind in benefits.KINDS else source_records
            await into.put(connection, database, run.kind, done.put, run.id, now)
            if run.kind == "pkh":
                accounts = {row.key: row.data["account"] for row in [*done.put, *done.same]}
                await duplicates.recipients(connection, database, accounts, now)
            await into.seen_again(connection, run.kind, [row.key for row in done.same], run.id)
        values: dict[str, Any] = {
            "position": batch.position,
            "line": batch.line,
            "report_size": await asyncio.to_thread(report.add, done.rejected),
            "added": run.added + done.counts.added,
            "changed": run.changed + done.counts.changed,
            "unchanged": run.unchanged + done.counts.unchanged,
            "rejected": run.rejected + done.counts.rejected,
            "updated_at": now,
        }
        if not await source_records.advance(connection, run, values):
            raise ImportRefused("another process is importing this very file")
    return replace(run, **values)


async def _end(database: Database, run: RunRow, now: datetime) -> Counts:
    counts = Counts(run.added, run.changed, run.unchanged, run.rejected)
    told = {"kind": run.kind, "added": run.added, "changed": run.changed, "rejected": run.rejected}
    async with database.write() as connection:
        if not await source_records.advance(connection, run, {"status": "done", "updated_at": now}):
            raise ImportRefused("another process is importing this very file")
        await audit.note(connection, [audit.Act(now, run.actor, "import.done", f"import:{run.id}", told)])
        if run.kind in benefits.KINDS and run.added + run.changed:
            await begin_telling(connection, run, now)
    return counts


async def _sort(connection: AsyncConnection, kind: str, batch: Batch, run_id: int) -> _Sorted:
    """What is new, changed, the same, or stands in the file a second time."""
    done = _Sorted(rejected=list(batch.rejected))
    first: dict[Any, Incoming] = {}
    for row in batch.rows:
        if first.setdefault(row.key, row) is not row:
            done.rejected.append(Rejected(row.line, FORMATS[kind].key, TWICE))
    if kind == "regions":
        await _sort_regions(connection, done, first)
    else:
        into = benefits if kind in benefits.KINDS else source_records
        known = await into.known(connection, kind, list(first))
        for row in first.values():
            old = known.get(row.key)
            if old is not None and old.run_id == run_id:
                done.rejected.append(Rejected(row.line, FORMATS[kind].key, TWICE))
            elif old is not None and old.digest == row.digest:
                done.same.append(row)
            elif old is not None and old.as_of is not None and row.as_of is not None and row.as_of < old.as_of:
                done.rejected.append(Rejected(row.line, "as_of", OLDER))
            else:
                done.put.append(row)
                done.counts.added += old is None
                done.counts.changed += old is not None
    done.counts.unchanged = len(done.same)
    done.counts.rejected = len(done.rejected)
    return done


async def _sort_regions(connection: AsyncConnection, done: _Sorted, first: dict[Any, Incoming]) -> None:
    names = await source_records.region_names(connection, list(first))
    for row in first.values():
        if names.get(row.key) == row.data["name"]:
            done.same.append(row)
            continue
        done.put.append(row)
        done.counts.added += row.key not in names
        done.counts.changed += row.key in names


async def try_out(
    database: Database,
    kind: str,
    path: Path,
    report_path: Path,
    today: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """What an import would do, with the same report; nothing is stored. Raises BadFile."""
    counts = Counts()
    seen: set[Any] = set()
    report = Report(report_path, 0)
    try:
        with Reader(path, FORMATS[kind], local_day(today)) as reader:
            batch = Batch()
            while not batch.at_end:
                batch = await asyncio.to_thread(reader.batch, BATCH)
                async with database.read() as connection:
                    await _try_batch(connection, kind, batch, seen, counts, report)
                if progress is not None:
                    progress(batch.position, reader.size)
    finally:
        report.close()
    return counts


async def _try_batch(
    connection: AsyncConnection, kind: str, batch: Batch, seen: set[Any], counts: Counts, report: Report
) -> None:
    again = [row for row in batch.rows if row.key in seen]
    batch.rejected.extend(Rejected(row.line, FORMATS[kind].key, TWICE) for row in again)
    batch.rows = [row for row in batch.rows if row.key not in seen]
    seen.update(row.key for row in batch.rows)
    done = await _sort(connection, kind, batch, -1)
    counts.added += done.counts.added
    counts.changed += done.counts.changed
    counts.unchanged += done.counts.unchanged
    counts.rejected += done.counts.rejected
    await asyncio.to_thread(report.add, done.rejected)
