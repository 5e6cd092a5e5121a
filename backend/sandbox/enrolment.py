"""Residents to pick from, their sample selfies, and the page on which anybody's face is put on a resident."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, Response

from backend.gateways.photos import MAX_BYTES
from backend.sandbox import enrolment_page as words
from backend.sandbox.portraits import Kind, PortraitName, available, selfie
from backend.sandbox.residents import Resident
from backend.sandbox.world import World


def enrolment_routes(world: World) -> APIRouter:
    """`GET /residents`, `GET /residents/{n}/selfies/{front|turned}.jpg`, `GET|POST /enrol`; `n` counts from 1."""
    router = APIRouter(tags=["residents"])
    selfies: dict[tuple[PortraitName, Kind], bytes] = {}

    @router.get("/residents")
    async def residents() -> list[dict[str, Any]]:
        return [_described(world, number, resident) for number, resident in enumerate(world.directory.residents, 1)]

    @router.get("/residents/{number}/selfies/{kind}.jpg")
    async def sample_selfie(number: int, kind: Kind) -> Response:
        resident = world.directory.numbered(number)
        name = world.sample(resident) if resident is not None else None
        if name is None:
            return JSONResponse({"error": "no_selfie"}, 404)
        if (name, kind) not in selfies:
            selfies[name, kind] = await world.faces.run(selfie, name, kind)
        return Response(selfies[name, kind], media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    @router.get("/enrol")
    async def form(n: int = 1) -> HTMLResponse:
        return HTMLResponse(words.page(_rows(world), n), headers=dict(words.HEADERS))

    @router.post("/enrol")
    async def enrol(
        request: Request,
        n: Annotated[int, Form()],
        photo: Annotated[UploadFile | None, File()] = None,
        sample: Annotated[PortraitName | None, Form()] = None,
        remove: Annotated[bool, Form()] = False,
    ) -> Response:
        resident = world.directory.numbered(n)
        if resident is None:
            return JSONResponse({"error": "resident_unknown"}, 404)
        if remove:
            world.vault.remove(n)
            problem = None
        elif sample is not None:
            problem = await _enrol_sample(world, n, sample)
        else:
            problem = await _enrol_photo(world, n, await photo.read(MAX_BYTES + 1) if photo is not None else b"")
        return _outcome(world, request, n, resident, problem, removed=remove)

    return router


async def _enrol_sample(world: World, number: int, name: PortraitName) -> str | None:
    if not available(name):
        return "sample_missing"
    world.enrol(number, await world.sample_encoding(name), name)
    return None


async def _enrol_photo(world: World, number: int, data: bytes) -> str | None:
    """Keep the encoding of the face in `data`, or say what is wrong with the photo. The photo itself is not kept."""
    if not data:
        return "missing"
    report = await world.faces.inspect(data)
    if report.problem is not None:
        return report.problem
    if report.encoding is None:
        return "small"
    world.enrol(number, report.encoding, None)
    return None


def _outcome(
    world: World, request: Request, number: int, resident: Resident, problem: str | None, *, removed: bool
) -> Response:
    said = words.REMOVED if removed else words.SAVED
    message = words.PROBLEMS[problem] if problem is not None else said.format(name=resident.name)
    status = 200 if problem is None else 422
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"ok": problem is None, "problem": problem, "message": message}, status)
    page = words.page(_rows(world), number, message, good=problem is None)
    return HTMLResponse(page, status, headers=dict(words.HEADERS))


def _described(world: World, number: int, resident: Resident) -> dict[str, Any]:
    return {
        "n": number,
        "name": resident.name,
        "nik": resident.nik,
        "kk": resident.kk,
        "story": resident.story,
        "cerita": resident.cerita,
        "ikd": world.state(resident),
        "pkh": resident.pkh,
        "has_portrait": world.has_portrait(resident),
        "has_selfies": world.sample(resident) is not None,
    }


def _rows(world: World) -> list[words.Row]:
    return [
        words.Row(number, resident.name, resident.cerita, world.has_portrait(resident))
        for number, resident in enumerate(world.directory.residents, 1)
    ]
