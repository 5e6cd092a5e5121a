"""The console in a process of its own over a real database, and a browser to look at it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.models import Region, table
from backend.services.accounts import UserRole, add_user
from tests.api.world import World, drawn_meter, write_world
from tests.console.serving import KEYS

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "sandi-untuk-uji-coba"
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def ring_entries() -> str:
    """A key ring that the console's process can be given."""
    return crypto.new_key()


@dataclass(slots=True)
class Console:
    """The served console with its world and three logins, each named as its role, and one for Balikpapan."""

    url: str
    world: World
    database: Database
    now: datetime

    async def http(self, login: str) -> httpx.AsyncClient:
        """A browser without JavaScript, logged in."""
        client = httpx.AsyncClient(base_url=self.url, timeout=30)
        answer = await client.post("/console/login", data={"login": login, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client


@pytest.fixture
async def console(
    database_url: str, database: Database, ring_entries: str, tmp_path: Path, now: datetime, free_port: int
) -> AsyncIterator[Console]:
    crypto.use(crypto.KeyRing(ring_entries))
    ring = crypto.ring()
    photos = PhotoStore(f"file:{tmp_path / 'photos'}", ring.seal, ring.open)
    world = await write_world(database, photos, now, drawn_meter())
    async with database.write() as connection:
        names = {"35.10": "Banyuwangi", "64.71": "Balikpapan", "35.10.16": "Banyuwangi", "35.10.09": "Genteng"}
        rows = [{"code": code, "name": name} for code, name in names.items()]
        await connection.execute(table(Region).insert(), rows)
    for role in UserRole:
        await add_user(database, role.value, f"Petugas {role.value}", PASSWORD, role, "", now)
    await add_user(database, "balikpapan", "Petugas Balikpapan", PASSWORD, UserRole.REVIEWER, "64.71", now)
    command = [sys.executable, "-m", "tests.console.serving", database_url, str(tmp_path / "photos"), str(free_port)]
    # NiceGUI tells by pytest's own variable that it is under test, and then waits for a test plugin of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NICEGUI_"))}
    process = await asyncio.create_subprocess_exec(*command, now.isoformat(), env={**environment, KEYS: ring_entries})
    try:
        url = f"http://127.0.0.1:{free_port}"
        await _answers(url, process)
        yield Console(url, world, database, now)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def _answers(url: str, process: Process) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(200):
            assert process.returncode is None, "the console ended"
            try:
                await client.get(f"{url}/console/login")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return
    raise AssertionError("the console does not answer")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def log_in(browser: Browser, console: Console, login: str, *, narrow: bool = False) -> Page:
    """A page on which this login has just come in."""
    context = await browser.new_context(viewport=NARROW if narrow else WIDE, locale="id-ID")  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{console.url}/console")
    await page.get_by_label("Nama pengguna").fill(login)
    await page.get_by_label("Kata sandi").fill(PASSWORD)
    await page.get_by_role("button", name="Masuk").click()
    await page.get_by_role("heading", name="Ringkasan").wait_for()
    return page
