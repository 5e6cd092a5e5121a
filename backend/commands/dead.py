"""`perlinsos dead`: what was given up on, why, and another try for it. Shows nothing that is anybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from backend.bus import Buried, Topic
from backend.commands.common import fail, load_settings, out
from backend.parts import Parts
from backend.repositories import dead
from backend.repositories.dead import Stored

dead_app = typer.Typer(no_args_is_help=True, help="Dead letters: what was given up on.")
PAGE = 500
CONNECTS_WITHIN = 10.0
T = TypeVar("T")
NAMES = {"turns": "conversation", "sends": "conversation", "jobs": "job", "faces": "job"}


@dead_app.command("list")
def dead_list() -> None:
    """Every dead letter, oldest first."""
    letters, rings = asyncio.run(_with_parts(_all))
    table = Table("letter", "about", "what", "reason", "tries", "since (UTC)")
    for stored in letters:
        letter = stored.letter
        about = f"{NAMES[letter.topic]} {letter.known}"
        table.add_row(str(stored.id), about, letter.what, letter.reason, str(letter.tries), _at(stored.created_at))
    for ring in rings:
        about = f"{NAMES[ring.topic]} {ring.known}"
        table.add_row(f"{ring.topic}:{ring.known}", about, "ring", ring.reason, str(ring.deliveries), _at(ring.at))
    out.print(table)
    out.print(f"{len(letters) + len(rings)} dead letters")


@dead_app.command("show")
def dead_show(letter: Annotated[str, typer.Argument(help="as `list` names it")]) -> None:
    """One of them, with the row that it is about."""
    found = asyncio.run(_with_parts(lambda parts: _row(parts, letter)))
    for name, value in found.items():
        out.print(f"{name}: {value}", markup=False, soft_wrap=True)


@dead_app.command("replay")
def dead_replay(
    letters: Annotated[list[str] | None, typer.Argument(help="as `list` names them")] = None,
    every: Annotated[bool, typer.Option("--all", help="all that there are")] = False,
) -> None:
    """Let it be tried again, as if it had never been. What fails again comes back here."""
    if bool(letters) == every:
        fail("name the letters to replay, or --all", 2)
    replayed, refused = asyncio.run(_with_parts(lambda parts: _replay(parts, letters or [])))
    for name in refused:
        out.print(f"{name}: nothing is left to be tried again: its data went with its end, and its chat was told")
    out.print(f"{replayed} replayed")
    if refused:
        raise typer.Exit(1)


async def _with_parts(work: Callable[[Parts], Awaitable[T]]) -> T:
    parts = Parts(load_settings())
    bus = parts.bus
    await bus.start()
    try:
        if not await bus.connected(CONNECTS_WITHIN):
            fail("NATS does not answer: see `perlinsos doctor`")
        return await work(parts)
    finally:
        await bus.close()
        await parts.close()


async def _all(parts: Parts) -> tuple[list[Stored], list[Buried]]:
    """The letters, and those rings of the bus that no letter tells of."""
    letters: list[Stored] = []
    async with parts.database.read() as connection:
        while page := await dead.page(connection, letters[-1].id if letters else 0, PAGE):
            letters += page
    told = {(stored.letter.topic, stored.letter.known) for stored in letters}
    return letters, [ring for ring in await parts.bus.buried() if (ring.topic, ring.known) not in told]


async def _row(parts: Parts, name: str) -> dict[str, object]:
    letters, rings = await _all(parts)
    letter = next((stored for stored in letters if str(stored.id) == name), None)
    if letter is not None:
        return await _about(parts, letter)
    ring = next((ring for ring in rings if f"{ring.topic}:{ring.known}" == name), None)
    if ring is None:
        fail(f"there is no dead letter {name}")
    return {
        "topic": ring.topic, NAMES[ring.topic]: ring.known, "reason": ring.reason, "deliveries": ring.deliveries,
        "since": _at(ring.at),
    }  # fmt: skip


async def _about(parts: Parts, stored: Stored) -> dict[str, object]:
    letter = stored.letter
    facts: dict[str, object] = {
        "topic": letter.topic, NAMES[letter.topic]: letter.known, "what": letter.what, "reason": letter.reason,
        "tries": letter.tries, "since": _at(stored.created_at),
    }  # fmt: skip
    async with parts.database.read() as connection:
        return facts | await dead.about(connection, letter)


async def _replay(parts: Parts, names: list[str]) -> tuple[int, list[str]]:
    """How many are tried again, and the names of those of which nothing is left."""
    letters, rings = await _all(parts)
    known = {str(stored.id): stored for stored in letters} | {f"{ring.topic}:{ring.known}": ring for ring in rings}
    if missing := [name for name in names if name not in known]:
        fail(f"there is no dead letter {', '.join(missing)}")
    replayed, refused = 0, []
    for name in names or known:
        letter = known[name]
        if await (_again(parts, letter) if isinstance(letter, Stored) else _ring(parts, letter.topic, letter.known)):
            replayed += 1
        else:
            refused.append(name)
    return replayed, refused


async def _again(parts: Parts, stored: Stored) -> bool:
    async with parts.database.write() as connection:
        held = await dead.lock(connection, stored.id)
        if held is None or not await dead.bring_back(connection, held.letter):
            return False
        await dead.remove(connection, stored.id)
    return await _ring(parts, stored.letter.topic, stored.letter.known)


async def _ring(parts: Parts, topic: Topic, known: int) -> bool:
    await parts.bus.unbury(topic, known)
    await parts.bus.ring(topic, [known])
    return True


def _at(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
