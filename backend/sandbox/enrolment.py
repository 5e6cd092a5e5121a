"""Residents to pick from, their sample selfies, and the page on which anybody's face is put on a resident."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from backend.sandbox.portraits import Kind, PortraitName, selfie
from backend.sandbox.world import World


def enrolment_routes(world: World) -> APIRouter:
    """`GET /residents`, `GET /residents/{n}/selfies/{front|turned}.jpg`, `GET|POST /enrol`."""
    router = APIRouter(tags=["residents"])
    selfies: dict[tuple[PortraitName, Kind], bytes] = {}

    @router.get("/residents")
    async def residents() -> list[dict[str, Any]]:
        return [
            {
                "n": number,
                "name": resident.name,
                "nik": resident.nik,
                "kk": resident.kk,
                "story": resident.story,
                "ikd": world.state(resident),
                "pkh": resident.pkh,
                "has_portrait": world.has_portrait(resident),
                "has_selfies": world.sample(resident) is not None,
            }
            for number, resident in enumerate(world.directory.residents, 1)
        ]

    @router.get("/residents/{number}/selfies/{kind}.jpg")
    async def sample_selfie(number: int, kind: Kind) -> Response:
        known = world.directory.residents
        name = world.sample(known[number - 1]) if 1 <= number <= len(known) else None
        if name is None:
            return JSONResponse({"error": "no_selfie"}, 404)
        if (name, kind) not in selfies:
            selfies[name, kind] = await world.faces.run(selfie, name, kind)
        return Response(selfies[name, kind], media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    return router
