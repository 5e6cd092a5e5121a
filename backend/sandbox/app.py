"""The sandbox: IKD, the data owners, an enrolment page and switches for faults, as one HTTP service of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backend.gateways.faces import FacePool
from backend.sandbox.control import control_routes
from backend.sandbox.enrolment import enrolment_routes
from backend.sandbox.residents import Directory, load_residents
from backend.sandbox.services import ikd_routes, source_routes
from backend.sandbox.vault import Cipher, EncodingVault
from backend.sandbox.world import SandboxConfig, World

__all__ = ["SandboxConfig", "create_sandbox"]


def _now() -> datetime:
    return datetime.now(UTC)


def create_sandbox(
    config: SandboxConfig,
    *,
    seal: Cipher,
    open_: Cipher,
    faces: FacePool | None = None,
    clock: Callable[[], datetime] = _now,
) -> FastAPI:
    """The sandbox as an ASGI app, at home under any prefix: IKD at `ikd`, the owners at `sources`.

    `seal` and `open_` encrypt enrolled faces (bytes, associated data). Without `faces` it runs a pool of its own, which
    ends with the app's lifespan; a mounted app has none, so pass the pool in there.
    """
    pool = faces or FacePool()
    directory = Directory(load_residents(), synthetic=config.synthetic)
    world = World(config, directory, EncodingVault(config.data_dir / "faces", seal, open_), pool, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if faces is None:
            pool.close()

    app = FastAPI(title="Perlinsos sandbox", lifespan=lifespan)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    for router in (ikd_routes(world), source_routes(world), control_routes(world), enrolment_routes(world)):
        app.include_router(router)
    return app


async def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    """Names the fields only: the framework's own answer would repeat the NIK."""
    details: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    fields = sorted({str(part) for detail in details for part in detail["loc"][1:2]})
    return JSONResponse({"error": "invalid_request", "fields": fields}, 400)
