"""The API keeps what its OpenAPI document promises, for whatever a generator thinks of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from backend import crypto
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from backend.services.accounts import KeyRole, create_key
from tests.api.world import api_over, drawn_meter, write_world

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 12


@pytest.fixture
def served(
    database_url: str, tmp_path: Path, now: datetime, serve_app: Callable[[Callable[..., Any]], str]
) -> tuple[str, str]:
    """The URL of an API with a small world in it, and a key of an admin."""

    async def prepare() -> str:
        database = Database(database_url)
        ring = crypto.ring()
        await write_world(database, PhotoStore(f"file:{tmp_path / 'p'}", ring.seal, ring.open), now, drawn_meter())
        key = await create_key(database, "schemathesis", KeyRole.ADMIN, "", None, now)
        await database.close()
        return key.secret

    secret = asyncio.run(prepare())
    app, _ = api_over(database_url, tmp_path / "p", lambda: now)
    return serve_app(app), secret


def test_every_operation_keeps_its_promise(served: tuple[str, str]) -> None:
    url, secret = served
    document = httpx.get(f"{url}/openapi.json", timeout=30).json()
    operations = list(schemathesis.openapi.from_dict(document).get_all_operations())
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())
    for found in operations:
        assert isinstance(found, Ok)
        _keeps(found.ok(), url, {"Authorization": f"Bearer {secret}"})


def _keeps(operation: Any, url: str, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def keeps(case: Any) -> None:
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=20)

    keeps()
