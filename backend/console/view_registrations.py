"""Registrations: a table with filters, a page at a time, and the same as a file."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.console.frame import act, chip, choose, frame, heading, pager, table
from backend.console.queries import OUTCOMES, REGISTRATION_STATUSES, address, page_of, registration_filters
from backend.console.sessions import Desk, Officer
from backend.console.view_overview import regencies
from backend.domain.regions import name_of
from backend.repositories import listing, regions
from backend.repositories.listing import ListedRegistration
from backend.repositories.registrations import WAITING_IDENTITY
from backend.services.identity import verify_in_person
from backend.services.review import Rung

PATH = "/console/registrations"
COLUMNS = "120px 1.3fr 170px 1.2fr 150px 150px"


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    filters = registration_filters(query, officer)
    async with desk.database.read() as connection:
        names = await regions.names(connection)
        count = await listing.count_registrations(connection, filters)
        rows = await listing.registrations(connection, filters, page_of(query))
    with frame(desk, officer, "registrations"):
        heading(words("page_registrations"))
        _filters(desk, officer, query, names)
        if not rows:
            ui.label(words("nothing_found")).classes("c-card c-soft")
            return
        heads = (words("number"), words("citizen"), words("nik"), words("region"), words("status"), words("outcome"))
        with table(COLUMNS, heads):
            for one in rows:
                _row(desk, officer, one, names)
        pager(desk, PATH, query, count)


def _filters(desk: Desk, officer: Officer, query: Mapping[str, str], names: Mapping[str, str]) -> None:
    words = desk.words
    with ui.element("div").classes("c-filters"):
        choose(desk, PATH, query, "status", {name: words(f"status_{name}") for name in REGISTRATION_STATUSES})
        choose(desk, PATH, query, "outcome", {name: words(f"outcome_{name}") for name in OUTCOMES})
        choose(desk, PATH, query, "region", regencies(names, officer))
        box = ui.input(placeholder=words("search_number"), value=query.get("number", "")[:20]).props("outlined dense")
        box.on("keydown.enter", lambda: ui.navigate.to(address(PATH, query, number=str(box.value or ""), page="")))
        file = address("/console/registrations.csv", query, page="")
        ui.button(words("as_file"), icon="download", on_click=lambda: ui.navigate.to(file)).props(
            "flat no-caps"
        ).classes("c-right")


def _row(desk: Desk, officer: Officer, one: ListedRegistration, names: Mapping[str, str]) -> None:
    words = desk.words
    with ui.element("div").classes("c-row"):
        ui.label(one.number)
        ui.label(officer.shown(one.name))
        ui.label(one.nik).classes("c-soft")
        ui.label(name_of(one.region_code, names) or one.region_code)
        if one.status == WAITING_IDENTITY and officer.decides:
            ui.button(words("seen_in_person"), on_click=lambda: _seen(desk, officer, one)).props(
                "outline no-caps dense"
            )
        else:
            chip(words(f"status_{one.status}"), one.status)
        if one.outcome:
            chip(words(f"outcome_{one.outcome}"), one.outcome)


def _seen(desk: Desk, officer: Officer, one: ListedRegistration) -> None:
    """The way for those whose face cannot be compared: the officer vouches, and is asked once whether it is so."""
    words = desk.words
    with ui.dialog() as dialog, ui.card().classes("c-dialog"):
        heading(words("seen_in_person"), 2)
        ui.label(words("seen_hint", name=officer.shown(one.name), number=one.number))

        async def vouch() -> None:
            dialog.close()
            if await act(desk, officer, verified):
                ui.navigate.reload()

        with ui.row().classes("justify-end w-full"):
            ui.button(words("back"), on_click=dialog.close).props("flat no-caps")
            ui.button(words("yes_seen"), on_click=vouch).props("no-caps unelevated")
    dialog.open()

    async def verified(connection: AsyncConnection, who: Officer) -> Rung:
        queued = await verify_in_person(connection, desk.database, one.person_id, who.login, desk.now())
        return Rung(jobs=queued)
