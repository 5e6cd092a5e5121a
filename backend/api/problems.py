"""Problem details (RFC 9457) for everything that goes wrong: the field is named, its value is never repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.tracing import where

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_JSON_BYTES = 1_000_000
MOST_UPLOAD_BYTES = 64_000_000
PREFIX = "/api/"


class InvalidField(BaseModel):
    """One field that cannot be taken as it is. `field` is its path, such as `body.nik`."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """What every error answers, as `application/problem+json`. `code` is stable, `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(examples=["not_found"])
    detail: str = ""
    errors: list[InvalidField] = []


class Problem(Exception):  # noqa: N818 - it is an answer
    """Ends a request with problem details. Neither `code` nor `detail` may hold what the caller sent."""

    def __init__(
        self, status: int, code: str, detail: str = "", errors: Sequence[InvalidField] = (), headers: Mapping[str, str] = {}
    ) -> None:  # fmt: skip
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    details = ProblemDetails(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        code=problem.code,
        detail=problem.detail,
        errors=problem.errors,
    )
    return Response(details.model_dump_json(), problem.status, media_type=MEDIA_TYPE, headers=dict(problem.headers))


def missing(what: str) -> Problem:
    """There is no such thing, or it lies outside of what the caller may see: both look alike."""
    return Problem(404, "not_found", f"There is no such {what}.")


def invalid(field: str, message: str, code: str = "invalid_field") -> Problem:
    """A field that only the service itself can judge."""
    return Problem(422, code, message, [InvalidField(field=field, message=message)])


_CODES = {409: "registered_already", 412: "precondition_failed", 422: "invalid_request", 503: "photo_store_unavailable"}


def _code(status: int) -> str:
    return HTTPStatus(status).name.lower()


def described(status: int) -> dict[str, Any]:
    """A problem in OpenAPI. Its schema stands inline: the framework would name it only as plain JSON."""
    schema = ProblemDetails.model_json_schema()
    fields = schema.pop("$defs")["InvalidField"]
    schema["properties"]["errors"]["items"] = fields
    phrase = HTTPStatus(status).phrase
    named = [{"field": "body.nik", "message": "This is no NIK of an adult: date."}] if status == 422 else []
    shown = {"type": "about:blank", "title": phrase, "status": status, "code": _CODES.get(status, _code(status)), "detail": "",
             "errors": named}  # fmt: skip
    return {"description": phrase, "content": {MEDIA_TYPE: {"schema": schema, "example": shown}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: described(status) for status in (400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503)
}
"""For OpenAPI: what any route may answer besides its own."""


def add_handlers(app: FastAPI) -> None:
    """Problem details for what routes raise and what the framework refuses."""

    async def on_problem(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)  # noqa: S101 - registered for it
        return answer(problem)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        return answer(Problem(error.status_code, _code(error.status_code), headers=error.headers or {}))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        faults = [
            InvalidField(field=".".join(str(part) for part in fault["loc"]), message=_message(fault))
            for fault in error.errors()
        ]
        return answer(Problem(422, "invalid_request", "Some fields cannot be taken as they are.", faults))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_middleware(Guard)


def _message(fault: Mapping[str, Any]) -> str:
    """Pydantic's sentence, but for those that repeat what was sent or what a validator of ours has seen."""
    repeats = fault["type"] in {"json_invalid", "literal_error", "extra_forbidden"}
    return {"json_invalid": "This is not JSON.", "extra_forbidden": "There is no such field."}.get(
        fault["type"], str(fault["msg"]) if not repeats else "This is not one of the known words."
    )


class _TooLarge(HTTPException):
    def __init__(self) -> None:
        super().__init__(413)


class Guard:
    """Around the API: a body that is too large is refused before it is held, and a fault of ours leaves no value behind.

    It stands inside the framework's own last resort, which would put the exception's text, and with it perhaps somebody's
    data, into the server's log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        most = _most(scope)
        if _announced(scope) > most:
            await answer(Problem(413, "request_entity_too_large"))(scope, receive, send)
            return
        read = 0
        started = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception as error:  # the caller gets an answer, the operator the cause and the place, nobody a value
            log.error(
                "request_failed",
                path=_route(scope),
                method=scope["method"],
                cause=type(error).__name__,
                where=where(error),
            )
            if started:
                raise ConnectionAbortedError("a response broke off") from None
            await answer(Problem(500, "internal_server_error", "This is our fault; it has been noted."))(
                scope, receive, send
            )


def _route(scope: Scope) -> str:
    """The route's pattern, never the path: a path may hold what should not be logged."""
    return str(getattr(scope.get("route"), "path", ""))


def _most(scope: Scope) -> int:
    headers = dict(scope["headers"])
    photos = headers.get(b"content-type", b"").startswith(b"multipart/form-data")
    # The framework reads a body before it looks at the key: who shows none at all may not send much.
    return MOST_UPLOAD_BYTES if photos and b"authorization" in headers else MOST_JSON_BYTES


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
