"""The officers' console: plain pages in Indonesian, each asking anew who is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from nicegui import ui

from backend.bus import Bus
from backend.console import (
    view_appeal,
    view_appeals,
    view_broadcasts,
    view_overview,
    view_registrations,
    view_review_cases,
    view_tickets,
)
from backend.console.entry import LOGIN, add_entry
from backend.console.sessions import Desk, Officer
from backend.console.words import Words
from backend.db import Database
from backend.gateways.photo_store import PhotoStore

Build = Callable[[Officer], Awaitable[None]]
LARGEST_ID = 2**63 - 1


def add_console(
    app: FastAPI, database: Database, bus: Bus, photos: PhotoStore, words: Words, now: Callable[[], datetime]
) -> None:
    """`/console` and what lies under it."""
    desk = Desk(database, bus, photos, words, now)
    add_entry(app, desk)

    async def show(request: Request, build: Build) -> Response | None:
        officer = await desk.officer(request.cookies)
        if officer is None:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{LOGIN}?next={quote(wanted)}", status_code=303)
        await build(officer)
        return None

    @ui.page("/console", response_timeout=15)
    async def overview_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_overview.build(desk, who, request.query_params))

    @ui.page("/console/registrations", response_timeout=15)
    async def registrations_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_registrations.build(desk, who, request.query_params))

    @ui.page("/console/appeals", response_timeout=15)
    async def appeals_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_appeals.build(desk, who, request.query_params))

    @ui.page("/console/appeals/{appeal_id}", response_timeout=15)
    async def appeal_page(request: Request, appeal_id: int) -> Response | None:
        return await show(request, lambda who: view_appeal.build(desk, who, _id(appeal_id)))

    @ui.page("/console/review-cases", response_timeout=15)
    async def review_cases_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_review_cases.build(desk, who, request.query_params))

    @ui.page("/console/review-cases/{case_id}", response_timeout=15)
    async def review_case_page(request: Request, case_id: int) -> Response | None:
        return await show(request, lambda who: view_review_cases.build_one(desk, who, _id(case_id)))

    @ui.page("/console/broadcasts", response_timeout=15)
    async def broadcasts_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_broadcasts.build(desk, who, request.query_params))

    @ui.page("/console/broadcasts/{broadcast_id}", response_timeout=15)
    async def broadcast_page(request: Request, broadcast_id: int) -> Response | None:
        asked = request.query_params
        return await show(request, lambda who: view_broadcasts.build_one(desk, who, _id(broadcast_id), asked))

    @ui.page("/console/tickets", response_timeout=15)
    async def tickets_page(request: Request) -> Response | None:
        return await show(request, lambda who: view_tickets.build(desk, who, request.query_params))

    @ui.page("/console/tickets/{ticket_id}", response_timeout=15)
    async def ticket_page(request: Request, ticket_id: int) -> Response | None:
        return await show(request, lambda who: view_tickets.build_one(desk, who, _id(ticket_id)))


def _id(given: int) -> int:
    """An id that every database can hold; 0 is nobody's."""
    return given if 0 < given <= LARGEST_ID else 0
