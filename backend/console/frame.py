"""What every page of the console shares: who is there, where to go, tables, chips, and how an act is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from html import escape

from nicegui import ui
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.console.entry import LOGIN
from backend.console.looks import CSS
from backend.console.queries import ROWS, address, page_number
from backend.console.sessions import Desk, Officer
from backend.domain.broadcasts import NotPossibleError
from backend.services.duplicates import CaseError
from backend.services.review import AppealError, Rung

PAGES = {
    "overview": "/console",
    "registrations": "/console/registrations",
    "appeals": "/console/appeals",
    "duplicates": "/console/review-cases",
    "broadcasts": "/console/broadcasts",
    "tickets": "/console/tickets",
}
TONES = {
    "eligible": "good", "not_eligible": "bad", "waiting": "warn", "received": "warn", "need_more": "warn",
    "upheld": "good", "partly": "good", "rejected": "bad", "waiting_identity": "warn",
    "broadcast_sending": "warn", "broadcast_paused": "warn", "broadcast_done": "good", "broadcast_cancelled": "bad",
    "message_failed": "bad", "message_unknown": "warn", "message_passed": "warn", "message_cancelled": "bad",
    "message_delivered": "good", "message_read": "good",
    "open": "warn", "cleared": "good", "confirmed": "bad",
}  # fmt: skip
Act = Callable[[AsyncConnection, Officer], Awaitable[Rung]]


def frame(desk: Desk, officer: Officer, here: str) -> ui.element:
    """The page's head; its body, to be filled."""
    words = desk.words
    ui.add_css(CSS)
    ui.page_title(f"{words(f'page_{here}')} · Perlinsos")
    ui.colors(primary="#0b5c4b")
    with ui.element("header").classes("c-head"):
        ui.label("Perlinsos").classes("c-brand")
        for name, path in PAGES.items():
            ui.link(words(f"page_{name}"), path).classes("here" if name == here else "")
        with ui.element("div").classes("c-me"):
            ui.label(f"{officer.name} · {words(f'role_{officer.role.value}')}")
            leave = f'<form method="post" action="/console/logout"><button>{escape(words("leave"))}</button></form>'
            ui.html(leave, sanitize=False)
    return ui.element("main").classes("c-body")


def heading(text: str, level: int = 1) -> None:
    ui.html(escape(text), sanitize=False, tag=f"h{level}")


def chip(words: str, state: str) -> None:
    ui.label(words).classes(f"c-chip {TONES.get(state, '')}")


def table(columns: str, heads: Sequence[str]) -> ui.element:
    """A table whose rows turn into cards on a narrow screen. `columns`: CSS widths."""
    body = ui.element("div").classes("c-table").style(f"--cols: {columns}")
    with body, ui.element("div").classes("c-row head"):
        for head in heads:
            ui.label(head)
    return body


def row(target: str) -> ui.element:
    return ui.link(target=target).classes("c-row")


def pager(desk: Desk, path: str, query: Mapping[str, str], count: int) -> None:
    """Which page this is, and the ones beside it."""
    words = desk.words
    here, pages = page_number(query), max(1, -(-count // ROWS))
    with ui.element("nav").classes("c-pages"):
        if here > 1:
            ui.link(words("newer"), address(path, query, page=here - 1))
        ui.label(words("page_of", page=here, pages=pages, count=count)).classes("c-soft")
        if here < pages:
            ui.link(words("older"), address(path, query, page=here + 1))


def choose(desk: Desk, path: str, query: Mapping[str, str], name: str, options: Mapping[str, str]) -> None:
    """A filter: choosing goes to the same page's first one with it."""
    words = desk.words
    current = query.get(name, "")

    def go(event: object) -> None:
        chosen = getattr(event, "value", "") or ""
        ui.navigate.to(address(path, query, **{name: chosen, "page": ""}))

    everything = {"": words(f"all_{name}"), **options}
    ui.select(everything, value=current if current in options else "", on_change=go).props(
        f'outlined dense options-dense aria-label="{words(name)}"'
    )


async def act(
    desk: Desk, officer: Officer, work: Act, only: Callable[[Officer], bool] = lambda who: who.decides
) -> bool:
    """One act of an officer, if they may still do it (`only`): in one transaction, then the doorbells."""
    words = desk.words
    current = await desk.still(officer)
    if current is None:
        ui.navigate.to(LOGIN)
        return False
    if not only(current):
        ui.notify(words("not_allowed"), type="warning")
        return False
    try:
        async with desk.database.write() as connection:
            rung = await work(connection, current)
    except (AppealError, CaseError, NotPossibleError) as error:
        ui.notify(words(f"fault_{error.cause}"), type="warning")
        return False
    await desk.bus.ring("turns", rung.turns)
    await desk.bus.ring("jobs", rung.jobs)
    return True
