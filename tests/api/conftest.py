"""The API over a real database and a real socket, and a caller for each role."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.services.accounts import KeyRole, create_key
from tests.api.world import RecordingBus, World, api_over, write_world


@pytest.fixture(scope="session")
def meter() -> bytes:
    """A photo of a meter, drawn: sharp and bright enough to be read."""
    picture = Image.new("RGB", (900, 700), (214, 220, 224))
    draw = ImageDraw.Draw(picture)
    for row in range(12):
        draw.rectangle((60, 30 + row * 55, 60 + (row * 97) % 700 + 80, 60 + row * 55), fill=(30, 34, 40))
        draw.text((70, 35 + row * 55), f"kWh {row * 7919} daya 900 VA", fill=(250, 250, 250))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> PhotoStore:
    ring = crypto.ring()
    return PhotoStore(f"file:{tmp_path / 'photos'}", ring.seal, ring.open)


@pytest.fixture
async def world(database: Database, store: PhotoStore, now: datetime, meter: bytes) -> World:
    return await write_world(database, store, now, meter)


@dataclass(slots=True)
class Api:
    """The served API. `call(role)` is a client of that role for every region, `call(role, region)` for one."""

    url: str
    bus: RecordingBus
    database: Database
    now: datetime
    stack: AsyncExitStack

    async def call(self, role: KeyRole | str, region: str = "") -> httpx.AsyncClient:
        key = await create_key(self.database, f"{role}-{region or 'all'}", KeyRole(role), region, None, self.now)
        return await self.client({"Authorization": f"Bearer {key.secret}"})

    async def client(self, headers: dict[str, Any]) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)
        return await self.stack.enter_async_context(client)


@pytest.fixture
async def api(
    database: Database, database_url: str, tmp_path: Path, now: datetime, serve_app: Callable[[Callable[..., Any]], str]
) -> AsyncIterator[Api]:
    app, bus = api_over(database_url, tmp_path / "photos", lambda: now)
    async with AsyncExitStack() as stack:
        yield Api(serve_app(app), bus, database, now, stack)
