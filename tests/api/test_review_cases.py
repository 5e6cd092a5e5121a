"""Review cases through the API: who sees which, what is masked, and an officer's word on one."""

from __future__ import annotations

from typing import Any

from backend.db import Database
from backend.models import AuditEvent, table
from backend.sandbox.residents import load_residents
from tests.api.conftest import Api
from tests.api.world import World

RESIDENTS = load_residents()


async def test_a_case_shows_its_people_side_by_side_and_masked(api: Api, world: World) -> None:
    reviewer = await api.call("reviewer", "35.10")
    listed = (await reviewer.get("/review-cases", params={"state": "open", "kind": "account"})).json()
    [case] = listed["items"]
    assert (case["kind"], case["state"], case["members"], listed["next"]) == ("account", "open", 3, None)
    answer = await reviewer.get(f"/review-cases/{case['id']}")
    read = answer.json()
    assert read["matches"] == ["account"]
    assert [(one["number"], one["name"], one["account"]) for one in read["shown"]] == [
        ("PRL-7K2M-92", "S*** A*****", "********1234"),
        ("PRL-7K2M-93", "B****** S*******", "********1234"),
        ("PRL-7K2M-94", "", "********1234"),
    ]
    assert not any(str(one.nik) in answer.text or (one.kk or "-") in answer.text for one in RESIDENTS)
    elsewhere = await api.call("reviewer", "64.72")
    assert (await elsewhere.get("/review-cases")).json()["items"] == []
    assert (await elsewhere.get(f"/review-cases/{case['id']}")).status_code == 404
    assert (await (await api.call("portal")).get("/review-cases")).status_code == 403


async def test_an_officer_decides_once_with_a_reason(api: Api, world: World, database: Database) -> None:
    reviewer = await api.call("reviewer")
    word: dict[str, Any] = {"state": "cleared", "reason": "Rekening bersama milik koperasi."}
    path = f"/review-cases/{world.case}/decide"
    assert (await (await api.call("reader")).post(path, json=word)).status_code == 403
    assert (await (await api.call("reviewer", "64.72")).post(path, json=word)).status_code == 404
    assert (await reviewer.post(path, json={**word, "reason": " "})).status_code == 422
    named = {"Idempotency-Key": "case-1"}
    for _ in range(2):
        done = await reviewer.post(path, json=word, headers=named)
        assert (done.status_code, done.json()["state"]) == (200, "cleared"), done.text
    assert done.json()["reason"] == "Rekening bersama milik koperasi."
    again = await reviewer.post(path, json={**word, "state": "confirmed"})
    assert (again.status_code, again.json()["code"]) == (409, "case_closed")
    assert (await reviewer.get("/review-cases", params={"state": "open"})).json()["items"] == []
    async with database.read() as connection:
        acts = (await connection.execute(table(AuditEvent).select())).all()
    assert [(act.subject, act.data) for act in acts if act.action == "review_case.cleared"] == [
        (f"review_case:{world.case}", {"kind": "account"})
    ]
    assert all("decision" not in act.action for act in acts)
