"""What data owners know about people: rows of imports, and answers that are kept for a while."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.models import ImportRun, PkhRecord, Region, SourceRecord, table
from backend.repositories.sets import among

RECORDS, PKH, REGIONS, RUNS = map(table, (SourceRecord, PkhRecord, Region, ImportRun))
_S = RECORDS.c


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row of a file: `line` where it begins, `key` by which it is found, `digest` of its content."""

    line: int
    key: Any = field(repr=False)
    digest: bytes = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A row that is here already. `run_id`: the import that saw it last. `as_of`, where an older row must not come back."""

    digest: bytes | None
    run_id: int | None
    as_of: date | None = None


async def known(connection: AsyncConnection, kind: str, keys: Collection[Any]) -> dict[Any, Known]:
    """Those of these keys that are here, whatever brought them."""
    if kind == "regions":
        return {}
    if kind == "pkh":
        found = await connection.execute(
            select(PKH.c.nik_hash, PKH.c.digest, PKH.c.run_id).where(among(connection, PKH.c.nik_hash, keys))
        )
    else:
        found = await connection.execute(
            select(_S.nik_hash, _S.digest, _S.run_id).where(_S.owner == kind, among(connection, _S.nik_hash, keys))
        )
    return {bytes(row[0]): Known(None if row[1] is None else bytes(row[1]), row[2]) for row in found}


async def put(
    connection: AsyncConnection, database: Database, kind: str, rows: Sequence[Incoming], run_id: int, now: datetime
) -> None:
    """Store these rows; one that is here already is replaced."""
    if not rows:
        return
    if kind == "pkh":
        values = [
            {"nik_hash": r.key, "data": dict(r.data), "digest": r.digest, "run_id": run_id, "imported_at": now}
            for r in rows
        ]
        await _upsert(connection, database, PKH, ["nik_hash"], ["data", "digest", "run_id", "imported_at"], values)
        return
    values = [
        {
            "owner": kind, "nik_hash": r.key, "data": dict(r.data), "digest": r.digest, "as_of": r.as_of,
            "run_id": run_id, "consent_reference": "", "stored_at": now, "expires_at": None,
        }
        for r in rows
    ]  # fmt: skip
    changing = ["data", "digest", "as_of", "run_id", "consent_reference", "stored_at", "expires_at"]
    await _upsert(connection, database, RECORDS, ["owner", "nik_hash"], changing, values)


async def seen_again(connection: AsyncConnection, kind: str, keys: Collection[Any], run_id: int) -> None:
    """These rows say what they said before; this import has seen them."""
    if not keys:
        return
    if kind == "pkh":
        await connection.execute(update(PKH).where(among(connection, PKH.c.nik_hash, keys)).values(run_id=run_id))
    else:
        await connection.execute(
            update(RECORDS)
            .where(_S.owner == kind, among(connection, _S.nik_hash, keys))
            .values(run_id=run_id, expires_at=None)
        )


async def _upsert(
    connection: AsyncConnection,
    database: Database,
    of: Any,
    key: list[str],
    changing: Sequence[str],
    values: list[dict[str, Any]],
) -> None:
    statement = database.insert(of)
    statement = statement.on_conflict_do_update(
        index_elements=key, set_={name: statement.excluded[name] for name in changing}
    )
    await connection.execute(statement, values)


# --- what was asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """What an owner knows about a NIK, as of a day."""

    owner: str
    nik_hash: bytes = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    as_of: date
    stored_at: datetime
    consent_reference: str


async def held(
    connection: AsyncConnection,
    imported: Collection[str],
    asked: Collection[str],
    keys: Collection[bytes],
    now: datetime,
) -> list[Held]:
    """What is here about these NIKs: of the owners `imported` what files brought, of those `asked` answers that still
    hold. An answer belongs to the consent that it was given for: the caller looks at it."""
    found = await connection.execute(
        select(_S.owner, _S.nik_hash, _S.data, _S.as_of, _S.stored_at, _S.consent_reference).where(
            among(connection, _S.nik_hash, keys),
            or_(
                and_(_S.owner.in_(imported), _S.expires_at.is_(None)),
                and_(_S.owner.in_(asked), _S.expires_at > now),
            ),
        )
    )
    return [Held(row[0], bytes(row[1]), *row[2:]) for row in found]


async def keep(connection: AsyncConnection, database: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep answers (all columns but id) until they expire; a newer one replaces an older one."""
    changing = ["data", "digest", "as_of", "run_id", "consent_reference", "stored_at", "expires_at"]
    await _upsert(connection, database, RECORDS, ["owner", "nik_hash"], changing, [dict(row) for row in rows])


async def forget_expired(connection: AsyncConnection, now: datetime) -> None:
    """Answers whose time is over are nobody's business any more."""
    await connection.execute(delete(RECORDS).where(_S.expires_at <= now))


async def forget_kept(connection: AsyncConnection, keys: Collection[bytes]) -> None:
    """Answers about these NIKs that were kept for a while; what files brought stays."""
    if keys:
        await connection.execute(
            delete(RECORDS).where(among(connection, _S.nik_hash, keys), _S.expires_at.is_not(None))
        )


async def imported_owners(connection: AsyncConnection, owners: Iterable[str]) -> set[str]:
    """Those of these owners of whom at least one file was imported to its end."""
    found = await connection.execute(
        select(RUNS.c.kind).where(RUNS.c.kind.in_(set(owners)), RUNS.c.status == "done").distinct()
    )
    return set(found.scalars())


# --- regions -----------------------------------------------------------------------------------------------------------


async def region_names(connection: AsyncConnection, codes: Collection[str]) -> dict[str, str]:
    found = await connection.execute(select(REGIONS.c.code, REGIONS.c.name).where(REGIONS.c.code.in_(codes)))
    return {row.code: row.name for row in found}


async def put_regions(connection: AsyncConnection, database: Database, rows: Sequence[Incoming]) -> None:
    values = [{"code": row.key, "name": row.data["name"]} for row in rows]
    if values:
        await _upsert(connection, database, REGIONS, ["code"], ["name"], values)


# --- runs --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunRow:
    """An import as far as it has come."""

    id: int
    kind: str
    fingerprint: str
    status: str
    position: int
    line: int
    report_size: int
    added: int
    changed: int
    unchanged: int
    rejected: int
    actor: str
    started_at: datetime
    updated_at: datetime


async def running(connection: AsyncConnection, kind: str, fingerprint: str) -> RunRow | None:
    """The import of this very file that was begun and not ended."""
    found = await connection.execute(
        select(*RUNS.c).where(RUNS.c.kind == kind, RUNS.c.fingerprint == fingerprint, RUNS.c.status == "running")
    )
    row = found.first()
    return RunRow(*row) if row is not None else None


async def begin(connection: AsyncConnection, kind: str, fingerprint: str, actor: str, now: datetime) -> RunRow:
    values = {
        "kind": kind, "fingerprint": fingerprint, "status": "running", "position": 0, "line": 0, "report_size": 0,
        "added": 0, "changed": 0, "unchanged": 0, "rejected": 0, "actor": actor, "started_at": now, "updated_at": now,
    }  # fmt: skip
    added = await connection.execute(RUNS.insert().values(**values).returning(*RUNS.c))
    return RunRow(*added.one())


_ADVANCE = update(RUNS).where(RUNS.c.id == bindparam("row_id"), RUNS.c.position == bindparam("was_at"))


async def advance(connection: AsyncConnection, run: RunRow, values: Mapping[str, Any]) -> bool:
    """Note how far the import has come; False when somebody else has taken it further meanwhile."""
    done = await connection.execute(
        _ADVANCE.values(**values).where(RUNS.c.status == "running"), {"row_id": run.id, "was_at": run.position}
    )
    return done.rowcount == 1
