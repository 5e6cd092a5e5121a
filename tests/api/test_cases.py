"""Registrations, decisions, appeals, people and conversations through the API, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend.api.benefits import entitlement
from backend.db import Database
from backend.models import AppealEvent, AuditEvent, Consent, Inbox, Job, Person, Registration, table
from backend.repositories import benefits, people, photos
from backend.repositories.people import Identity
from backend.repositories.source_records import Incoming
from backend.sandbox.residents import load_residents
from tests.api.conftest import Api
from tests.api.world import World

WAHYUNI = load_residents()[11]


def new_registration(**changes: Any) -> dict[str, Any]:
    return {
        "nik": WAHYUNI.nik,
        "kk": WAHYUNI.kk,
        "name": WAHYUNI.name,
        "components": ["sd", "smp"],
        "bank": "BRI",
        "account": "002170001234",
        "phone": "+6281234567890",
        "consents": ["data_access", "face"],
        **changes,
    }


async def test_lists_are_masked_filtered_and_in_the_region(api: Api, world: World) -> None:
    reader = await api.call("reader")
    listed = (await reader.get("/registrations")).json()
    assert [item["number"] for item in listed["items"]] == ["PRL-7K2M-94", "PRL-7K2M-93", "PRL-7K2M-92"]
    assert listed["items"][2]["name"] == "S*** A*****"
    assert listed["items"][2]["nik"] == "************0001"
    in_banyuwangi = await api.call("reader", "35.10")
    assert len((await in_banyuwangi.get("/registrations")).json()["items"]) == 2
    assert (await in_banyuwangi.get("/registrations", params={"region": "64.71"})).json()["items"] == []
    assert (await in_banyuwangi.get(f"/registrations/{world.registrations[world.nurhayati]}")).status_code == 404
    refused = (await reader.get("/registrations", params={"outcome": "not_eligible", "region": "64.71"})).json()
    assert [item["person_id"] for item in refused["items"]] == [world.nurhayati]
    late = (await reader.get("/registrations", params={"since": "2026-11-23"})).json()
    assert late["items"] == []
    today = (await reader.get("/registrations", params={"since": "2026-11-22", "until": "2026-11-22"})).json()
    assert len(today["items"]) == 3


async def test_pages_follow_the_cursor_to_the_end(api: Api, world: World) -> None:
    reader = await api.call("reader")
    seen: list[int] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = (await reader.get("/decisions", params=params)).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == sorted(world.decisions.values(), reverse=True)


async def test_a_decision_shows_reasons_to_all_and_inputs_to_reviewers(api: Api, world: World) -> None:
    decision = world.decisions[world.bambang]
    read = (await (await api.call("reviewer")).get(f"/decisions/{decision}")).json()
    assert read["reasons"][0] | {"evidence": []} == {
        "code": "electricity", "kind": "against", "datum": "power_va", "value": 2200, "limit": 1300, "owner": "PLN",
        "as_of": "2026-11-12", "evidence": [], "contestable": True,
    }  # fmt: skip
    assert read["inputs"]["data"]["power_va"]["value"] == 2200
    portal = (await (await api.call("portal")).get(f"/decisions/{decision}")).json()
    assert portal["inputs"] is None
    assert portal["reasons"] == read["reasons"]


async def test_quota_and_payments_stand_beside_the_decision(api: Api, world: World, database: Database) -> None:
    decision, registration = world.decisions[world.siti], world.registrations[world.siti]
    reviewer = await api.call("reviewer")
    read = (await reviewer.get(f"/decisions/{decision}")).json()
    assert (read["outcome"], read["quota"], read["payments"]) == ("eligible", None, [])
    nik = people.nik_hash(load_residents()[0].nik)
    paid = {"state": "paid", "amount": 225000, "source": "Himbara"}
    async with database.write() as connection:
        quota = Incoming(2, (nik, ""), b"1", {"state": "placed", "source": "Kemensos"}, date(2026, 11, 1))
        await benefits.put(connection, database, "quota", [quota], 1, api.now)
        payment = Incoming(2, (nik, "2026-4"), b"2", paid, date(2026, 11, 20))
        await benefits.put(connection, database, "payments", [payment], 1, api.now)
    read = (await reviewer.get(f"/decisions/{decision}")).json()
    assert read["outcome"] == "eligible"
    assert read["quota"] == {"state": "placed", "source": "Kemensos", "as_of": "2026-11-01"}
    assert read["payments"] == [{**paid, "period": "2026-4", "as_of": "2026-11-20"}]
    found = (await reviewer.get(f"/registrations/{registration}")).json()
    assert (found["quota"], found["payments"]) == (read["quota"], read["payments"])


def test_what_a_family_comes_to_counts_four_persons_by_the_table_of_the_day() -> None:
    components = {"value": ["sd", "sd", "smp", "sma", "lansia", "balita"], "owner": "DTSEN", "as_of": None}
    inputs = {"data": {"components": components}}
    found = entitlement(inputs, datetime(2026, 11, 22, tzinfo=UTC))
    assert found is not None
    assert (found.table, found.yearly_amount) == ("pkh 2025-1", 8_900_000)
    assert found.components == ["balita", "lansia", "sma", "smp"]
    assert entitlement(inputs, datetime(2024, 11, 22, tzinfo=UTC)) is None
    assert entitlement({}, datetime(2026, 11, 22, tzinfo=UTC)) is None


async def test_a_registration_of_somebody_unproven_waits_for_their_face(api: Api, database: Database) -> None:
    portal = await api.call("portal")
    answer = await portal.post("/registrations", json=new_registration(), headers={"Idempotency-Key": "a-1"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["status"], made["channel"], made["nik"]) == ("waiting_identity", "portal", "************0012")
    assert made["account"] == "********1234"
    again = await portal.post("/registrations", json=new_registration(), headers={"Idempotency-Key": "a-1"})
    assert again.json()["id"] == made["id"]
    other = await portal.post("/registrations", json=new_registration(), headers={"Idempotency-Key": "a-2"})
    assert (other.status_code, other.json()["code"]) == (409, "registered_already")
    async with database.read() as connection:
        purposes = (await connection.execute(select(table(Consent).c.purpose))).scalars().all()
        stored = (await connection.execute(select(table(Registration).c.details))).scalar_one()
        level = (await connection.execute(select(table(Person).c.level))).scalar_one()
    assert sorted(purposes) == ["data_access", "face"]
    assert stored["components"] == ["sd", "smp"]
    assert level == "none"


async def test_a_registration_of_somebody_proven_goes_to_the_selection_by_itself(api: Api, database: Database) -> None:
    owner = Identity(WAHYUNI.nik, WAHYUNI.kk or "", WAHYUNI.name, "female", "1990-01-01", "35.10.16")
    async with database.write() as connection:
        await people.add(connection, database, [owner], "chat_precheck", api.now)
    portal = await api.call("portal")
    for _ in range(2):
        made = await portal.post("/registrations", json=new_registration(), headers={"Idempotency-Key": "b-1"})
        assert (made.status_code, made.json()["status"]) == (201, "submitted"), made.text
    async with database.read() as connection:
        queued = (await connection.execute(select(table(Job).c.id, table(Job).c.kind, table(Job).c.data))).all()
    assert [(job.kind, job.data) for job in queued] == [
        ("selection.run", {"registration_id": made.json()["id"]}),
        ("events.fan_out", {}),
    ]
    assert api.bus.waiting("jobs") == {job.id for job in queued}


async def test_an_officer_who_saw_the_person_lets_their_registration_go_on(api: Api, database: Database) -> None:
    made = (await (await api.call("portal")).post("/registrations", json=new_registration())).json()
    path = f"/people/{made['person_id']}/verify-in-person"
    assert (await (await api.call("reviewer", "64.71")).post(path)).status_code == 404
    seen = await (await api.call("reviewer", "35.10")).post(path)
    assert (seen.status_code, seen.json()["level"]) == (200, "in_person")
    assert len(api.bus.waiting("jobs")) == 2  # of the registration other systems hear, and now it is decided
    read = await (await api.call("reader")).get(f"/registrations/{made['id']}")
    assert read.json()["status"] == "submitted"


async def test_a_registration_that_breaks_a_rule_is_refused_and_the_value_not_repeated(api: Api, world: World) -> None:
    portal = await api.call("portal")
    no_consent = await portal.post("/registrations", json=new_registration(consents=["data_access"]))
    assert (no_consent.status_code, no_consent.json()["code"]) == (422, "consent_missing")
    no_nik = await portal.post("/registrations", json=new_registration(nik="351016420272001"))
    assert no_nik.status_code == 422
    assert no_nik.headers["content-type"] == "application/problem+json"
    assert no_nik.json()["errors"][0]["field"] == "body.nik"
    assert "351016420272001" not in no_nik.text
    bambang = load_residents()[1]
    other_card = new_registration(nik=bambang.nik, kk="3510160101100001", name=bambang.name)
    differs = await portal.post("/registrations", json=other_card)
    assert (differs.status_code, differs.json()["code"]) == (422, "nik_and_kk_differ")
    in_balikpapan = await api.call("portal", "64.71")
    assert (await in_balikpapan.post("/registrations", json=new_registration())).status_code == 403


async def test_an_officer_takes_up_asks_and_upholds_an_appeal(api: Api, world: World, database: Database) -> None:
    reviewer = await api.call("reviewer", "35.10")
    path = f"/appeals/{world.appeal}"
    assert (await reviewer.post(f"{path}/take-up")).json()["status"] == "in_review"
    asked = await reviewer.post(f"{path}/ask-more", json={"question": "Tolong kirim foto meteran."})
    assert asked.json()["status"] == "need_more"
    decided = await reviewer.post(
        f"{path}/resolve", json={"outcome": "upheld", "reason": "Rekening menunjukkan 900 VA."}
    )
    assert decided.status_code == 200, decided.text
    read = decided.json()
    assert (read["status"], read["outcome"], read["outcome_reason"]) == (
        "decided", "upheld", "Rekening menunjukkan 900 VA.",
    )  # fmt: skip
    assert [step["status"] for step in read["history"]] == ["received", "in_review", "need_more", "decided"]
    assert (await reviewer.post(f"{path}/take-up")).status_code == 409
    async with database.read() as connection:
        kinds = (await connection.execute(select(table(Job).c.kind))).scalars().all()
        notices = (
            await connection.execute(select(table(Inbox).c.provider_id).where(table(Inbox).c.channel == "notice"))
        ).all()
        actors = set((await connection.execute(select(table(AppealEvent).c.actor))).scalars())
    assert [kind for kind in kinds if kind != "events.fan_out"] == ["selection.run"]
    assert len(notices) == 3
    assert actors == {"chat", "key:reviewer-35.10"}
    assert api.bus.waiting("jobs")
    assert api.bus.waiting("turns") == {world.chats[world.bambang]}


async def test_a_resolution_needs_its_reason_and_what_was_contested(api: Api, world: World) -> None:
    reviewer = await api.call("reviewer")
    path = f"/appeals/{world.appeal}/resolve"
    blank = await reviewer.post(path, json={"outcome": "rejected", "reason": "  "})
    assert (blank.status_code, blank.json()["errors"][0]["field"]) == (422, "body.reason")
    partly = await reviewer.post(path, json={"outcome": "partly", "reason": "ya", "accepted": ["income"]})
    assert (partly.status_code, partly.json()["code"]) == (422, "not_contested")
    elsewhere = await api.call("reviewer", "64.71")
    assert (await elsewhere.post(path, json={"outcome": "rejected", "reason": "tidak"})).status_code == 404


async def test_an_appeal_is_handed_in_with_evidence(api: Api, world: World, meter: bytes, database: Database) -> None:
    portal = await api.call("portal")
    given = {
        "decision_id": world.decisions[world.nurhayati],
        "kind": "data_wrong",
        "reasons": ["electricity"],
        "statement": "Daya rumah 900 VA.",
    }
    made = await portal.post("/appeals", json=given, headers={"Idempotency-Key": "x"})
    assert made.status_code == 201, made.text
    assert (await portal.post("/appeals", json=given, headers={"Idempotency-Key": "x"})).json()["id"] == made.json()[
        "id"
    ]
    assert (await portal.post("/appeals", json=given)).json()["code"] == "open_already"
    path = f"/appeals/{made.json()['id']}/evidence"
    added = await portal.post(path, files=[("photos", ("meter.jpg", meter, "image/jpeg"))])
    assert added.status_code == 201, added.text
    photo = added.json()["evidence"][0]["id"]
    refused = await portal.post(path, files=[("photos", ("x.jpg", b"%PDF-1.7 not a photo", "image/jpeg"))])
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.photos")
    assert (await portal.get(f"{path}/{photo}")).status_code == 403
    seen = await (await api.call("reviewer")).get(f"{path}/{photo}")
    assert seen.headers["content-type"] == "image/jpeg"
    assert seen.headers["cache-control"] == "no-store"
    assert seen.content[:3] == b"\xff\xd8\xff"
    async with database.read() as connection:
        actions = (await connection.execute(select(table(AuditEvent).c.action))).scalars().all()
    assert actions == ["appeal.filed", "appeal.evidence", "evidence.viewed"]


async def test_a_misused_nik_is_never_contested_by_a_system_whatever_a_chat_has_seen(
    api: Api, world: World, database: Database
) -> None:
    portal = await api.call("portal")
    given = {"decision_id": world.decisions[world.nurhayati], "kind": "nik_misused", "not_mine": ["electricity"]}
    refused = await portal.post("/appeals", json=given)
    assert (refused.status_code, refused.json()["code"]) == (403, "no_fresh_face_of_the_owner")
    await _face(database, world.nurhayati, world, api, timedelta(minutes=2))
    for role in ("portal", "admin"):
        answer = await (await api.call(role)).post("/appeals", json=given)
        assert (answer.status_code, answer.json()["code"]) == (403, "no_fresh_face_of_the_owner")


async def _face(database: Database, person: int, world: World, api: Api, ago: timedelta) -> None:
    async with database.write() as connection:
        owner = (await people.by_ids(connection, [person]))[person]
        await photos.add_check(
            connection,
            {
                "conversation_id": world.chats[person], "person_id": person, "nik_hash": owner.nik_hash,
                "outcome": "match", "score": 0.9, "transaction_id": f"t{ago.seconds}", "purpose": "appeal", "at": api.now - ago,
            },
        )  # fmt: skip


async def test_a_person_is_found_by_nik_in_a_body_and_shown_masked(api: Api, world: World) -> None:
    portal = await api.call("portal", "35.10")
    found = (await portal.post("/people/search", json={"nik": load_residents()[0].nik})).json()["items"]
    assert [(one["id"], one["name"], one["nik"]) for one in found] == [(world.siti, "S*** A*****", "************0001")]
    elsewhere = await portal.post("/people/search", json={"nik": load_residents()[3].nik})
    assert elsewhere.json() == {"items": []}
    reader = await api.call("reader")
    assert (await reader.get(f"/people/{world.siti}")).json()["name"] == "S*** A*****"


async def test_messages_hide_long_numbers_and_an_officer_answers_once(api: Api, world: World) -> None:
    reviewer = await api.call("reviewer")
    chat = world.chats[world.bambang]
    lines = (await reviewer.get(f"/conversations/{chat}/messages")).json()["items"]
    assert [line["incoming"] for line in lines] == [True, False]
    assert "3510 0917" not in lines[0]["text"]
    assert "************0002" in lines[0]["text"]
    words = {"text": "Besok pagi kami periksa."}
    first = await reviewer.post(f"/conversations/{chat}/messages", json=words, headers={"Idempotency-Key": "m1"})
    again = await reviewer.post(f"/conversations/{chat}/messages", json=words, headers={"Idempotency-Key": "m1"})
    assert (first.status_code, first.json(), again.json()) == (202, {"sent": True}, {"sent": True})
    assert api.bus.waiting("turns") == {chat}


async def test_the_selection_is_started_for_a_region(api: Api, world: World, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(table(Registration).update().values(status="submitted"))
    admin = await api.call("admin")
    started = await admin.post("/selections", json={"region": "35.10"})
    told = started.json()
    assert (started.status_code, told["total"], told["region"], told["status"]) == (202, 2, "35.10", "running")
    assert len(api.bus.waiting("jobs")) == 2
    assert (await admin.post("/selections", json={"region": "35.10"})).json() == told
    assert (await admin.get(f"/selections/{told['id']}")).json() == told
    in_balikpapan = await api.call("admin", "64.71")
    there = (await in_balikpapan.post("/selections", json={})).json()
    assert (there["total"], there["region"]) == (1, "64.71")
    assert (await in_balikpapan.get(f"/selections/{told['id']}")).status_code == 404
    assert [one["id"] for one in (await in_balikpapan.get("/selections")).json()["items"]] == [there["id"]]
    assert (await in_balikpapan.post("/selections", json={"region": "35"})).status_code == 403


async def test_the_rules_of_a_decision_are_read_by_their_content(api: Api, world: World) -> None:
    reader = await api.call("reader")
    listed = (await reader.get("/rule-sets")).json()["items"]
    assert {(one["rule_set"], one["state"], one["activated_by"]) for one in listed} == {
        ("pkh", "active", "release"), ("pkh-pilot", "active", "release"),
    }  # fmt: skip
    pilot = next(one for one in listed if one["rule_set"] == "pkh-pilot")
    read = (await reader.get(f"/rule-sets/{pilot['digest']}")).json()
    assert read["thresholds"]["decile_highest"]["default"] == 2
    assert read["thresholds"]["income_limit"]["by_region"]["35.10"] == 2_989_145
    [electricity] = [rule for rule in read["rules"] if rule["code"] == "electricity"]
    assert (electricity["when"], electricity["limit"]) == ("power_va > power_va_limit", "power_va_limit")
    assert (await reader.get(f"/rule-sets/{'0' * 64}")).status_code == 404


async def test_stats_count_the_stages(api: Api, world: World) -> None:
    read = (await (await api.call("reader")).get("/stats")).json()
    assert (read["registered"], read["decided"], read["told"], read["appealed"]) == (3, 3, 0, 1)
    assert read["outcomes"] == [{"key": "eligible", "count": 1}, {"key": "not_eligible", "count": 2}]
    assert read["by_region"] == [{"key": "35.10", "count": 2}, {"key": "64.71", "count": 1}]
    assert read["by_day"] == [{"key": "2026-11-22", "count": 3}]
    here = (await (await api.call("reader", "64.71")).get("/stats")).json()
    assert (here["registered"], here["appealed"]) == (1, 0)


async def test_the_audit_log_names_who_did_what(api: Api, world: World) -> None:
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/take-up")
    reader = await api.call("reader")
    read = (await reader.get("/audit-events", params={"subject": f"appeal:{world.appeal}"})).json()["items"]
    assert [(one["actor"], one["action"]) for one in read] == [("key:reviewer-all", "appeal.in_review")]
    assert (await (await api.call("reader", "35.10")).get("/audit-events")).status_code == 403
