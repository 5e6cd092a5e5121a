"""Sixty registrations by one facilitator over a bad line: all correct, few messages, nothing of one with another."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import update

from backend.db import Database
from backend.models import Consent, Delegation, FaceCheck, Facilitator, Person, Registration, table
from bot import session as sessions
from tests.handlers.field import Citizen, FieldWork

MANY = 60
MOST_MESSAGES = 10
NAMED = re.compile(r"\[(?:(?:Bu|Pak) \w\. |NIK )…(\d{4})\]|\[Warga baru\]")


async def begins(field: FieldWork, one: Citizen) -> None:
    """From the question what comes next to the masked name."""
    await field.taps("add")
    await field.says("1 2 3 4")
    await field.says(f"{one.nik} {one.kk}")


def household(one: Citizen) -> str:
    return str(list(type(one.component)).index(one.component) + 1)


async def registers(field: FieldWork, one: Citizen) -> None:
    """In three ways: a message at a time, all in one burst, or left for the end at the question for the account."""
    await begins(field, one)
    rest = [household(one), f"BRI {one.account}", "ya"]
    if one.number % 2:
        await field.says("ya", *field.selfie(one), *rest)
    elif one.number % 6 != 2:
        await field.says("ya")
        for photo in field.selfie(one):
            await field.says(photo)
        for word in rest:
            await field.says(word)
    else:
        await field.says("ya", *field.selfie(one), rest[0], "warga")


async def finishes(field: FieldWork, one: Citizen) -> None:
    """Somebody who was left: found by the last four digits, two messages to go."""
    await field.says("warga")
    await field.says(one.nik[-4:])
    await field.says(f"BRI {one.account}", "ya")


async def test_sixty_registrations_in_an_hour(database: Database) -> None:
    """With buttons on Telegram and typed numbers on WhatsApp; each database sees one of them."""
    citizens = [Citizen(number) for number in range(1, MANY + 1)]
    field = FieldWork(database, citizens, "telegram" if database.is_sqlite else "whatsapp")
    await field.bound()
    await field.says("warga")
    began, before = field.clock(), len(await field.heard())
    for one in citizens:
        await registers(field, one)
    for one in citizens:
        if one.number % 6 == 2:
            await finishes(field, one)
    assert (field.clock() - began).total_seconds() <= 3600

    heard = (await field.heard())[before:]

    assert len(heard) <= MANY * MOST_MESSAGES
    known = {
        row["id"]: next(one for one in citizens if one.nik == row["nik"])
        for row in await field.rows(Person)
        if row["nik"] in field.by_nik
    }
    filed = {row["person_id"]: row for row in await field.rows(Registration)}
    assert len(known) == len(filed) == MANY
    assert len((await field.session()).away) <= 2
    for person_id, one in known.items():
        details = filed[person_id]["details"]
        assert (details["account"], details["components"]) == (one.account, [one.component])
        assert filed[person_id]["status"] == "submitted"
    assert sorted(row["person_id"] for row in await field.rows(Delegation)) == sorted(known)
    answers = [(row["person_id"], row["purpose"]) for row in await field.rows(Consent)]
    assert sorted(answers) == sorted((p, purpose) for p in known for purpose in ("data_access", "face", "notification"))
    assert {row["outcome"] for row in await field.rows(FaceCheck)} == {"match"}
    _each_speaks_of_one(heard, citizens)


def _each_speaks_of_one(heard: list[str], citizens: list[Citizen]) -> None:
    """Every message of the mode begins with whom it concerns, and holds nobody else's name or numbers."""
    for text in heard:
        named = NAMED.match(text)
        if named is None:
            assert text.startswith(("Warga dampingan", "Belum ada warga", "Tidak ada warga")), text
            continue
        for one in citizens:
            assert one.nik not in text
            assert one.kk not in text
            if one.nik[-4:] != named[1]:
                assert one.name not in text
                assert one.account[-6:] not in text


async def test_swapped_photos_match_nobody(database: Database) -> None:
    one, other = Citizen(1), Citizen(2)
    field = FieldWork(database, [one, other], "telegram")
    await field.bound()
    await field.says("warga")
    await begins(field, one)
    await field.says("ya", *field.selfie(other))
    assert await field.rows(Delegation) == []
    assert (await field.session()).person_id is None
    await field.says(*field.selfie(one))
    [delegation] = await field.rows(Delegation)
    [row] = [row for row in await field.rows(Person) if row["nik"] == one.nik]
    assert delegation["person_id"] == row["id"]


async def test_what_erases_a_citizen_leaves_the_facilitators_chat(database: Database) -> None:
    """The chat's own person stays the facilitator, whoever is in hand."""
    one = Citizen(1)
    field = FieldWork(database, [one], "telegram")
    await field.bound()
    await field.says("warga")
    await registers(field, one)
    async with database.read() as connection:
        [chat] = (await connection.exec_driver_sql("SELECT person_id FROM conversations")).all()
    session = await field.session()
    assert session.case
    assert chat[0] == session.own_person_id != session.person_id


async def test_an_outcome_that_comes_after_the_switch_stays_with_whom_it_concerns(database: Database) -> None:
    one, other = Citizen(1), Citizen(2)
    field = FieldWork(database, [one, other], "telegram")
    await field.bound()
    await field.says("warga")
    await begins(field, one)
    await field.burst("ya", *field.selfie(one))
    await field.settle(jobs=False)
    await field.burst("warga")
    await field.settle(jobs=False)
    await field.settle()
    await begins(field, other)
    session = await field.session()
    assert session.person_id is None
    assert dict(session.whom)["end"] == other.nik[-4:]
    assert not [text for text in (await field.heard())[-2:] if one.nik[-4:] in text.partition("]")[0]]


@pytest.mark.parametrize("change", [{"ended_at": True}, {"expires_at": True}, {"conversation_id": None}])
async def test_a_duty_that_ends_is_over_with_the_next_message(database: Database, change: dict[str, Any]) -> None:
    """Ended by an officer, run out, or bound on another phone: nothing of the person in hand is told or kept."""
    one = Citizen(1)
    field = FieldWork(database, [one], "telegram")
    await field.bound()
    await field.says("warga")
    await begins(field, one)
    values = {name: field.clock() if moment else None for name, moment in change.items()}
    async with database.write() as connection:
        await connection.execute(update(table(Facilitator)).values(**values))
    await field.says("ya")
    session = await field.session()
    assert (await field.heard())[-1].startswith("Tugas pendamping di chat ini sudah berakhir")
    assert (session.duty, session.away) == (None, {})
    assert one.nik not in json.dumps(sessions.to_json(session))
    await field.says("warga")
    assert (await field.heard())[-1].startswith("Daftar warga hanya untuk pendamping")
