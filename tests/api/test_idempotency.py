"""A POST that is sent again under its name happens once, on every route that takes a POST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from backend import crypto
from backend.api.app import routes
from backend.db import Database
from backend.models import AuditEvent, IdempotencyKey, Outbox, Registration, table
from backend.services.accounts import KeyRole, create_key
from backend.services.retention import forget_answers
from tests.api.conftest import Api
from tests.api.test_cases import new_registration
from tests.api.test_facilitators import SITI
from tests.api.world import World, api_over

POSTS = [route for route in routes() if "POST" in (route.methods or ())]
KEYS = table(IdempotencyKey)


async def subscription(admin: httpx.AsyncClient) -> str:
    """Where a subscription to events lies."""
    made = await admin.post("/events/subscriptions", json={"url": "https://portal.example.go.id/hook"})
    return f"/events/subscriptions/{made.json()['id']}"


def bodies(world: World, meter: bytes, told: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """What each POST of the API takes: a route without a line here fails the walk, and so is not forgotten."""
    appeal, photos = f"/appeals/{world.appeal}", [("photos", ("meter.jpg", meter, "image/jpeg"))]
    contest = {
        "decision_id": world.decisions[world.nurhayati],
        "kind": "data_wrong",
        "reasons": ["electricity"],
        "statement": "Daya rumah 900 VA.",
    }
    return {
        "create_registration": ("/registrations", {"json": new_registration()}),
        "run_selection": ("/selections", {"json": {"region": "35.10"}}),
        "create_appeal": ("/appeals", {"json": contest}),
        "add_evidence": (f"{appeal}/evidence", {"files": photos}),
        "take_up_appeal": (f"{appeal}/take-up", {}),
        "ask_more": (f"{appeal}/ask-more", {"json": {"question": "Tolong kirim foto meteran."}}),
        "check_on_the_spot": (f"{appeal}/field-check", {}),
        "resolve_appeal": (f"{appeal}/resolve", {"json": {"outcome": "rejected", "reason": "Daya 2200 VA."}}),
        "decide_review_case": (f"/review-cases/{world.case}/decide", {"json": {"state": "cleared", "reason": "Beda orang."}}),
        "send_message": (f"/conversations/{world.chats[world.bambang]}/messages", {"json": {"text": "Besok kami periksa."}}),
        "search_people": ("/people/search", {"json": {"nik": "3510164503870001"}}),
        "create_broadcast": ("/broadcasts", {"json": {"name": "Kabar", "template": "status"}}),
        "step_broadcast": (f"/broadcasts/{world.broadcast}/step", {"json": {"act": "freeze"}}),
        "create_facilitator": ("/facilitators", {"json": SITI}),
        "new_facilitator_code": (f"/facilitators/{world.facilitator}/code", {}),
        "end_facilitator": (f"/facilitators/{world.facilitator}/end", {}),
        "create_subscription": ("/events/subscriptions", {"json": {"url": "https://portal.example.go.id/two"}}),
        "rotate_secret": (f"{told}/rotate", {}),
        "try_subscription": (f"{told}/test", {}),
        "replay_events": (f"{told}/replay", {"json": {"since": "2026-11-01T00:00:00Z"}}),
        "verify_person": (f"/people/{world.nurhayati}/verify-in-person", {}),
    }  # fmt: skip


async def rows(database: Database) -> int:
    """How much has been written down: every act leaves a line in the audit log, a message or a registration."""
    async with database.read() as connection:
        found = [
            (await connection.execute(select(func.count()).select_from(table(model)))).scalar_one()
            for model in (AuditEvent, Outbox, Registration)
        ]
    return sum(found)


@pytest.mark.parametrize("name", [route.name for route in POSTS])
async def test_every_post_happens_once_under_its_name(
    api: Api, world: World, meter: bytes, database: Database, name: str
) -> None:
    admin = await api.call("admin")
    path, given = bodies(world, meter, await subscription(admin))[name]
    named = {"Idempotency-Key": f"{name}-1"}
    first = await admin.post(path, **given, headers=named)
    assert first.is_success, first.text
    written = await rows(database)
    again = await admin.post(path, **given, headers=named)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await rows(database) == written
    other = await admin.post(f"{path}?again=1", **given, headers=named)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    document = (await admin.get(f"{api.url}/openapi.json")).json()
    [route] = [route for route in POSTS if route.name == name]
    assert [p["name"] for p in document["paths"][route.path]["post"]["parameters"]].count("Idempotency-Key") == 1


async def test_another_body_under_the_same_name_is_refused_and_another_caller_has_names_of_its_own(
    api: Api, world: World
) -> None:
    reviewer, admin = await api.call("reviewer"), await api.call("admin")
    path, named = f"/conversations/{world.chats[world.bambang]}/messages", {"Idempotency-Key": "m1"}
    assert (await reviewer.post(path, json={"text": "satu"}, headers=named)).json() == {"sent": True}
    other = await reviewer.post(path, json={"text": "dua"}, headers=named)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert "dua" not in other.text
    assert "idempotent-replayed" not in (await admin.post(path, json={"text": "dua"}, headers=named)).headers


async def test_many_at_the_same_time_have_one_effect(api: Api, world: World, database: Database) -> None:
    portal = await api.call("portal")
    named = {"Idempotency-Key": "r-1"}
    answers = await asyncio.gather(
        *(portal.post("/registrations", json=new_registration(), headers=named) for _ in range(8))
    )
    made = [answer for answer in answers if answer.status_code == 201]
    waits = [answer for answer in answers if answer.status_code == 409]
    assert made
    assert len({answer.json()["id"] for answer in made}) == 1
    assert len(made) + len(waits) == 8
    assert all(answer.json()["code"] == "in_progress" and answer.headers["retry-after"] for answer in waits)
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(table(Registration)))).scalar_one() == 4
    assert (await portal.post("/registrations", json=new_registration(), headers=named)).content == made[0].content


async def test_a_problem_leaves_the_name_free(api: Api, world: World, database: Database) -> None:
    portal = await api.call("portal")
    named = {"Idempotency-Key": "p-1"}
    refused = await portal.post("/registrations", json=new_registration(consents=["face"]), headers=named)
    assert refused.status_code == 422
    assert (await portal.post("/registrations", json=new_registration(), headers=named)).status_code == 201
    stranger = await api.client({})
    assert (await stranger.post("/registrations", json=new_registration(), headers=named)).status_code == 401
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(KEYS))).scalar_one() == 1


async def test_a_request_whose_process_died_is_begun_anew_after_its_lease(
    database: Database, database_url: str, tmp_path: Path, now: datetime, world: World,
    serve_app: Callable[[Callable[..., Any]], str],
) -> None:  # fmt: skip
    clock = [now]
    app, _ = api_over(database_url, tmp_path / "photos", lambda: clock[0])
    key = await create_key(database, "k", KeyRole.ADMIN, "", None, now)
    url = f"{serve_app(app)}/api/v1/people/search"
    named = {"Authorization": f"Bearer {key.secret}", "Idempotency-Key": "s-1"}
    async with httpx.AsyncClient(headers=named) as client:
        asked = {"nik": "3510164503870001"}
        assert (await client.post(url, json=asked)).status_code == 200
        async with database.write() as connection:
            await connection.execute(update(KEYS).values(status=None, answer=None))
        assert (await client.post(url, json=asked)).json()["code"] == "in_progress"
        clock[0] += timedelta(minutes=3)
        assert "idempotent-replayed" not in (await client.post(url, json=asked)).headers
        assert (await client.post(url, json=asked)).headers["idempotent-replayed"] == "true"
        clock[0] += timedelta(hours=25)
        assert "idempotent-replayed" not in (await client.post(url, json={"nik": "3510091708790002"})).headers
    assert await forget_answers(database, clock[0]) == 0
    assert await forget_answers(database, clock[0] + timedelta(hours=25)) == 1


async def test_neither_the_name_nor_the_answer_rests_in_clear(api: Api, world: World, database: Database) -> None:
    admin = await api.call("admin")
    named = {"Idempotency-Key": "3510164503870001"}
    assert (await admin.post("/people/search", json={"nik": "3510164503870001"}, headers=named)).status_code == 200
    async with database.read() as connection:
        [stored] = (await connection.exec_driver_sql("SELECT * FROM idempotency_keys")).all()
    held = b"".join(bytes(part) for part in stored if isinstance(part, bytes | memoryview))
    assert b"3510164503870001" not in held
    assert b"A*****" not in held
    assert crypto.ring().index("idempotency.name", "3510164503870001") in held
