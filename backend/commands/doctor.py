"""`perlinsos doctor`: each part of the installation, how it is, and what to do about what is wrong."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.commands.common import load_settings, out
from backend.crypto import KeyRingError
from backend.migrate import drift
from backend.models import Conversation, table
from backend.partitions import TABLES, listed, month_after, month_of
from backend.parts import now
from backend.repositories import photos as stored_photos
from backend.repositories import queues
from backend.settings import Settings
from backend.worker import Runtime, build

OLDEST_POSTGRES = 150_000
"""Fifteen: what the tests run on."""
CLOCKS_APART = 2.0
"""Seconds: beyond it timers, leases and windows of two machines disagree."""
CONNECTIONS_LEFT = 20
FREE_SPACE = 2 << 30
FREE_PART = 0.05
CONNECTS_WITHIN = 5.0
OLD_ROW = 60.0
_TRIED = "doctor-check"


@dataclass(frozen=True, slots=True)
class Finding:
    """How a part is. `advice` is what to do; where there is none, nothing is wrong."""

    part: str
    state: str
    advice: str = ""


Check = Callable[[], Awaitable[Sequence[Finding]]]


def doctor(
    photos: Annotated[
        bool, typer.Option("--photos", help="compare every stored photo with its row; takes a while")
    ] = False,
) -> None:
    """Look at every part and say what is wrong and what to do."""
    settings = load_settings()
    findings = asyncio.run(_examine(settings, photos=photos))
    shown = Table("part", "state", "what to do")
    for found in findings:
        colour = "red" if found.advice else "green"
        shown.add_row(found.part, f"[{colour}]{found.state}[/]", found.advice)
    out.print(shown)
    if any(found.advice for found in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, *, photos: bool) -> list[Finding]:
    try:
        runtime = await build(settings)
    except OSError as error:
        return [Finding("database", type(error).__name__, "nobody answers at PERLINSOS_DATABASE_URL: is it started?")]
    examination = _Examination(settings, runtime)
    try:
        await runtime.parts.bus.start()
        findings = await examination.run()
        return [*findings, *await examination.photos()] if photos else findings
    finally:
        await runtime.stop()


class _Examination:
    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        self._settings = settings
        self._parts = runtime.parts

    async def run(self) -> list[Finding]:
        found = await self._check(
            "database", self._reached, "nobody answers at PERLINSOS_DATABASE_URL, or not to this user"
        )
        if not any(finding.advice for finding in found):
            found += await self._schema()
        for part, check, advice in (
            ("bus", self._bus, "is NATS started, and are user and password in PERLINSOS_BUS_URL right?"),
            ("store", self._store, ""),
            ("nlu", self._nlu, "train it anew: perlinsos nlu train"),
            ("faces", self._faces, "the face models do not load: install requirements/run.lock anew"),
            ("ikd", self._ikd, ""),
            ("disk", self._disk, ""),
        ):
            found += await self._check(part, check, advice)
        return found

    async def _check(self, part: str, check: Check, advice: str) -> list[Finding]:
        try:
            return list(await check())
        except Exception as error:  # whatever a part does wrong is what the operator asked about
            return [Finding(part, type(error).__name__, advice or "see the log of the service for the cause")]

    async def _schema(self) -> list[Finding]:
        """The rest of the database; only where it has our tables all that needs them."""
        differences = await drift(self._parts.database)
        if differences:
            return [Finding("schema", f"{len(differences)} differences", "run `perlinsos migrate`")]
        found = [Finding("schema", "ok")]
        for part, check, advice in (
            ("keys", self._keys, "see docs/operations.md, Keys and backup"),
            ("partitions", self._partitions, "run `perlinsos partitions --upkeep`"),
            ("queues", self._queues, ""),
        ):
            found += await self._check(part, check, advice)
        return found

    async def _reached(self) -> list[Finding]:
        async with self._parts.database.read() as connection:
            await connection.execute(text("SELECT 1"))
            if self._parts.database.is_sqlite:
                return [Finding("database", "ok")]
            return [*await _server(connection), await _clock(connection), await _connections(connection)]

    async def _keys(self) -> list[Finding]:
        """Whether the ring opens what is stored: the first conversation and the last."""
        chats = table(Conversation)
        try:
            async with self._parts.database.read() as connection:
                for order in (chats.c.id, chats.c.id.desc()):
                    (await connection.execute(select(chats.c.address).order_by(order).limit(1))).scalar()
        except KeyRingError:
            lost = (
                "PERLINSOS_SECRET_KEYS does not open what is stored: put the keys that it was sealed with into the ring"
            )
            return [Finding("keys", "another ring", lost)]
        return [Finding("keys", "ok")]

    async def _partitions(self) -> list[Finding]:
        if self._parts.database.is_sqlite:
            return []
        async with self._parts.database.read() as connection:
            known = await listed(connection)
        wanted = (month_of(now()), month_after(month_of(now())))
        missing = [f"{of.table} {month:%Y-%m}" for of in TABLES for month in wanted
                   if not any(p.table == of.table and p.month == month for p in known)]  # fmt: skip
        advice = "run `perlinsos partitions --upkeep`; a worker does so daily: is one running?"
        if missing:
            return [Finding("partitions", f"missing: {', '.join(missing)}", advice)]
        return [Finding("partitions", "ok")]

    async def _queues(self) -> list[Finding]:
        async with self._parts.database.read() as connection:
            waiting = await queues.waiting(connection, now())
        old = {
            queue: (now() - since).total_seconds()
            for queue, (_, since) in waiting.items()
            if since is not None and (now() - since).total_seconds() > OLD_ROW
        }
        if not old:
            return [Finding("queues", "ok")]
        who = {"turns": "worker", "sends": "sender", "jobs": "worker and face"}
        return [
            Finding("queues", f"{queue} wait for {age:.0f} s", f"is a process of the role {who[queue]} running?")
            for queue, age in old.items()
        ]

    async def _bus(self) -> list[Finding]:
        state = await self._connected()
        if state != "ok":
            return [Finding("bus", state, "is NATS started with JetStream, and is PERLINSOS_BUS_URL right?")]
        faults = await self._parts.bus.faults()
        if faults:
            advice = "start the missing NATS servers; PERLINSOS_BUS_REPLICAS must not exceed their number"
            return [Finding("bus", "; ".join(faults), advice)]
        return [Finding("bus", "ok")]

    async def _connected(self) -> str:
        """The bus connects in the background: give it a moment."""
        state = await self._parts.bus.health()
        for _ in range(int(CONNECTS_WITHIN / 0.1)):
            if state == "ok":
                break
            await asyncio.sleep(0.1)
            state = await self._parts.bus.health()
        return state

    async def _store(self) -> list[Finding]:
        photos = self._parts.photos
        state = await photos.health()
        advice = {
            "no bucket": "make the bucket that PERLINSOS_MEDIA_URL names, private and without versioning",
            "keys refused": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be allowed to read, write, delete and list",
        }.get(state, "is the store started, and is AWS_ENDPOINT_URL right?")
        if state != "ok":
            return [Finding("store", state, advice)]
        await photos.put(_TRIED, b"tried")
        read = await photos.get(_TRIED)
        await photos.delete(_TRIED)
        if read != b"tried":
            return [Finding("store", "gives back something else", "another service writes to the same place")]
        return [Finding("store", "ok")]

    async def photos(self) -> list[Finding]:
        """Rows without their photo, and photos without a row, a page of the store at a time."""
        return await self._check("photos", self._compared, "see what is wrong with store and database")

    async def _compared(self) -> list[Finding]:
        there = strangers = 0
        async with self._parts.database.read() as connection:
            async for page in self._parts.photos.pages():
                # What the simulator holds for a moment is nobody's.
                keys = [key for key in page if not key.startswith("simulator/")]
                named = await stored_photos.kept(connection, keys)
                there += named
                strangers += len(keys) - named
            missing = await stored_photos.count_kept(connection) - there
        if missing or strangers:
            state = f"{missing} missing, {strangers} without a row"
            return [
                Finding(
                    "photos", state, "after a restore this is to be expected: see docs/operations.md, Keys and backup"
                )
            ]
        return [Finding("photos", "ok")]

    async def _nlu(self) -> list[Finding]:
        from nlu.rasa import RasaEngine

        engine = self._parts.nlu
        [understood] = await engine.understand(["daftar bansos"])
        state = await engine.health() if isinstance(engine, RasaEngine) else "ok"
        if state != "ok":
            return [
                Finding("nlu", state, "does Rasa answer at PERLINSOS_RASA_URL? Texts are read without it meanwhile")
            ]
        if understood.intent == "nlu_fallback":
            return [Finding("nlu", "understands nothing", "train it anew: perlinsos nlu train")]
        return [Finding("nlu", "ok")]

    async def _faces(self) -> list[Finding]:
        await self._parts.faces.warm_up()
        return [Finding("faces", "ok")]

    async def _ikd(self) -> list[Finding]:
        if await self._parts.ikd.reachable():
            return [Finding("ikd", "ok")]
        where = "the sandbox answers once the service runs" if self._settings.sandbox == "on" else "PERLINSOS_IKD_URL"
        return [Finding("ikd", "no answer", f"citizens are told to wait, and their jobs do: {where}")]

    async def _disk(self) -> list[Finding]:
        folders = [self._settings.data_dir]
        if self._settings.media_url.startswith("file:"):
            folders.append(Path(self._settings.media_url.removeprefix("file:").removeprefix("//")))
        found = [_space(folder) for folder in folders if folder.exists()]
        return [finding for finding in found if finding.advice] or [Finding("disk", "ok")]


async def _server(connection: AsyncConnection) -> list[Finding]:
    version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    if version < OLDEST_POSTGRES:
        return [Finding("database", f"version {version // 10_000}", "PostgreSQL 15 or newer is needed")]
    return [Finding("database", "ok")]


async def _clock(connection: AsyncConnection) -> Finding:
    before = now()
    theirs = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    apart = (theirs - (before + (now() - before) / 2)).total_seconds()
    if abs(apart) > CLOCKS_APART:
        return Finding("clock", f"{abs(apart):.1f} s from the database's", "keep both machines in time: NTP")
    return Finding("clock", "ok")


async def _connections(connection: AsyncConnection) -> Finding:
    """How many more connections the server takes."""
    found: Any = await connection.execute(
        text(
            "SELECT current_setting('max_connections')::int, count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend'"
        )
    )
    most, used = found.one()
    if most - used < CONNECTIONS_LEFT:
        advice = "fewer processes, smaller pools, or PgBouncer between them and PostgreSQL"
        return Finding("connections", f"{used} of {most}", advice)
    return Finding("connections", "ok")


def _space(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    if usage.free < FREE_SPACE or usage.free < FREE_PART * usage.total:
        return Finding(
            "disk", f"{usage.free >> 20} MB free at {folder}", "make room before it is full: nothing is stored then"
        )
    return Finding("disk", "ok")
