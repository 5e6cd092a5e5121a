"""Everything that goes wrong is answered as problem details, and nothing that was sent is repeated or logged."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from backend.api.problems import MOST_JSON_BYTES, add_handlers
from tests.api.conftest import Api

SECRET = "3510164503870001"


async def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert SECRET not in answer.text
    return found


async def test_what_is_no_route_is_not_found_and_a_wrong_method_names_the_right_ones(api: Api) -> None:
    admin = await api.call("admin")
    await problem(await admin.get("/nothing"), 404)
    answer = await admin.delete("/appeals/1")
    await problem(answer, 405)
    assert answer.headers["allow"] == "GET"


async def test_a_field_is_named_and_its_value_not_repeated(api: Api) -> None:
    admin = await api.call("admin")
    found = await problem(await admin.get("/registrations", params={"status": SECRET, "limit": 0}), 422)
    assert {fault["field"] for fault in found["errors"]} == {"query.status", "query.limit"}
    found = await problem(await admin.post("/people/search", json={"nik": SECRET + "9", "kk": SECRET}), 422)
    assert {fault["field"] for fault in found["errors"]} == {"body.nik", "body.kk"}
    broken, kind = b'{"nik": ' + SECRET.encode(), {"content-type": "application/json"}
    found = await problem(await admin.post("/people/search", content=broken, headers=kind), 422)
    assert found["errors"][0]["message"] == "This is not JSON."
    await problem(await admin.post("/people/search", content=broken), 422)
    await problem(await admin.get(f"/people/{SECRET}9999999"), 422)


async def test_a_body_that_is_too_large_is_refused_announced_or_not(api: Api) -> None:
    admin = await api.call("admin")
    large = b'{"nik": "' + b"1" * MOST_JSON_BYTES + b'"}'
    kind = {"content-type": "application/json"}
    announced = await problem(await admin.post("/people/search", content=large, headers=kind), 413)

    async def piecemeal() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    assert await problem(await admin.post("/people/search", content=piecemeal()), 413) == announced
    # Nobody without a key fills the disk with what looks like photos.
    stranger = await api.client({})
    photos = [("photos", ("a.jpg", b"1" * (MOST_JSON_BYTES + 1), "image/jpeg"))]
    assert (await problem(await stranger.post("/appeals/1/evidence", files=photos), 413))["code"] == announced["code"]


async def test_a_fault_of_ours_is_answered_and_logged_without_a_value(
    serve_app: Callable[[Callable[..., Any]], str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    app = FastAPI()
    add_handlers(app)

    @app.get("/api/v1/broken")
    async def broken() -> None:
        raise ValueError(f"NIK {SECRET}")

    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        async with httpx.AsyncClient() as client:
            answer = await client.get(serve_app(app) + "/api/v1/broken")
        await problem(answer, 500)
    [line] = [log for log in logs if log["event"] == "request_failed"]
    assert (line["cause"], line["path"]) == ("ValueError", "/api/v1/broken")
    out = capfd.readouterr()
    assert SECRET not in caplog.text + repr(logs) + out.out + out.err


async def test_an_idempotency_key_of_strange_signs_is_refused(api: Api) -> None:
    portal = await api.call("portal")
    found = await problem(await portal.post("/appeals", json={}, headers={"Idempotency-Key": "x" * 101}), 422)
    assert [fault["field"] for fault in found["errors"]] == ["header.Idempotency-Key"]


def test_no_file_of_the_api_names_a_full_nik() -> None:
    """Examples aside: they are made up, and shown as what is sent, never as what comes back."""
    files = [path for path in Path("backend/api").glob("*.py") if not path.name.startswith(("schemas", "examples"))]
    assert files
    assert not [path for path in files if SECRET in path.read_text()]
