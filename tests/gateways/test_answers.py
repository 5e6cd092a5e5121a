"""What the gateways make of answers that no honest service gives: never a verdict, never a word of what was in them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from backend.gateways import ikd
from backend.gateways.http import HttpClient
from backend.gateways.ikd import IkdGateway
from backend.gateways.sources import SourcesGateway
from backend.sandbox.residents import load_residents

SITI = load_residents()[0]
CONSENT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
RECORD = {
    "belongs": True, "name": "Siti Aminah", "sex": "female", "birth_date": "1987-03-05", "region_code": "35.10.16",
    "ikd": "active", "nik_active": True,
}  # fmt: skip
Serve = Callable[[Callable[..., Any]], str]


class Scripted:
    """A service that gives one answer to everything, and keeps the questions."""

    def __init__(self, answer: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.answer, self.status, self.headers = answer, status, headers
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._reply, methods=["POST"])

    async def _reply(self, request: Request) -> Response:
        self.paths.append(str(request.url))
        self.bodies.append(await request.json())
        if isinstance(self.answer, bytes):
            return Response(self.answer, self.status, self.headers)
        return JSONResponse(self.answer, self.status, self.headers)


async def look_up(serve: Serve, http: HttpClient, service: Scripted) -> ikd.IkdRecord:
    return await IkdGateway(serve(service.app), http).look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")


@pytest.mark.parametrize(
    "answer",
    [
        {}, [], "yes", None, {"belongs": "yes"}, {"belongs": 1}, {**RECORD, "sex": "F"}, {**RECORD, "birth_date": "5/3/87"},
        {**RECORD, "ikd": "ACTIVE"}, {**RECORD, "birth_date": None}, {k: v for k, v in RECORD.items() if k != "name"},
        b"", b"{", b"<html>", b"\xff\xfe", b'{"belongs": NaN}', b" " * 200_000,
    ],
)  # fmt: skip
async def test_a_look_up_that_is_not_understood_says_nothing_about_the_person(
    serve_app: Serve, http: HttpClient, answer: Any
) -> None:
    with pytest.raises(ikd.Unavailable) as caught:
        await look_up(serve_app, http, Scripted(answer))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert "5/3/87" not in told
    assert "Siti" not in told
    assert SITI.nik not in told


async def test_a_stranger_learns_nothing_even_if_the_service_tells(serve_app: Serve, http: HttpClient) -> None:
    assert await look_up(serve_app, http, Scripted({**RECORD, "belongs": False})) == ikd.IkdRecord(belongs=False)


async def test_the_nik_travels_in_the_body_only(serve_app: Serve, http: HttpClient) -> None:
    service = Scripted(RECORD)
    record = await look_up(serve_app, http, service)
    assert service.bodies == [
        {
            "nik": SITI.nik,
            "kk": SITI.kk,
            "consent_given_at": "2026-11-22T03:00:00+00:00",
            "transaction_id": "t-1",
        }
    ]
    assert SITI.nik not in service.paths[0]
    assert "Siti" not in repr(record)


@pytest.mark.parametrize(
    "answer",
    [
        {"match": "true", "score": 0.9, "threshold": 0.75}, {"match": True, "score": 90, "threshold": 75},
        {"match": True, "score": True, "threshold": 0.75}, {"match": True, "score": "0.9", "threshold": 0.75},
        {"match": True, "score": None, "threshold": 0.75}, {"match": True}, {"score": 0.9, "threshold": 0.75},
    ],
)  # fmt: skip
async def test_a_match_that_is_not_understood_is_none(serve_app: Serve, http: HttpClient, answer: Any) -> None:
    with pytest.raises(ikd.Unavailable):
        await IkdGateway(serve_app(Scripted(answer).app), http).match_face(SITI.nik, b"jpeg", CONSENT, "t-1")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (404, {"error": "nik_unknown"}, ikd.NikUnknown),
        (404, {"detail": "Not Found"}, ikd.Unavailable),  # a wrong address must not tell people that they do not exist
        (404, b"", ikd.Unavailable),
        (500, {"error": "nik_unknown"}, ikd.Unavailable),
        (401, {"error": "unauthorized"}, ikd.Unavailable),
        (302, {}, ikd.Unavailable),
    ],
)
async def test_only_a_named_error_counts(
    serve_app: Serve, http: HttpClient, status: int, answer: Any, error: type[ikd.IkdError]
) -> None:
    with pytest.raises(error) as caught:
        await look_up(serve_app, http, Scripted(answer, status))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, 30.0), ("Sun, 22 Nov 2026 03:00:00 GMT", 30.0), ("-1", 30.0)]
)
async def test_how_long_to_wait(serve_app: Serve, http: HttpClient, header: str | None, seconds: float) -> None:
    service = Scripted({}, 429, {"retry-after": header} if header is not None else None)
    with pytest.raises(ikd.RateLimited) as caught:
        await look_up(serve_app, http, service)
    assert caught.value.retry_after == seconds


async def test_a_picture_over_one_megabyte_is_not_even_sent(serve_app: Serve, http: HttpClient) -> None:
    service = Scripted({})
    gateway = IkdGateway(serve_app(service.app), http)
    with pytest.raises(ikd.ImageTooLarge):
        await gateway.match_face(SITI.nik, b"\xff" * 750_001, CONSENT, "t-1")
    assert service.bodies == []


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"decile": 1}}, {"as_of": "2026-11-12"}, {"as_of": "12/11/26", "data": {}}, [], b"garbage",
        {"as_of": "2026-11-12", "data": {"decile": 0}}, {"as_of": "2026-11-12", "data": {"decile": "1"}},
        {"as_of": "2026-11-12", "data": {"decile": True}}, {"as_of": "2026-11-12", "data": {"components": "sd"}},
        {"as_of": "2026-11-12", "data": {"decile": 1, "power_va": -1, "income": -1, "account_turnover": -1, "army": 0,
                                         "components": [1]}},
    ],
)  # fmt: skip
async def test_data_of_a_wrong_shape_is_no_data(serve_app: Serve, http: HttpClient, answer: Any) -> None:
    service = Scripted(answer)
    answers = await SourcesGateway(serve_app(service.app), http, backoff=(0.0,)).ask(SITI.nik, "consent", "t-1")
    assert "dtsen" in answers.unavailable
    assert all(datum.owner != "dtsen" for datum in answers.data)
    assert SITI.nik not in "".join(service.paths)


async def test_what_an_owner_does_not_own_is_ignored(serve_app: Serve, http: HttpClient) -> None:
    told = {"as_of": "2026-11-12", "data": {"power_va": 900, "decile": 9, "gossip": "x"}}
    answers = await SourcesGateway(serve_app(Scripted(told).app), http).ask(SITI.nik, "consent", "t-1")
    assert [(datum.owner, datum.name, datum.value) for datum in answers.data] == [
        ("dtsen", "decile", 9),
        ("pln", "power_va", 900),
    ]
    assert "900" not in repr(answers)
