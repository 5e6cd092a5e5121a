"""Look-up, photos and the face check, against the sandbox over HTTP with real pictures."""

from __future__ import annotations

from typing import Any

import pytest

from backend.gateways.photo_store import PhotoMissing
from backend.models import Consent, FaceCheck, Job, Person, Photo, Registration, Ticket
from backend.repositories import people, registrations
from backend.sandbox.residents import Resident, load_residents
from backend.services.identity import MOST_FAILURES, verify_in_person
from backend.services.work import TryLater
from tests import faces_support as pictures
from tests.services.conftest import Desk, identity_of

SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = load_residents()


def asked(desk: Desk, resident: Resident, kk: str | None = None) -> dict[str, str]:
    return {"nik": resident.nik, "kk": kk or str(resident.kk), "consent_at": desk.now.isoformat()}


def typed(resident: Resident) -> dict[str, Any]:
    """A person as the dialog holds them after the look-up."""
    one = identity_of(resident)
    return {
        "nik": one.nik, "kk": one.kk, "name": one.name, "sex": one.sex, "birth_date": one.birth_date,
        "region_code": one.region_code,
    }  # fmt: skip


# --- look-up ---------------------------------------------------------------------------------------------------------


async def test_a_pair_that_belongs_together_is_found(desk: Desk) -> None:
    finished = await desk.do("ikd.look_up", await desk.chat(), **asked(desk, SITI))
    assert finished.outcome == "found"
    assert finished.data == {
        "name": "Siti Aminah", "sex": "female", "birth_date": "1987-03-05", "region_code": "35.10.16",
        "ikd": "active",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resident", "kk", "outcome"),
    [(SITI, str(BAMBANG.kk), "not_together"), (SLAMET, None, "inactive_nik"), (SLAMET, str(SITI.kk), "not_together")],
)
async def test_what_does_not_belong_together_brings_nothing(
    desk: Desk, resident: Resident, kk: str | None, outcome: str
) -> None:
    finished = await desk.do("ikd.look_up", await desk.chat(), **asked(desk, resident, kk))
    assert (finished.outcome, finished.data) == (outcome, {})


async def test_an_unknown_nik_is_told_like_a_wrong_card(desk: Desk) -> None:
    unknown = {"nik": "3510161203850001", "kk": str(SITI.kk), "consent_at": desk.now.isoformat()}
    finished = await desk.do("ikd.look_up", await desk.chat(), **unknown)
    assert (finished.outcome, finished.data) == ("not_together", {})


@pytest.mark.parametrize("ikd", ["inactive", "none"])
async def test_a_person_without_an_active_ikd_is_found_with_that(desk: Desk, ikd: str) -> None:
    resident = ANDI if ikd == "inactive" else PONIRAH
    finished = await desk.do("ikd.look_up", await desk.chat(), **asked(desk, resident))
    assert (finished.outcome, finished.data["ikd"]) == ("found", ikd)


@pytest.mark.parametrize(("fault", "after"), [("500", None), ("garbage", None), ("429", 7.0)])
async def test_an_ikd_that_fails_is_asked_later(desk: Desk, fault: str, after: float | None) -> None:
    await desk.control(service="ikd", fault=fault, seconds=7)
    with pytest.raises(TryLater) as caught:
        await desk.do("ikd.look_up", await desk.chat(), **asked(desk, JOKO))
    assert caught.value.after == after
    assert JOKO.nik not in str(caught.value)


# --- photos ----------------------------------------------------------------------------------------------------------


async def test_what_is_wrong_with_each_photo_is_told_and_nothing_of_it_is_kept(desk: Desk) -> None:
    portrait = pictures.portrait("collins")
    photos = {
        "dark": pictures.darkened(portrait), "many_faces": pictures.tiled_two(portrait, pictures.portrait("hopper")),
        "pdf": b"%PDF-1.7 x",
        "too_many_pixels": pictures.bomb(), "unreadable": b"hello",
    }  # fmt: skip
    chat = await desk.chat()
    received = await desk.sends(chat, "selfie", *photos.values())
    assert [photo["problem"] for photo in received] == list(photos)
    assert [photo["id"] for photo in received] == [None] * len(photos)
    assert await desk.rows(Photo) == []


async def test_evidence_needs_no_face_but_must_be_readable(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(BAMBANG, chat)
    bill = pictures.portrait("hopper", 900)
    received = await desk.sends(chat, "evidence", bill, pictures.blurred(bill, 20), person_id=person_id)
    assert [photo["problem"] for photo in received] == [None, "blurred"]
    [row] = await desk.rows(Photo)
    assert (row.id, row.person_id, row.purpose) == (received[0]["id"], person_id, "evidence")
    assert len(bytes(row.fingerprint)) == 32


async def test_a_stored_photo_is_sealed_and_forgotten_at_the_provider(desk: Desk) -> None:
    chat = await desk.chat()
    [sent] = await desk.sends(chat, "selfie", pictures.portrait("collins"))
    [row] = await desk.rows(Photo, Photo.id == sent["id"])
    jpeg = await desk.executors.work.photos.get(row.object_key)
    assert jpeg[:2] == b"\xff\xd8"
    [job] = [job for job in await desk.rows(Job) if job.kind == "photo.forget"]
    [kept] = job.data["photos"]
    assert await desk.executors.work.photos.get(kept["ref"])
    assert (await desk.run(job.id)).outcome == "forgotten"
    with pytest.raises(PhotoMissing):
        await desk.executors.work.photos.get(kept["ref"])


async def test_a_photo_job_that_runs_again_fetches_nothing_twice(desk: Desk) -> None:
    chat = await desk.chat()
    ref = await desk.channel.keep("p1", pictures.portrait("collins"), "image/jpeg")
    photos = [{"ref": ref.ref, "content_type": ref.content_type, "size": ref.size}]
    job = await desk.claim(await desk.queue("photo.receive", chat, {"photos": photos, "purpose": "selfie"}))
    first = await desk.executors.jobs[job.kind](job, desk.now)
    await desk.channel.forget([ref])
    second = await desk.executors.jobs[job.kind](job, desk.now)
    assert first.data == second.data
    assert len(await desk.rows(Photo)) == 1


async def test_a_photo_that_is_gone_or_too_large_is_asked_for_again(desk: Desk) -> None:
    photos = [
        {"ref": "simulator/gone", "content_type": "image/jpeg", "size": None},
        {"ref": "simulator/huge", "content_type": "image/jpeg", "size": 30_000_000},
    ]
    finished = await desk.do("photo.receive", await desk.chat(), photos=photos, purpose="turned")
    assert [photo["problem"] for photo in finished.data["photos"]] == ["gone", "too_large"]


# --- the face --------------------------------------------------------------------------------------------------------


async def test_a_match_makes_the_person_known_and_adopts_what_the_chat_agreed_to(desk: Desk) -> None:
    chat = await desk.chat()
    for granted in (False, True):  # the first answer was that of somebody who had the phone before
        await desk.record("consent.give", chat, None, purpose="data_access", granted=granted, version="2026-1")
    selfie = await desk.selfie(chat)
    finished = await desk.do("face.verify", chat, **selfie, person=typed(SITI))
    assert finished.outcome == "match"
    [person] = await desk.rows(Person)
    assert (person.id, person.level, person.name) == (finished.person_id, "chat_precheck", "Siti Aminah")
    assert [row.person_id for row in await desk.rows(Consent)] == [None, person.id]
    assert [row.person_id for row in await desk.rows(Photo)] == [person.id, person.id]
    [check] = await desk.rows(FaceCheck)
    assert (check.outcome, check.person_id, check.conversation_id) == ("match", person.id, chat)
    facts = await desk.facts(chat, finished.person_id)
    assert facts.person is not None
    assert facts.person.consents == {"data_access"}


async def test_a_face_check_that_runs_again_asks_ikd_once(desk: Desk) -> None:
    chat = await desk.chat()
    data = {**await desk.selfie(chat), "person": typed(SITI)}
    job = await desk.claim(await desk.queue("face.verify", chat, data))
    first = await desk.executors.jobs[job.kind](job, desk.now)
    await desk.control(service="ikd", fault="500")
    second = await desk.executors.jobs[job.kind](job, desk.now)
    assert (first.outcome, second.outcome) == ("match", "match")
    assert first.person_id == second.person_id
    assert len(await desk.rows(FaceCheck)) == 1


async def test_a_known_person_proves_themselves_again_and_keeps_a_higher_level(desk: Desk) -> None:
    chat = await desk.chat()
    person_id = await desk.person(SITI, chat)
    async with desk.database.write() as connection:
        await people.set_level(connection, person_id, "in_person", desk.now)
    finished = await desk.do("face.verify", chat, **await desk.selfie(chat), person_id=person_id)
    assert (finished.outcome, finished.person_id) == ("match", person_id)
    assert (await desk.rows(Person))[0].level == "in_person"


async def test_another_face_does_not_match_and_six_times_are_enough(desk: Desk) -> None:
    chat = await desk.chat()
    selfie = await desk.selfie(chat, "hopper")
    for _ in range(MOST_FAILURES):
        assert (await desk.do("face.verify", chat, **selfie, person=typed(SITI))).outcome == "no_match"
    await desk.control(service="ikd", fault="500")
    assert (await desk.do("face.verify", chat, **selfie, person=typed(SITI))).outcome == "no_match"
    other = await desk.chat()
    right = await desk.selfie(other)
    assert (await desk.do("face.verify", other, **right, person=typed(SITI))).outcome == "no_match"
    assert len(await desk.rows(FaceCheck)) == MOST_FAILURES
    assert await desk.rows(Person) == []
    desk.later(hours=25)
    await desk.control(clear=True)
    again = {**right, "consent_at": "2026-11-22T03:00:00+00:00"}
    assert (await desk.do("face.verify", other, **again, person=typed(SITI))).outcome == "match"


async def test_two_photos_that_are_no_selfie_are_not_shown_to_ikd(desk: Desk) -> None:
    chat = await desk.chat()
    portrait = pictures.portrait("collins")
    [front] = await desk.sends(chat, "selfie", portrait)
    [same] = await desk.sends(chat, "turned", portrait)
    [stranger] = await desk.sends(chat, "turned", pictures.turned(pictures.portrait("hopper"), 30))
    whom = {"front": front["id"], "consent_at": desk.now.isoformat(), "person": typed(SITI)}
    assert (await desk.do("face.verify", chat, **whom, turned=same["id"])).outcome == "same_photo"
    assert (await desk.do("face.verify", chat, **whom, turned=stranger["id"])).outcome == "other_person"
    assert await desk.rows(FaceCheck) == []


async def test_photos_of_another_chat_are_no_proof_here(desk: Desk) -> None:
    selfie = await desk.selfie(await desk.chat())
    finished = await desk.do("face.verify", await desk.chat(), **selfie, person=typed(SITI))
    assert (finished.outcome, finished.data) == ("problem", {"problem": "gone"})


@pytest.mark.parametrize(("resident", "outcome"), [(ANDI, "ikd_inactive"), (SLAMET, "inactive_nik")])
async def test_without_an_active_ikd_or_nik_no_face_is_compared(desk: Desk, resident: Resident, outcome: str) -> None:
    chat = await desk.chat()
    finished = await desk.do("face.verify", chat, **await desk.selfie(chat), person=typed(resident))
    assert finished.outcome == outcome
    assert await desk.rows(Person) == []


async def test_a_face_that_almost_matches_goes_to_a_human(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.services.identity.BORDERLINE", 0.75)
    chat = await desk.chat()
    finished = await desk.do("face.verify", chat, **await desk.selfie(chat, "hopper"), person=typed(SITI))
    assert finished.outcome == "borderline"
    [ticket] = await desk.rows(Ticket)
    assert (ticket.kind, ticket.conversation_id) == ("face", chat)


async def test_whom_an_officer_has_seen_is_selected(desk: Desk) -> None:
    chat = await desk.chat()
    hold = {**typed(PONIRAH), "code": desk.code(), "reason": "ikd_none"}
    await desk.record("registration.hold", chat, None, **hold)
    [person] = await desk.rows(Person)
    async with desk.database.write() as connection:
        [job] = await verify_in_person(connection, desk.database, person.id, "petugas", desk.now)
    [row] = await desk.rows(Registration)
    assert (row.status, (await desk.rows(Person))[0].level) == ("submitted", "in_person")
    await desk.record("consent.give", chat, person.id, purpose="data_access", granted=True, version="2026-1")
    assert (await desk.run(job)).outcome == "eligible"


async def test_a_registration_that_only_waited_for_the_proof_is_submitted_and_selected(desk: Desk) -> None:
    identity = identity_of(SITI)
    answers = {"components": ["sd"], "bank": "", "account": "", "notify": "none", "from_pkh": False}
    async with desk.database.write() as connection:
        await people.add(connection, desk.database, [identity], "none", desk.now)
        key = people.nik_hash(identity.nik)
        person_id = (await people.by_nik_hashes(connection, [key]))[key].id
        row = {
            "number": "PRL-7K2M-93", "person_id": person_id, "conversation_id": None, "channel": "portal",
            "programme": "PKH", "region_code": identity.region_code, "status": "waiting_identity", "details": answers,
            "created_at": desk.now, "updated_at": desk.now,
        }  # fmt: skip
        await registrations.add(connection, [row])
    chat = await desk.chat()
    await desk.record("consent.give", chat, None, purpose="data_access", granted=True, version="2026-1")
    data = {**await desk.selfie(chat), "person": typed(SITI)}
    job = await desk.claim(await desk.queue("face.verify", chat, data))
    [selection] = await desk.close(job, await desk.executors.jobs[job.kind](job, desk.now))
    [waiting] = await desk.rows(Registration)
    assert (waiting.status, waiting.conversation_id) == ("submitted", chat)
    assert (await desk.run(selection)).outcome == "eligible"


async def test_one_held_before_its_answers_is_completed_in_the_chat(desk: Desk) -> None:
    chat = await desk.chat()
    await desk.record("registration.hold", chat, None, **{**typed(SITI), "code": desk.code(), "reason": "ikd_none"})
    job = await desk.claim(await desk.queue("face.verify", chat, {**await desk.selfie(chat), "person": typed(SITI)}))
    assert await desk.close(job, await desk.executors.jobs[job.kind](job, desk.now)) == []
    assert (await desk.rows(Registration))[0].status == "waiting_identity"


async def test_without_the_consent_to_the_face_check_its_pictures_go(desk: Desk) -> None:
    chat = await desk.chat()
    finished = await desk.do("face.verify", chat, **await desk.selfie(chat), person=typed(SITI))
    [job] = await desk.record("consent.withdraw", chat, finished.person_id, purpose="face")
    assert (await desk.run(job)).outcome == "erased"
    rows = await desk.rows(Photo)
    assert [row.erased_at for row in rows] == [desk.now, desk.now]
    for row in rows:
        with pytest.raises(PhotoMissing):
            await desk.executors.work.photos.get(row.object_key)
    again = {"front": rows[0].id, "turned": rows[1].id, "consent_at": desk.now.isoformat()}
    finished = await desk.do("face.verify", chat, **again, person=typed(SITI))
    assert (finished.outcome, finished.data) == ("problem", {"problem": "gone"})
