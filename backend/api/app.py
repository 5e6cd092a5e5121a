"""The API under `/api/v1`, put onto the application: routers, problem details, and what is no route of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import Match

from backend.api import (
    appeals,
    audit_events,
    broadcasts,
    conversations,
    decisions,
    events,
    exports,
    facilitators,
    people,
    problems,
    registrations,
    review_cases,
    rule_sets,
    selections,
    stats,
)
from backend.api.auth import RULES, Services, authorise
from backend.api.conditional import Conditional
from backend.api.described import describe
from backend.api.idempotency import Naming, Replay, claimed, replayed
from backend.api.problems import Problem
from backend.bus import Bus
from backend.db import Database
from backend.gateways.photo_store import PhotoStore

ROUTERS: tuple[APIRouter, ...] = (
    registrations.router,
    decisions.router,
    selections.router,
    rule_sets.router,
    appeals.router,
    review_cases.router,
    conversations.router,
    people.router,
    facilitators.router,
    events.router,
    exports.router,
    stats.router,
    audit_events.router,
    broadcasts.router,
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


class RuleMissingError(Exception):
    """A route has no rule, or a rule no route: see `auth.RULES`."""


def routes() -> list[APIRoute]:
    """Every route of the API."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def add_api(
    app: FastAPI,
    database: Database,
    bus: Bus,
    photos: PhotoStore,
    now: Callable[[], datetime],
    *,
    auto_select: bool,
    loopback: bool = False,
) -> None:
    """`/api/v1` on this application. Raises RuleMissingError before anything is served without a rule."""
    unruled = {route.name for route in routes()} ^ set(RULES)
    if unruled:
        raise RuleMissingError(", ".join(sorted(unruled)))
    app.state.api_services = Services(database, bus, photos, now, auto_select, loopback)
    app.add_middleware(Conditional)  # inside of the names: an answer is kept with its tag
    app.add_middleware(Naming)  # inside of what add_handlers puts around: its problems free the name too
    app.add_exception_handler(Replay, replayed)
    problems.add_handlers(app)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(authorise), Depends(claimed)], responses=problems.RESPONSES)
    app.add_api_route("/api/{rest:path}", _nothing_here, methods=METHODS, include_in_schema=False)
    app.openapi = describe(app)  # type: ignore[method-assign]  # the framework's own way to extend it


async def _nothing_here(request: Request) -> None:
    """Without it the console's own page would answer what is no route of the API."""
    allowed: set[str] = set()
    for route in routes():
        if route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    if allowed:
        raise Problem(405, "method_not_allowed", headers={"Allow": ", ".join(sorted(allowed))})
    raise Problem(404, "not_found", "There is no such address.")
