"""The OpenAPI document shows an example of every request and every answer, and each is what its schema allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from backend.api.app import routes
from tests.api.world import api_over

_BINARY = ("image/", "multipart/", "application/vnd")


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    app, _ = api_over(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", tmp_path, lambda: pytest.fail("nothing is asked"))
    return app.openapi()


def bodies(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(where, media type, content) of all that is sent and answered."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for name, part in parts.items():
                found += [
                    (f"{method} {path} {name}", kind, content) for kind, content in part.get("content", {}).items()
                ]
    return found


def test_every_request_and_every_answer_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    checked = 0
    for where, kind, content in bodies(document):
        if kind.startswith(_BINARY):
            continue
        shown = [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
        assert shown, where
        schema = {**content["schema"], "components": document["components"]}
        for one in shown:
            faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(one)]
            assert not faults, (where, faults)
            checked += 1
    assert checked > 10 * len(routes())


def test_every_request_that_takes_a_body_names_what_it_holds(document: dict[str, Any]) -> None:
    for where, _, content in bodies(document):
        assert where.endswith("request") is False or content.get("schema"), where


def test_every_operation_says_what_it_is_for_and_documents_what_goes_wrong(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert {"401", "403", "404", "405", "413", "422", "500", "503"} <= operation["responses"].keys()
            assert any(status.startswith("2") for status in operation["responses"])
