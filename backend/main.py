"""The process's web application: what its roles serve, and for everybody health, readiness and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backend import crypto
from backend.guide import guide
from backend.roles import Role
from backend.worker import SERVING, Runtime


def create_app(runtime: Runtime) -> FastAPI:
    """One app a process; its lifespan seeds a sandbox and runs the loops."""
    settings, roles = runtime.settings, runtime.roles
    has_web, has_pages = Role.WEB in roles, Role.CONSOLE in roles

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        logins = await _seed(runtime)
        await runtime.start()
        if has_pages:
            print(guide(settings.own_url, logins, sandbox=settings.sandbox == "on"), flush=True)
        yield
        await runtime.stop()

    app = _app(lifespan) if has_web else FastAPI(lifespan=lifespan, docs_url=None, openapi_url=None, redoc_url=None)
    _add_operations(app, runtime)
    if has_web:
        _add_web(app, runtime)
    if Role.SANDBOX in roles:
        _add_sandbox(app, runtime)
    if has_pages:
        _add_pages(app, runtime)
    if has_web:
        _add_webhooks(app, runtime)
    return app


def _app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """With a page of the API that brings its parts along: an office may have no other network."""
    from fastapi_offline import FastAPIOffline

    made: FastAPI = FastAPIOffline(
        title="Perlinsos", version="1", lifespan=lifespan, docs_url="/docs", redoc_url=None, static_url="/docs-parts"
    )
    return made


async def _seed(runtime: Runtime) -> dict[str, str]:
    """What a sandbox and a demo start with, in the process that has them; the demo's passwords by login."""
    settings, roles, parts = runtime.settings, runtime.roles, runtime.parts
    if Role.SANDBOX in roles:
        from backend.sandbox.seed import seed_sandbox

        await seed_sandbox(parts.database, parts.now())
    if Role.CONSOLE in roles and settings.demo == "on":
        from backend.sandbox.seed import seed_demo

        return await seed_demo(parts.database, parts.now())
    return {}


def _add_web(app: FastAPI, runtime: Runtime) -> None:
    from backend.api.app import add_api

    settings, parts = runtime.settings, runtime.parts
    add_api(
        app, parts.database, parts.bus, parts.photos, parts.now,
        auto_select=settings.auto_select == "on", loopback=settings.sandbox == "on",
    )  # fmt: skip


def _add_webhooks(app: FastAPI, runtime: Runtime) -> None:
    """Added last, so that they stand in front of everything else."""
    from bot.handlers.receipts import Receipts
    from bot.handlers.webhooks import Webhooks, telegram_routes, whatsapp_routes

    settings, parts = runtime.settings, runtime.parts
    routes = telegram_routes(parts.intake, settings.telegram_secret.get_secret_value())
    if settings.whatsapp_on:
        token, account = settings.twilio_auth_token.get_secret_value(), settings.twilio_account_sid
        routes |= whatsapp_routes(
            parts.intake, Receipts(parts.database, parts.now), token, account, settings.public_url
        )
    app.add_middleware(Webhooks, routes=routes)


def _add_sandbox(app: FastAPI, runtime: Runtime) -> None:
    """IKD and the data owners; the service speaks to them over HTTP like to anybody's."""
    from backend.sandbox.app import SandboxConfig, create_sandbox

    settings, ring = runtime.settings, crypto.ring()
    config = SandboxConfig(
        synthetic=settings.sandbox_synthetic,
        data_dir=settings.data_dir / "sandbox",
        silent_for_s=settings.sandbox_recovers_after,
    )
    app.mount("/sandbox", create_sandbox(config, seal=ring.seal, open_=ring.open, faces=runtime.parts.faces))


def _add_pages(app: FastAPI, runtime: Runtime) -> None:
    """The officers' console, and beside a sandbox the simulator."""
    from nicegui import ui

    from backend.console.pages import add_console
    from backend.console.simulator import add_simulator
    from backend.console.words import Words

    settings, parts = runtime.settings, runtime.parts
    words = Words(parts.catalogue)
    if parts.simulator is not None:
        add_simulator(app, parts.database, parts.intake, parts.simulator, parts.http, settings.sandbox_url, words)
    add_console(app, parts.database, parts.bus, parts.photos, words, parts.now)
    ui.run_with(
        app,
        storage_secret=crypto.ring().derive("console").hex(),
        session_middleware_kwargs={"https_only": settings.public_url.startswith("https:"), "same_site": "lax"},
        title="Perlinsos",
        language="id",
    )


def _add_operations(app: FastAPI, runtime: Runtime) -> None:
    if Role.CONSOLE in runtime.roles:

        @app.get("/", include_in_schema=False)
        async def root() -> Response:
            return RedirectResponse("/simulator" if runtime.settings.sandbox == "on" else "/console")

    @app.get("/healthz", tags=["operations"], summary="The process is up")
    async def healthz() -> dict[str, str]:
        return {"status": "up"}

    @app.get("/readyz", tags=["operations"], summary="Every part that this process needs answers")
    async def readyz() -> JSONResponse:
        checks = await runtime.ready()
        return JSONResponse(checks, 200 if SERVING.issuperset(checks.values()) else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        await runtime.watch.look()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
