"""The webhooks on a database of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from backend.db import Database
from backend.gateways.http import HttpClient
from bot.handlers.receipts import Receipts
from bot.handlers.webhooks import Webhooks, telegram_routes, whatsapp_routes
from tests.handlers.support import Bench
from tests.handlers.webhooks import ACCOUNT, AUTH_TOKEN, PUBLIC, SECRET, Edge, served


@pytest.fixture
async def edge(database: Database, http: HttpClient) -> AsyncIterator[Edge]:
    bench = Bench(database)
    app = FastAPI()
    routes = telegram_routes(bench.intake, SECRET)
    routes |= whatsapp_routes(bench.intake, Receipts(database, bench.clock), AUTH_TOKEN, ACCOUNT, f"{PUBLIC}/")
    app.add_middleware(Webhooks, routes=routes)
    async with served(app) as url:
        yield Edge(bench, http, url)
