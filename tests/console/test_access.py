"""Who gets where in the console, over plain HTTP and in a browser."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser
from sqlalchemy import select

from backend.models import Appeal, AuditEvent, User, table
from backend.services.accounts import disable_user
from tests.console.conftest import PASSWORD, Console, log_in

PAGES = (
    "/console",
    "/console/registrations",
    "/console/appeals",
    "/console/appeals/1",
    "/console/tickets",
    "/console/tickets/1",
    "/console/review-cases",
    "/console/review-cases/1",
    "/console/broadcasts",
    "/console/broadcasts/1",
)


async def test_without_a_login_there_is_only_the_door(console: Console) -> None:
    async with httpx.AsyncClient(base_url=console.url) as stranger:
        for page in PAGES:
            answer = await stranger.get(page)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/console/login"), page
        assert (await stranger.get(f"/console/evidence/{console.world.photo}")).status_code == 401
        assert (await stranger.get("/console/registrations.csv")).status_code == 303
        stranger.cookies.set("perlinsos_console", "1.99999999999.00")
        assert (await stranger.get("/console")).status_code == 303
        wrong = await stranger.post("/console/login", data={"login": "admin", "password": "salah"})
        assert wrong.status_code == 401
        assert "belum cocok" in wrong.text


async def test_the_cookie_is_closed_and_the_login_leads_nowhere_else(console: Console) -> None:
    async with httpx.AsyncClient(base_url=console.url) as client:
        for wanted in (
            "https://evil.example/console",
            "//evil.example",
            "/console/../api",
            "/simulator",
            "/console\\evil",
        ):
            given = {"login": "admin", "password": PASSWORD, "next": wanted}
            answer = await client.post("/console/login", data=given)
            assert answer.headers["location"] == "/console"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_disabled_login_and_a_new_password_end_what_is_open(console: Console) -> None:
    reviewer, admin = await console.http("reviewer"), await console.http("admin")
    assert (await reviewer.get("/console/appeals")).status_code == 200
    await disable_user(console.database, "reviewer")
    assert (await reviewer.get("/console/appeals")).status_code == 303
    async with console.database.write() as connection:
        await connection.execute(table(User).update().where(table(User).c.login == "admin").values(password_hash="x"))
    assert (await admin.get("/console/appeals")).status_code == 303
    await reviewer.aclose()
    await admin.aclose()


async def test_a_region_bounds_what_is_seen(console: Console) -> None:
    client = await console.http("balikpapan")
    listed = await client.get("/console/registrations")
    assert "PRL-7K2M-94" in listed.text
    assert "PRL-7K2M-93" not in listed.text
    assert "SGH-7K2M-93" not in (await client.get(f"/console/appeals/{console.world.appeal}")).text
    assert "TKT-7K2M-93" not in (await client.get(f"/console/tickets/{console.world.ticket}")).text
    assert (await client.get(f"/console/evidence/{console.world.photo}")).status_code == 404
    table_file = (await client.get("/console/registrations.csv")).text
    assert "PRL-7K2M-94" in table_file
    assert "PRL-7K2M-92" not in table_file
    await client.aclose()


async def test_the_file_is_filtered_masked_and_noted(console: Console) -> None:
    auditor = await console.http("auditor")
    lines = (await auditor.get("/console/registrations.csv", params={"outcome": "eligible"})).text.splitlines()
    assert len(lines) == 2
    assert "S*** A*****" in lines[1]
    assert "************0001" in lines[1]
    async with console.database.read() as connection:
        acts = (await connection.execute(select(table(AuditEvent).c.actor, table(AuditEvent).c.action))).all()
    assert ("auditor", "registrations.exported") in set(map(tuple, acts))
    await auditor.aclose()


async def test_no_page_holds_a_full_nik(console: Console) -> None:
    admin = await console.http("admin")
    for page in PAGES:
        text = (await admin.get(page)).text
        assert "3510091708790002" not in text, page
        assert "3510 0917 0879 0002" not in text, page
    await admin.aclose()


async def test_an_auditor_reads_and_finds_nothing_to_act_with(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "auditor")
    await page.goto(f"{console.url}/console/appeals/{console.world.appeal}")
    await page.get_by_role("heading", name="Sanggah SGH-7K2M-93").wait_for()
    await page.get_by_text("B****** S*******").wait_for()
    assert await page.get_by_role("button", name="Putuskan").count() == 0
    await page.goto(f"{console.url}/console/tickets/{console.world.ticket}")
    await page.get_by_role("heading", name="Tiket TKT-7K2M-93").wait_for()
    assert await page.get_by_role("button", name="Kirim dan tutup tiket").count() == 0


async def test_an_open_page_of_somebody_who_was_demoted_does_nothing(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "reviewer")
    await page.goto(f"{console.url}/console/appeals/{console.world.appeal}")
    await page.get_by_role("button", name="Mulai periksa").wait_for()
    async with console.database.write() as connection:
        await connection.execute(table(User).update().where(table(User).c.login == "reviewer").values(role="auditor"))
    await page.get_by_role("button", name="Mulai periksa").click()
    await page.get_by_text("Peran Anda hanya untuk melihat.").wait_for()
    async with console.database.read() as connection:
        assert (await connection.execute(select(table(Appeal).c.status))).scalar_one() == "received"


@pytest.mark.parametrize("query", ["page=0", "page=99999999999", "status=%27", "region=..%2f", "number=%00", "page=-1"])
async def test_a_strange_address_is_a_page_too(console: Console, query: str) -> None:
    admin = await console.http("admin")
    assert (await admin.get(f"/console/registrations?{query}")).status_code == 200
    await admin.aclose()


async def test_logging_out_ends_it(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "admin")
    await page.get_by_role("button", name="Keluar").click()
    await page.get_by_label("Nama pengguna").wait_for()
    await page.goto(f"{console.url}/console/appeals")
    assert page.url.endswith("/console/login?next=/console/appeals")
