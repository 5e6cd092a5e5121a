"""Appeals: the list that officers work off."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from backend.console.frame import chip, choose, frame, heading, pager, row, table
from backend.console.queries import APPEAL_STATUSES, appeal_filters, page_of
from backend.console.sessions import Desk, Officer
from backend.console.view_overview import regencies
from backend.domain.appeals import OPEN
from backend.domain.regions import name_of
from backend.repositories import listing, regions
from backend.services.clock import local_day

PATH = "/console/appeals"
COLUMNS = "130px 1.3fr 1.2fr 160px 170px 150px"


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    filters = appeal_filters(query, officer)
    async with desk.database.read() as connection:
        names = await regions.names(connection)
        count = await listing.count_appeals(connection, filters)
        rows = await listing.appeals(connection, filters, page_of(query))
    with frame(desk, officer, "appeals"):
        heading(words("page_appeals"))
        with ui.element("div").classes("c-filters"):
            choose(desk, PATH, query, "status", {name: words(f"appeal_{name}") for name in APPEAL_STATUSES})
            choose(desk, PATH, query, "region", regencies(names, officer))
        if not rows:
            ui.label(words("no_appeals")).classes("c-card c-soft")
            return
        heads = (words("number"), words("citizen"), words("region"), words("kind"), words("due"), words("status"))
        with table(COLUMNS, heads):
            for one in rows:
                with row(f"{PATH}/{one.id}"):
                    ui.label(one.number)
                    ui.label(officer.shown(one.name))
                    ui.label(name_of(one.region_code, names) or one.region_code)
                    ui.label(words(f"kind_{one.kind}")).classes("c-soft")
                    late = one.status in OPEN and one.due_on < local_day(desk.now(), one.region_code)
                    ui.label(words("day", at=one.due_on.isoformat())).classes("c-late" if late else "")
                    state = one.outcome or one.status
                    chip(words(f"appeal_{one.status}") if not one.outcome else words(f"verdict_{one.outcome}"), state)
        pager(desk, PATH, query, count)
