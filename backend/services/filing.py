"""Registrations from a chat: filed by a proven person, or held until they can prove who they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import Database
from backend.domain.levels import Act, Level, may
from backend.domain.numbers import registration_number
from backend.repositories import audit, jobs, people, registrations
from backend.repositories.people import Identity, PersonRow
from backend.repositories.registrations import SUBMITTED, WAITING_IDENTITY, RegistrationRow
from backend.services import duplicates
from backend.services.records import CHAT, RecordItem, Terms, refuse

SELECTION = "selection.run"
HELD_FOR = "reason"
"""In the details of a registration that is held before its answers were given: why."""
_ANSWERS = ("components", "bank", "account", "notify", "from_pkh")


async def file_registrations(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`registration.file` {code, person_id, components, bank, account, notify, phone, from_pkh}.

    Only for the person whom this chat has proven to be, once for each programme. A registration that was held is
    completed and from then on known by the number that the person has just been told.
    """
    ids = {item.person_id for item in items if item.person_id is not None}
    known = await people.by_ids(connection, ids, lock=True)
    filed = await registrations.of_programme(connection, ids, terms.programme)
    taken: dict[int, RecordItem] = {}
    refused: list[tuple[RecordItem, str]] = []
    for item in items:
        cause = _hindrance(item, known, filed, taken)
        if cause:
            refused.append((item, cause))
        else:
            taken[known[item.data["person_id"]].id] = item
    await refuse(connection, "registration.file", refused)
    held = {person_id: filed[person_id] for person_id in taken if person_id in filed}
    new = [_row(item, known[key], terms, SUBMITTED) for key, item in taken.items() if key not in held]
    added = await registrations.add(connection, new)
    await registrations.complete(connection, [_completed(held[key], taken[key], known[key]) for key in held])
    await _note_wishes(connection, taken)
    filed_ids = {
        key: held[key].id if key in held else added[registration_number(item.data["code"])]
        for key, item in taken.items()
    }
    await audit.note(
        connection,
        [audit.Act(taken[key].now, CHAT, "registration.filed", f"registration:{number}") for key, number in filed_ids.items()],
    )  # fmt: skip
    await duplicates.examine(connection, database, list(filed_ids.values()), items[0].now, anew=True)
    if not terms.auto_select:
        return ()
    drafts = [selection_job(filed_ids[key], item.conversation_id, trace=item.trace) for key, item in taken.items()]
    return await jobs.add(connection, drafts, items[0].now)


def selection_job(
    registration_id: int,
    conversation_id: int | None = None,
    *,
    replaces: int | None = None,
    not_before: datetime | None = None,
    trace: str = "",
) -> jobs.JobDraft:
    """The job that decides a registration. `replaces`: the decision that it is to replace, after an appeal."""
    data: dict[str, Any] = {"registration_id": registration_id}
    if replaces is not None:
        data["replaces"] = replaces
    return jobs.JobDraft(conversation_id, SELECTION, data, not_before=not_before, trace=trace)


def _hindrance(
    item: RecordItem,
    known: Mapping[int, PersonRow],
    filed: Mapping[int, RegistrationRow],
    taken: Mapping[int, RecordItem],
) -> str:
    person = known.get(item.person_id) if item.person_id is not None else None
    if person is None or person.erased_at is not None:
        return "not_proven"
    if item.data["person_id"] != person.id:
        return "other_person"
    if not may(Level(person.level), Act.BE_SELECTED):
        return "level_too_low"
    existing = filed.get(person.id)
    if person.id in taken or (existing is not None and existing.status != WAITING_IDENTITY):
        return "registered_already"
    return ""


def _row(item: RecordItem, person: PersonRow, terms: Terms, status: str) -> dict[str, Any]:
    return {
        "number": registration_number(item.data["code"]),
        "person_id": person.id,
        "conversation_id": item.conversation_id,
        "channel": item.channel,
        "programme": terms.programme,
        "region_code": person.region_code,
        "status": status,
        "details": _details(item),
        "created_at": item.now,
        "updated_at": item.now,
    }


def _details(item: RecordItem) -> dict[str, Any]:
    return {name: item.data[name] for name in (*_ANSWERS, HELD_FOR) if name in item.data}


def _completed(held: RegistrationRow, item: RecordItem, person: PersonRow) -> dict[str, Any]:
    return {
        "row_id": held.id,
        "new_number": registration_number(item.data["code"]),
        "new_conversation_id": item.conversation_id,
        "new_channel": item.channel,
        "new_region_code": person.region_code,
        "new_details": _details(item),
        "at": item.now,
    }


async def _note_wishes(connection: AsyncConnection, taken: Mapping[int, RecordItem]) -> None:
    """How these people want to be told of the result."""
    if not taken:
        return
    now = next(iter(taken.values())).now
    quiet = [key for key, item in taken.items() if item.data.get("notify") == "none"]
    await people.set_notifications(connection, quiet, False, now)
    await people.set_notifications(connection, [key for key in taken if key not in set(quiet)], True, now)
    await people.set_phones(
        connection, {key: item.data["phone"] for key, item in taken.items() if item.data.get("phone")}
    )


async def hold_registrations(
    connection: AsyncConnection, database: Database, terms: Terms, items: Sequence[RecordItem]
) -> Sequence[int]:
    """`registration.hold` {code, nik, kk, name, sex, birth_date, region_code, reason}.

    Kept until its owner can prove who they are. Whoever typed the NIK is nobody yet: what is known of a person already
    is not changed, and a person who has a registration keeps that one.
    """
    identities = {item.data["nik"]: Identity.from_json(item.data) for item in items}
    now = items[0].now
    await people.add(connection, database, list(identities.values()), Level.NONE.value, now)
    hashes = {people.nik_hash(nik): nik for nik in identities}
    found = await people.by_nik_hashes(connection, list(hashes))
    by_nik = {hashes[nik_hash]: person for nik_hash, person in found.items()}
    filed = await registrations.of_programme(connection, _ids(by_nik.values()), terms.programme)
    rows: dict[int, dict[str, Any]] = {}
    for item in items:
        person = by_nik[item.data["nik"]]
        if person.id not in filed and person.id not in rows:
            rows[person.id] = _row(item, person, terms, WAITING_IDENTITY)
    await registrations.add(connection, list(rows.values()))
    await duplicates.typed_again(connection, database, _elsewhere(items, by_nik, filed), now)
    return ()


def _elsewhere(
    items: Sequence[RecordItem], by_nik: Mapping[str, PersonRow], filed: Mapping[int, RegistrationRow]
) -> list[tuple[int, int, str, int]]:
    """The registrations of another chat whose NIK was typed here, as `duplicates.typed_again` takes them."""
    found: set[tuple[int, int, str, int]] = set()
    for item in items:
        there = filed.get(by_nik[item.data["nik"]].id)
        if there is not None and there.conversation_id not in {None, item.conversation_id}:
            found.add((there.id, there.person_id, there.programme, item.conversation_id))
    return sorted(found)


def _ids(rows: Iterable[PersonRow]) -> list[int]:
    return [row.id for row in rows]
