"""What is known about people, from whoever knows it: files that were imported, answers that still hold, the owner itself.

Which owners are read from files is a setting: a region without a connection can decide by what it was sent. Everybody else is
asked over HTTP. Where one of them is silent, what the others said is kept for a while, so that they are not asked again each
time that the silent one is; nothing is kept of anybody whose decision is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from backend import crypto
from backend.db import Database
from backend.gateways import ikd
from backend.gateways.ikd import IkdGateway
from backend.gateways.sources import OWNERS, Answers, Datum, SourcesGateway
from backend.repositories import source_records
from backend.repositories.source_records import Held
from backend.services.clock import local_day

AT_ONCE = 16
DUKCAPIL, IKD = "dukcapil", "ikd"
ALL = frozenset({*OWNERS, DUKCAPIL})
_IMPORTED = {"from": "import"}


@dataclass(frozen=True, slots=True)
class Question:
    """About whom is asked, and by which consent. `anew`: what was said before does not count, after an appeal."""

    nik: str = field(repr=False)
    nik_hash: bytes = field(repr=False)
    kk: str = field(repr=False)
    region_code: str
    consent_reference: str
    consented_at: datetime
    transaction_id: str
    anew: bool


@dataclass(slots=True)
class Known:
    """What is known. `origins` says of each owner how we know it, since when, and by which consent; it holds no datum."""

    data: list[Datum] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    origins: dict[str, dict[str, str]] = field(default_factory=dict)
    fresh: dict[str, Any] = field(default_factory=dict, repr=False)


class Sources:
    """All sources as one. `imported` names the owners that are read from files; `kept_for`: how long an answer holds."""

    def __init__(
        self,
        database: Database,
        gateway: SourcesGateway,
        population: IkdGateway,
        imported: Collection[str] = (),
        kept_for: timedelta = timedelta(hours=24),
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._ikd = population
        self._imported = frozenset(imported)
        self._asked = ALL - self._imported
        self._kept_for = kept_for
        self._gate = asyncio.Semaphore(AT_ONCE)

    def reading_files(self) -> Sources:
        """The same, asking nobody: every owner is read from files."""
        return Sources(self._database, self._gateway, self._ikd, ALL, self._kept_for)

    @property
    def all_local(self) -> bool:
        """Whether nobody outside is ever asked."""
        return not self._asked

    async def ask(self, questions: Sequence[Question], now: datetime) -> list[Known]:
        """What is known about each of these people; an owner's silence costs its data, never the others'."""
        if not questions:
            return []
        async with self._database.read() as connection:
            rows = await source_records.held(
                connection, self._imported, self._asked, [question.nik_hash for question in questions], now
            )
            there = await source_records.imported_owners(connection, self._imported)
        held: dict[bytes, list[Held]] = {}
        for row in rows:
            held.setdefault(row.nik_hash, []).append(row)
        found = [self._local(question, held.get(question.nik_hash, ()), there, now) for question in questions]
        if self._asked:
            await asyncio.gather(*(self._remote(q, known, now) for q, known in zip(questions, found, strict=True)))
            await self._keep(questions, found, now)
        return found

    def _local(self, question: Question, held: Sequence[Held], there: set[str], now: datetime) -> Known:
        known = Known(unavailable=sorted(self._imported - there), origins=dict.fromkeys(there, _IMPORTED))
        for row in held:
            if row.owner in self._imported:
                known.origins[row.owner] = {"from": "import", "at": row.stored_at.isoformat()}
            elif question.anew or row.consent_reference != question.consent_reference:
                continue
            else:
                known.origins[row.owner] = {
                    "from": "kept", "at": row.stored_at.isoformat(), "consent": row.consent_reference
                }  # fmt: skip
            known.data.extend(_datum(row.owner, name, value, row) for name, value in row.data.items())
        return known

    async def _remote(self, question: Question, known: Known, now: datetime) -> None:
        missing = self._asked - known.origins.keys()
        if not missing:
            return
        async with self._gate:
            answers, active = await asyncio.gather(
                self._gateway.ask(
                    question.nik, question.consent_reference, question.transaction_id, missing - {DUKCAPIL}
                ),
                self._active(question) if DUKCAPIL in missing else _nobody(),
            )
        origin = {"from": "asked", "at": now.isoformat(), "consent": question.consent_reference}
        if DUKCAPIL in missing:
            if active is None:
                answers.unavailable.append(DUKCAPIL)
            else:
                answers.as_of[DUKCAPIL] = local_day(now, question.region_code)
                answers.data.append(Datum("nik_active", active, IKD, answers.as_of[DUKCAPIL]))
        known.data.extend(answers.data)
        known.unavailable.extend(answers.unavailable)
        known.origins.update(dict.fromkeys(answers.as_of, origin))
        known.fresh = _by_owner(answers)

    async def _active(self, question: Question) -> bool | None:
        """Whether the NIK is active in the population register; None when IKD does not answer now."""
        try:
            record = await self._ikd.look_up(question.nik, question.kk, question.consented_at, question.transaction_id)
        except (ikd.NikInactive, ikd.NikUnknown):
            return False
        except ikd.IkdError:
            return None
        # A family card changes with a move or a divorce; the NIK was active when its owner's face matched.
        return record.nik_active if record.belongs else True

    async def _keep(self, questions: Sequence[Question], found: Sequence[Known], now: datetime) -> None:
        """What was said about whoever has to wait for somebody else."""
        rows = [
            {
                "owner": owner, "nik_hash": question.nik_hash, "data": said["data"], "as_of": said["as_of"],
                "digest": _digest(said), "run_id": None, "consent_reference": question.consent_reference,
                "stored_at": now, "expires_at": now + self._kept_for,
            }
            for question, known in zip(questions, found, strict=True)
            if known.unavailable
            for owner, said in known.fresh.items()
        ]  # fmt: skip
        if rows:
            async with self._database.write() as connection:
                await source_records.forget_expired(connection, now)
                await source_records.keep(connection, self._database, rows)


async def _nobody() -> None:
    return None


def _datum(owner: str, name: str, value: Any, row: Held) -> Datum:
    told = tuple(value) if isinstance(value, list) else value
    return Datum(name, told, IKD if owner == DUKCAPIL else owner, row.as_of)


def _by_owner(answers: Answers) -> dict[str, Any]:
    said: dict[str, Any] = {owner: {"data": {}, "as_of": day} for owner, day in answers.as_of.items()}
    for datum in answers.data:
        said[DUKCAPIL if datum.owner == IKD else datum.owner]["data"][datum.name] = datum.value
    return said


def _digest(said: Mapping[str, Any]) -> bytes:
    return crypto.ring().index("kept", orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode())
