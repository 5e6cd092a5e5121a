"""What the outside world is played by: IKD and the data owners, over HTTP, as their gateways expect them."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from backend.gateways.face_report import SCORE_THRESHOLD, compare, score
from backend.sandbox.residents import Resident
from backend.sandbox.world import World

MAX_IMAGE_BASE64_BYTES = 1_000_000
_SERVICES = ("civil_servant", "army", "police")


def _digits(value: str) -> str:
    if len(value) != 16 or not (value.isascii() and value.isdigit()):
        raise ValueError("16 digits are needed")
    return value


SixteenDigits = Annotated[str, AfterValidator(_digits)]


class _Consented(BaseModel):
    nik: SixteenDigits
    consent_given_at: AwareDatetime
    transaction_id: str = Field(min_length=1, max_length=100)


class LookUp(_Consented):
    """Whether a NIK and a family card belong together."""

    kk: SixteenDigits


class FaceQuestion(_Consented):
    """Whether the face in `image` (base64) is that of the owner of `nik`."""

    image: str = Field(max_length=20_000_000)


class SourceQuestion(BaseModel):
    """What an owner knows about a NIK."""

    nik: SixteenDigits
    consent_reference: str = Field(min_length=1, max_length=200)
    transaction_id: str = Field(min_length=1, max_length=100)


def ikd_routes(world: World) -> APIRouter:
    """`POST /ikd/identity/look-up`, `POST /ikd/face/match`, `GET /ikd/healthz`."""
    router = APIRouter(prefix="/ikd", tags=["IKD"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/identity/look-up")
    async def look_up(question: LookUp, request: Request) -> Response:
        found = await _person(world, question, request)
        if isinstance(found, Response):
            return found
        if not world.directory.belongs(found, question.kk):
            return JSONResponse({"belongs": False})
        state = world.state(found)
        return JSONResponse(
            {
                "belongs": True,
                "name": found.name,
                "sex": found.sex,
                "birth_date": found.birth_date(world.today()).isoformat(),
                "region_code": found.region_code,
                "ikd": {"blocked": "none", "timeout": "active"}.get(state, state),
                "nik_active": state != "blocked",
            }
        )

    @router.post("/face/match")
    async def match(question: FaceQuestion, request: Request) -> Response:
        found = await _person(world, question, request)
        if isinstance(found, Response):
            return found
        state = world.state(found)
        if state == "blocked":
            return _error("nik_inactive", 409)
        if state not in {"active", "timeout"}:
            return _error("ikd_not_active", 409)
        if len(question.image) > MAX_IMAGE_BASE64_BYTES:
            return _error("image_too_large", 413)
        try:
            image = base64.b64decode(question.image, validate=True)
        except binascii.Error:
            return _error("invalid_image", 400)
        return await _matched(world, found, image)

    return router


def source_routes(world: World) -> APIRouter:
    """`POST /sources/{owner}` for every owner."""
    router = APIRouter(prefix="/sources", tags=["data sources"])

    @router.post("/{owner}")
    async def ask(owner: str, question: SourceQuestion, request: Request) -> Response:
        if owner not in _AS_OF:
            return _error("owner_unknown", 404)
        await asyncio.sleep(world.config.delay_s)
        broken = await world.faults.strike(request, owner, question.nik)
        if broken is not None:
            return broken
        resident = world.find(question.nik)
        data = _known(owner, resident) if resident is not None else {}
        return JSONResponse({"as_of": as_of(owner, world.today()).isoformat(), "data": data})

    return router


def as_of(owner: str, today: date) -> date:
    """How old an owner's data is: DTSEN of the quarter, PLN of ten days ago, the others of the last month's end."""
    return _AS_OF[owner](today)


def _quarter_start(today: date) -> date:
    return date(today.year, (today.month - 1) // 3 * 3 + 1, 1)


def _last_month_end(today: date) -> date:
    return today.replace(day=1) - timedelta(days=1)


def _ten_days_ago(today: date) -> date:
    return today - timedelta(days=10)


def _month_start(today: date) -> date:
    return today.replace(day=1)


_AS_OF: Mapping[str, Callable[[date], date]] = {
    "dtsen": _quarter_start,
    "pln": _ten_days_ago,
    "bank": _last_month_end,
    "income": _last_month_end,
    "civil_service": _month_start,
}


def _known(owner: str, resident: Resident) -> dict[str, Any]:
    held: Mapping[str, Mapping[str, Any]] = {
        "dtsen": {"decile": resident.decile, "components": list(resident.components)},
        "pln": {"power_va": resident.power_va},
        "bank": {"account_turnover": resident.account_turnover},
        "income": {"income": resident.income, "employer": resident.employer},
        "civil_service": {name: getattr(resident, name) for name in _SERVICES},
    }
    return {name: value for name, value in held[owner].items() if value is not None}


async def _person(world: World, question: _Consented, request: Request) -> Resident | Response:
    """The resident asked about, or the answer that a fault, an unknown NIK or a consent in the future deserves."""
    await asyncio.sleep(world.config.delay_s)
    broken = await world.faults.strike(request, "ikd", question.nik)
    if broken is not None:
        return broken
    if question.consent_given_at > _soon(world.clock()):
        return _error("invalid_request", 400)
    resident = world.find(question.nik)
    if resident is None:
        return _error("nik_unknown", 404)
    if world.state(resident) == "timeout" and world.faults.silent(resident.nik):
        return await world.faults.hold(request)
    return resident


def _soon(now: datetime) -> datetime:
    return now + timedelta(minutes=5)  # clocks of two services differ a little


async def _matched(world: World, resident: Resident, image: bytes) -> Response:
    known = await world.encoding(resident)
    if known is None:
        return _error("no_portrait", 409)
    report = await world.faces.inspect(image)
    if report.problem == "unreadable":
        return _error("invalid_image", 400)
    if report.encoding is None:
        return _error("no_face", 422)
    likeness = score(compare(known, report.encoding))
    return JSONResponse(
        {"match": likeness >= SCORE_THRESHOLD, "score": round(likeness, 4), "threshold": SCORE_THRESHOLD}
    )


def _error(kind: str, status: int) -> JSONResponse:
    return JSONResponse({"error": kind}, status)
