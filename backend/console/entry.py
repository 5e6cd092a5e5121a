"""What the console serves besides its pages: the way in and out, evidence photos, the table as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from html import escape
from string import Template
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.console.looks import CSS
from backend.console.queries import registration_filters
from backend.console.sessions import COOKIE, LASTS, Desk, Officer, cookie_of
from backend.gateways.photo_store import PhotoMissing
from backend.repositories import appeals, audit, listing, photos
from backend.repositories.listing import Filters, ListedRegistration, Page
from backend.services.accounts import log_in

ROWS_AT_ONCE = 500
LOGIN = "/console/login"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HTML = Template("""<!doctype html><html lang="id"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>$title</title><style>$css</style></head>
<body class="c-door"><main><form method="post" action="/console/login" autocomplete="on">
<h1>Perlinsos</h1><p>$title</p>$failed
<label for="login">$login</label><input id="login" name="login" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">$password</label><input id="password" name="password" type="password" autocomplete="current-password"
 required><input type="hidden" name="next" value="$next"><button type="submit">$enter</button>
<p class="c-small">$hint</p></form></main></body></html>""")


def add_entry(server: FastAPI, desk: Desk) -> None:
    """The plain HTTP routes under `/console`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LOGIN)
    async def door(next: str = "") -> HTMLResponse:  # noqa: A002 - the name in the address
        return _door(desk, next)

    @router.post(LOGIN)
    async def enter(
        request: Request,
        login: Annotated[str, Form(max_length=80)],
        password: Annotated[str, Form(max_length=200)],
        next: Annotated[str, Form(max_length=300)] = "",  # noqa: A002
    ) -> Response:
        user = await log_in(desk.database, login.strip(), password, desk.now())
        if user is None:
            return _door(desk, next, failed=True)
        answer = RedirectResponse(_own_path(next), status_code=303)
        answer.set_cookie(
            COOKIE,
            cookie_of(user, desk.now()),
            max_age=int(LASTS.total_seconds()),
            path="/console",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.post("/console/logout")
    async def leave() -> Response:
        answer = RedirectResponse(LOGIN, status_code=303)
        answer.delete_cookie(COOKIE, path="/console")
        return answer

    @router.get("/console/evidence/{photo_id}")
    async def evidence(photo_id: int, request: Request) -> Response:
        officer = await desk.officer(request.cookies)
        if officer is None:
            return Response(status_code=401)
        return await _evidence(desk, officer, photo_id)

    @router.get("/console/registrations.csv")
    async def table(request: Request) -> Response:
        officer = await desk.officer(request.cookies)
        if officer is None:
            return RedirectResponse(LOGIN, status_code=303)
        filters = registration_filters(request.query_params, officer)
        async with desk.database.write() as connection:
            act = audit.Act(desk.now(), officer.login, "registrations.exported", f"user:{officer.id}")
            await audit.note(connection, [act])
        headers = {"Content-Disposition": 'attachment; filename="pendaftaran.csv"'}
        return StreamingResponse(_csv(desk, officer, filters), media_type="text/csv; charset=utf-8", headers=headers)

    server.include_router(router)
    server.add_middleware(Closed)


def _door(desk: Desk, wanted: str, *, failed: bool = False) -> HTMLResponse:
    words = desk.words
    page = _HTML.substitute(
        css=CSS,
        title=escape(words("title")),
        failed=f'<p class="c-failed" role="alert">{escape(words("login_failed"))}</p>' if failed else "",
        login=escape(words("login")),
        password=escape(words("password")),
        enter=escape(words("enter")),
        hint=escape(words("login_hint")),
        next=escape(_own_path(wanted)),
    )
    return HTMLResponse(page, 401 if failed else 200)


def _own_path(wanted: str) -> str:
    """Where to go after the login: a page of the console, never another site."""
    parts = urlsplit(wanted)
    own = not parts.scheme and not parts.netloc and (parts.path == "/console" or parts.path.startswith("/console/"))
    plain = "\\" not in wanted and ".." not in wanted
    return wanted if own and plain and parts.path != LOGIN else "/console"


async def _evidence(desk: Desk, officer: Officer, photo_id: int) -> Response:
    async with desk.database.write() as connection:
        photo = (await photos.by_ids(connection, [photo_id])).get(photo_id)
        appeal_id = photo.appeal_id if photo is not None and photo.erased_at is None else None
        found = (await appeals.by_ids(connection, [appeal_id])).get(appeal_id) if appeal_id is not None else None
        if photo is None or found is None or not officer.sees(found.region_code):
            return Response(status_code=404)
        act = audit.Act(desk.now(), officer.login, "evidence.viewed", f"appeal:{found.id}", {"photo": photo_id})
        await audit.note(connection, [act])
    try:
        jpeg = await desk.photos.get(photo.object_key)
    except PhotoMissing:
        return Response(status_code=404)
    return Response(jpeg, media_type="image/jpeg")


async def _csv(desk: Desk, officer: Officer, filters: Filters) -> AsyncIterator[str]:
    words = desk.words
    heads = [
        words("number"), words("citizen"), words("nik"), words("region"), words("status"), words("outcome"), words("since"),
    ]  # fmt: skip
    yield "\ufeff" + _line(heads)
    after: int | None = None
    while True:
        async with desk.database.read() as connection:
            rows = await listing.registrations(connection, filters, Page(ROWS_AT_ONCE, after))
        if not rows:
            return
        after = rows[-1].id
        yield "".join(_line(_cells(desk, officer, row)) for row in rows)


def _cells(desk: Desk, officer: Officer, row: ListedRegistration) -> list[str]:
    words = desk.words
    outcome = words(f"outcome_{row.outcome}") if row.outcome else ""
    return [
        row.number, officer.shown(row.name), row.nik, row.region_code, words(f"status_{row.status}"), outcome,
        row.created_at.isoformat(timespec="minutes"),
    ]  # fmt: skip


def _line(cells: list[str]) -> str:
    """One line for a spreadsheet, in which nothing that a citizen wrote is taken for a formula."""
    out = io.StringIO()
    csv.writer(out).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()


class Closed:
    """Nothing of the console is kept by a browser, framed by another site, or guessed at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/console"):
            await self._app(scope, receive, send)
            return

        async def closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Frame-Options"] = "DENY"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, closed)
