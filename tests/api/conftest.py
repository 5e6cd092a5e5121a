"""The API over a real database and a real socket, and a caller for each role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.services.accounts import KeyRole, create_key
from tests.api.world import RecordingBus, World, api_over, drawn_meter, write_world


@pytest.fixture(scope="session")
def meter() -> bytes:
    return drawn_meter()


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

    async def call(self, role: KeyRole | str, region: str = "", *, personal: bool = False) -> httpx.AsyncClient:
        name = f"{role}-{region or 'all'}"
        key = await create_key(self.database, name, KeyRole(role), region, None, self.now, personal=personal)
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
