"""Citizens who wait for a human: the tickets, and the conversation in which an officer answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.console.frame import act, chip, frame, heading, pager, row, table
from backend.console.queries import page_of
from backend.console.sessions import Desk, Officer
from backend.repositories import audit, chats, listing
from backend.repositories.chats import Chat
from backend.repositories.listing import Filters, ListedTicket
from backend.services import officers
from backend.services.review import Rung

PATH = "/console/tickets"
COLUMNS = "130px 150px 1fr 1.8fr 170px"


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    async with desk.database.read() as connection:
        filters = Filters(regions=officer.regions(), status="open")
        count = await listing.count_tickets(connection, filters)
        rows = await listing.tickets(connection, filters, page_of(query))
    with frame(desk, officer, "tickets"):
        heading(words("waiting_citizens"))
        ui.label(words("tickets_hint")).classes("c-small")
        if not rows:
            ui.label(words("no_tickets")).classes("c-card c-soft")
            return
        heads = (words("number"), words("kind"), words("citizen"), words("said"), words("due"))
        with table(COLUMNS, heads):
            for one in rows:
                _row(desk, officer, one)
        pager(desk, PATH, query, count)


def _row(desk: Desk, officer: Officer, one: ListedTicket) -> None:
    words = desk.words
    with row(f"{PATH}/{one.id}"):
        ui.label(one.number)
        chip(words(f"ticket_{one.kind}"), "")
        ui.label(officer.shown(one.name) if one.name else words("nobody_proven")).classes("wide")
        ui.label(officers.mask_numbers(one.text)[:160]).classes("c-soft wide")
        late = one.due_at < desk.now()
        ui.label(words("moment", at=one.due_at.isoformat())).classes("c-late" if late else "c-soft")


async def build_one(desk: Desk, officer: Officer, ticket_id: int) -> None:
    """One ticket with its conversation."""
    words = desk.words
    async with desk.database.write() as connection:
        found = await listing.tickets(connection, Filters(regions=officer.regions(), ids=(ticket_id,)), listing.Page(1))
        ticket = found[0] if found else None
        chat = await chats.chat(connection, ticket.conversation_id) if ticket and ticket.conversation_id else None
        lines = await officers.read_chat(connection, chat.id) if chat is not None else ()
        if chat is not None:
            act_of_reading = audit.Act(desk.now(), officer.login, "conversation.read", f"conversation:{chat.id}")
            await audit.note(connection, [act_of_reading])
    with frame(desk, officer, "tickets"):
        if ticket is None:
            ui.label(words("not_there")).classes("c-card")
            return
        heading(words("ticket_title", number=ticket.number))
        _about(desk, officer, ticket)
        if lines:
            heading(words("conversation"), 2)
            _lines(desk, lines)
        if officer.decides and ticket.status == "open":
            _answer(desk, officer, ticket, chat)


def _about(desk: Desk, officer: Officer, ticket: ListedTicket) -> None:
    words = desk.words
    with ui.element("section").classes("c-card"):
        with ui.element("div").classes("c-facts"):
            chip(words(f"ticket_{ticket.kind}"), "")
            chip(words(f"state_{ticket.status}"), "received" if ticket.status == "open" else "eligible")
            ui.label(officer.shown(ticket.name) if ticket.name else words("nobody_proven"))
            ui.label(words("moment", at=ticket.created_at.isoformat()))
        if ticket.text:
            ui.label(officers.mask_numbers(ticket.text)).classes("c-said")


def _lines(desk: Desk, lines: Any) -> None:
    words = desk.words
    with ui.element("div").classes("c-chat"):
        for line in lines:
            text = line.text or (words("photos_sent", count=line.photos) if line.photos else words("something_sent"))
            with ui.element("div").classes("c-line" + ("" if line.incoming else " bot")):
                ui.label(text)
                ui.html(f"<i>{words('moment', at=line.at.isoformat())}</i>", sanitize=False)


def _answer(desk: Desk, officer: Officer, ticket: ListedTicket, chat: Chat | None) -> None:
    words = desk.words
    heading(words("answer"), 2)
    with ui.element("section").classes("c-card"):
        if chat is not None and chat.reachable:
            most = officers.LONGEST_MESSAGE
            box = ui.textarea(words("answer_hint")).props(f"outlined autogrow maxlength={most}").classes("w-full")

            async def send() -> None:
                text = str(box.value or "").strip()
                if not text:
                    ui.notify(words("fault_reason_missing"), type="warning")
                elif await act(desk, officer, lambda c, who: _say(desk, c, who, ticket, chat, text)):
                    ui.navigate.reload()

            with ui.element("div").classes("c-acts q-mt-md"):
                ui.button(words("send_answer"), icon="send", on_click=send).props("no-caps unelevated")
                _close_button(desk, officer, ticket)
            return
        ui.label(words("not_reachable"))
        with ui.element("div").classes("c-acts q-mt-md"):
            _close_button(desk, officer, ticket)


def _close_button(desk: Desk, officer: Officer, ticket: ListedTicket) -> None:
    async def close() -> None:
        if await act(desk, officer, lambda c, who: _close(desk, c, who, ticket)):
            ui.navigate.reload()

    ui.button(desk.words("close_ticket"), on_click=close).props("outline no-caps")


async def _say(
    desk: Desk, connection: AsyncConnection, who: Officer, ticket: ListedTicket, chat: Chat, text: str
) -> Rung:
    turns = await officers.say(connection, desk.database, chat.id, chat.person_id, text, who.login, desk.now())
    await officers.close_ticket(connection, ticket.id, officers.ANSWERED, who.login, desk.now())
    return Rung(turns=turns)


async def _close(desk: Desk, connection: AsyncConnection, who: Officer, ticket: ListedTicket) -> Rung:
    await officers.close_ticket(connection, ticket.id, "closed", who.login, desk.now())
    return Rung()
