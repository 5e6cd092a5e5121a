"""The web application: webhooks, API, console, simulator, sandbox, health and metrics on one FastAPI app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi_offline import FastAPIOffline
from nicegui import ui
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backend import crypto
from backend.api.app import add_api
from backend.console.pages import add_console
from backend.console.simulator import add_simulator
from backend.console.words import Words
from backend.guide import guide
from backend.sandbox.app import SandboxConfig, create_sandbox
from backend.sandbox.seed import seed_demo, seed_sandbox
from backend.settings import Settings
from backend.worker import HEALTHY, Runtime, now
from bot.handlers.simulator import SimulatorChannel
from bot.handlers.webhooks import telegram_routes, whatsapp_routes


def create_app(settings: Settings, runtime: Runtime) -> FastAPI:
    """The whole service on one app; its lifespan seeds a sandbox and runs the worker loops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if settings.sandbox == "on":
            await seed_sandbox(runtime.database, now())
        logins = await seed_demo(runtime.database, now()) if settings.demo == "on" else {}
        await runtime.start()
        print(guide(settings.own_url, logins, sandbox=settings.sandbox == "on"), flush=True)
        yield
        await runtime.stop()

    app = FastAPIOffline(  # FastAPI whose page of the API brings its parts along: an office may have no other network
        title="Perlinsos",
        version="1",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs-parts",
    )
    _add_operations(app, runtime)
    app.include_router(telegram_routes(runtime.intake, settings.telegram_secret.get_secret_value()))
    if settings.whatsapp_on:
        app.include_router(
            whatsapp_routes(
                runtime.intake,
                runtime.database,
                now,
                settings.twilio_auth_token.get_secret_value(),
                settings.twilio_account_sid,
                settings.public_url,
            )
        )
    add_api(app, runtime.database, runtime.bus, runtime.photos, now, auto_select=settings.auto_select == "on")
    words = Words(runtime.catalogue)
    if settings.sandbox == "on":
        _add_sandbox(app, settings, runtime, words)
    add_console(app, runtime.database, runtime.bus, runtime.photos, words, now)
    ui.run_with(
        app,
        storage_secret=crypto.ring().derive("console").hex(),
        session_middleware_kwargs={"https_only": settings.public_url.startswith("https:"), "same_site": "lax"},
        title="Perlinsos",
        language="id",
    )
    return app


def _add_sandbox(app: FastAPI, settings: Settings, runtime: Runtime, words: Words) -> None:
    """IKD, the data owners and the simulator; the service speaks to the first two over HTTP like to anybody's."""
    ring = crypto.ring()
    config = SandboxConfig(
        synthetic=settings.sandbox_synthetic,
        data_dir=settings.data_dir / "sandbox",
        silent_for_s=settings.sandbox_recovers_after,
    )
    app.mount("/sandbox", create_sandbox(config, seal=ring.seal, open_=ring.open, faces=runtime.faces))
    simulator = runtime.channels["simulator"]
    assert isinstance(simulator, SimulatorChannel)  # noqa: S101 - the sandbox brings it
    sandbox_url = f"{settings.own_url}/sandbox"
    add_simulator(app, runtime.database, runtime.intake, simulator, runtime.http, sandbox_url, words)


def _add_operations(app: FastAPI, runtime: Runtime) -> None:
    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/simulator" if runtime.settings.sandbox == "on" else "/console")

    @app.get("/healthz", tags=["operations"], summary="The process is up")
    async def healthz() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/readyz", tags=["operations"], summary="Database, bus, photo store, NLU and IKD answer")
    async def readyz() -> JSONResponse:
        checks = await runtime.ready()
        return JSONResponse(checks, 200 if HEALTHY.issuperset(checks.values()) else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        await runtime.watch.look()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
