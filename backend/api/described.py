"""What the OpenAPI document says of every route alike, added to what the routes say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from backend.api import idempotency

PREFIX = "/api/v1/"


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The document of this application, made once."""
    bare = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = bare()
        for path, methods in document["paths"].items():
            if path.startswith(PREFIX) and "post" in methods:
                _named(methods["post"])
        return document

    return openapi


def _named(operation: dict[str, Any]) -> None:
    given = operation.setdefault("parameters", [])
    given[:] = [one for one in given if one["name"] != idempotency.HEADER]
    given.append(
        {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": idempotency.DESCRIPTION,
            "schema": {"type": "string", "pattern": idempotency.PATTERN},
            "example": idempotency.EXAMPLE,
        }
    )
