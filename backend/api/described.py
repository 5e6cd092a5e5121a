"""What the OpenAPI document says of every route alike, added to what the routes say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from backend.api import idempotency, problems
from backend.api.conditional import TAG
from backend.api.examples import example_of

PREFIX = "/api/v1/"
BINARY = "application/vnd."
STREAMED = "text/csv"
"""What is not held to be hashed has no tag."""
_ETAG = {"description": "changes with whatever is shown", "schema": {"type": "string"}, "example": TAG}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The document of this application, made once."""
    bare = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = bare()
        for path, methods in document["paths"].items():
            if not path.startswith(PREFIX):
                continue
            if "post" in methods:
                _named(methods["post"])
            if "get" in methods and STREAMED not in methods["get"]["responses"]["200"].get("content", {}):
                _tagged(methods["get"])
            for operation in methods.values():
                _only_if_unchanged(operation)
                _shown(operation, document["components"]["schemas"])
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


def _tagged(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "the `ETag` of what the caller has already",
            "schema": {"type": "string"},
            "example": TAG,
        }
    )
    operation["responses"]["200"]["headers"] = {"ETag": _ETAG}
    operation["responses"]["304"] = {"description": "The caller has it already", "headers": {"ETag": _ETAG}}


def _only_if_unchanged(operation: dict[str, Any]) -> None:
    if any(one["name"] == "If-Match" for one in operation.get("parameters", ())):
        operation["responses"]["412"] = problems.described(412)
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response["headers"] = {"ETag": _ETAG}


def _shown(operation: dict[str, Any], known: Mapping[str, Any]) -> None:
    """An example of what is asked and of each answer, where the route gives none itself."""
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        for kind, content in part.get("content", {}).items():
            shown = "example" in content or "examples" in content or kind.startswith(BINARY)
            if content.get("schema") and not shown:
                content["example"] = example_of(content["schema"], known)
