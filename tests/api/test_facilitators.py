"""Facilitators through API and command line: who may make them, where, and that a NIK or an old code never comes out."""

from __future__ import annotations

import re
from typing import Any

from backend.services.accounts import KeyRole
from tests.api.conftest import Api
from tests.command_line import Runner

SITI: dict[str, Any] = {
    "nik": "3510164503870001",
    "name": "Siti Aminah",
    "role": "pkh",
    "regions": ["35.10.16"],
    "until": "2027-05-31",
}
BAMBANG = {**SITI, "nik": "3510091708790002", "name": "Bambang", "regions": ["64.71"]}


async def test_an_officer_makes_one_and_ends_them(api: Api) -> None:
    officer = await api.call(KeyRole.REVIEWER, "35.10")
    made = await officer.post("/facilitators", json=SITI)
    assert made.status_code == 201, made.text
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", made.json()["code"])
    shown = made.json()["facilitator"]
    assert (shown["role"], shown["regions"], shown["state"]) == ("pkh", ["35.10.16"], "waiting")
    listed = (await officer.get("/facilitators")).json()["items"]
    assert [row["id"] for row in listed] == [shown["id"]]
    again = await officer.post(f"/facilitators/{shown['id']}/code")
    assert again.json()["code"] != made.json()["code"]
    for _ in range(2):
        ended = await officer.post(f"/facilitators/{shown['id']}/end")
        assert ended.json()["state"] == "over"
    assert (await officer.post(f"/facilitators/{shown['id']}/code")).status_code == 409
    for answer in (made, again, ended, await officer.get("/facilitators")):
        assert SITI["nik"] not in answer.text


async def test_a_request_that_is_sent_again_makes_nothing_twice(api: Api) -> None:
    officer = await api.call(KeyRole.ADMIN)
    named = {"Idempotency-Key": "facilitator-1"}
    first = (await officer.post("/facilitators", json=SITI, headers=named)).json()
    second = await officer.post("/facilitators", json=SITI, headers=named)
    assert (second.status_code, second.json()) == (201, first)
    assert (await officer.post("/facilitators", json=SITI)).status_code == 409
    path = f"/facilitators/{first['facilitator']['id']}/code"
    codes = [(await officer.post(path, headers={"Idempotency-Key": "code-1"})).json()["code"] for _ in range(2)]
    assert codes[0] == codes[1] != first["code"]


async def test_outside_of_a_region_there_is_nobody(api: Api) -> None:
    everywhere = await api.call(KeyRole.ADMIN)
    far = (await everywhere.post("/facilitators", json=BAMBANG)).json()["facilitator"]["id"]
    officer = await api.call(KeyRole.REVIEWER, "35.10")
    assert (await officer.post("/facilitators", json=BAMBANG)).status_code == 403
    assert (await officer.get("/facilitators")).json()["items"] == []
    for method, path in (("GET", ""), ("POST", "/code"), ("POST", "/end")):
        answer = await officer.request(method, f"/facilitators/{far}{path}")
        unknown = await officer.request(method, f"/facilitators/999999{path}")
        assert (answer.status_code, answer.json()) == (404, unknown.json())


async def test_what_cannot_be_a_facilitator(api: Api) -> None:
    officer = await api.call(KeyRole.ADMIN)
    for change, status in (({"nik": "1111111111111111"}, 422), ({"regions": []}, 422), ({"until": "2026-01-01"}, 409)):
        answer = await officer.post("/facilitators", json={**SITI, **change})
        assert answer.status_code == status, answer.text
        assert SITI["nik"] not in answer.text


def test_the_command_line_makes_lists_renews_and_ends(run: Runner) -> None:
    add = ("facilitator", "add", "Siti Aminah", "--role", "pkh", "--region", "35.10.16")
    made = run(*add, given=f"{SITI['nik']}\n")
    assert made.exit_code == 0, made.output
    assert re.search(r"facilitator 1: code [2-9A-Z]{4}-[2-9A-Z]{4}, shown this once", " ".join(made.output.split()))
    assert SITI["nik"] not in made.output
    assert "already" in run(*add, given=f"{SITI['nik']}\n").output
    assert run("facilitator", "code", "1").exit_code == 0
    assert "Siti Aminah" in run("facilitator", "list").output
    assert run("facilitator", "end", "1").exit_code == 0
    assert "over" in run("facilitator", "list").output
    assert run("facilitator", "end", "7").exit_code == 1
    assert run(*add, given="123\n").exit_code == 1
