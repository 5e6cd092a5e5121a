"""What looks like one person twice: the cases, and one of them with its people side by side and what is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nicegui import ui
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.console.frame import act, chip, choose, frame, heading, pager, row, table
from backend.console.queries import CASE_KINDS, CASE_STATES, case_filters, one_of, page_of
from backend.console.sessions import Desk, Officer
from backend.console.view_overview import regencies
from backend.domain.regions import name_of
from backend.repositories import listing, regions, review_cases
from backend.repositories.listing import Filters
from backend.repositories.review_cases import CaseMember, ListedCase, Sides
from backend.services import duplicates
from backend.services.duplicates import Verdict
from backend.services.review import Rung

PATH = "/console/review-cases"
COLUMNS = "1.2fr 1fr 1.4fr 170px"
VERDICTS: tuple[Verdict, ...] = ("cleared", "confirmed")
LONGEST = 1500


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    filters, kind = case_filters(query, officer), one_of(query, "kind", CASE_KINDS)
    async with desk.database.read() as connection:
        names = await regions.names(connection)
        count = await review_cases.count(connection, filters, kind)
        rows = await review_cases.listed(connection, filters, page_of(query), kind)
    with frame(desk, officer, "duplicates"):
        heading(words("page_duplicates"))
        ui.label(words("duplicates_hint")).classes("c-small")
        with ui.element("div").classes("c-filters"):
            choose(desk, PATH, query, "status", {name: words(f"case_{name}") for name in CASE_STATES})
            choose(desk, PATH, query, "kind", {name: words(f"case_{name}") for name in CASE_KINDS})
            choose(desk, PATH, query, "region", regencies(names, officer))
        if not rows:
            ui.label(words("no_cases")).classes("c-card c-soft")
            return
        with table(COLUMNS, (words("kind"), words("members"), words("since"), words("status"))):
            for one in rows:
                with row(f"{PATH}/{one.id}"):
                    ui.label(words(f"case_{one.kind}"))
                    ui.label(str(one.members))
                    ui.label(words("moment", at=one.created_at.isoformat())).classes("c-soft")
                    chip(words(f"case_{one.state}"), one.state)
        pager(desk, PATH, query, count)


async def build_one(desk: Desk, officer: Officer, case_id: int) -> None:
    """One case."""
    words = desk.words
    async with desk.database.read() as connection:
        wanted = Filters(regions=officer.regions(), ids=(case_id,))
        found = await review_cases.listed(connection, wanted, listing.Page(1))
        sides = await review_cases.sides_of(connection, case_id) if found else Sides((), ())
        reason = await review_cases.reason_of(connection, case_id) if found else None
        names = await regions.names(connection)
    with frame(desk, officer, "duplicates"):
        if not found:
            ui.label(words("not_there")).classes("c-card")
            return
        [case] = found
        heading(words("case_title", kind=words(f"case_{case.kind}"), number=str(case.id)))
        _about(desk, case, reason)
        if officer.decides and case.state == "open":
            with ui.element("div").classes("c-acts"):
                ui.button(words("decide"), icon="gavel", on_click=Deciding(desk, officer, case.id).open).props(
                    "no-caps unelevated"
                )
        heading(words("side_by_side"), 2)
        with ui.element("div").classes("c-two"):
            for member in sides.members:
                _member(desk, officer, member, sides, names)


def _about(desk: Desk, case: ListedCase, reason: str | None) -> None:
    words = desk.words
    with ui.element("section").classes("c-card"):
        with ui.element("div").classes("c-facts"):
            chip(words(f"case_{case.state}"), case.state)
            ui.label(words("moment", at=case.created_at.isoformat()))
            if case.decided_at is not None:
                ui.label(f"{case.decided_by} · {words('moment', at=case.decided_at.isoformat())}")
        if reason:
            ui.label(reason).classes("c-said")


def _member(desk: Desk, officer: Officer, member: CaseMember, sides: Sides, names: Mapping[str, str]) -> None:
    words = desk.words
    with ui.element("section").classes("c-card"):
        heading(member.number or words(f"member_{member.what}"), 2)
        near = officer.sees(member.region_code)
        if member.what == "registration":
            _fact(words("citizen"), officer.shown(member.name) if near and member.name else words("elsewhere"))
            _fact(words("region"), name_of(member.region_code, names) or member.region_code)
            _fact(words("nik"), member.nik, words("same") if "nik" in sides.matches else "")
            _fact(words("card"), member.kk, words("same") if "kk" in sides.matches else "")
        if member.what != "chat":
            account = f"{member.bank} {member.account}".strip()
            _fact(words("account"), account, words("same") if "account" in sides.matches else "")
        if member.channel:
            _fact(words("channel"), member.channel)
        if member.status:
            _fact(words("status"), words(f"status_{member.status}"))
        if member.outcome:
            _fact(words("outcome"), words(f"outcome_{member.outcome}"))
        if member.at is not None:
            _fact(words("since"), words("moment", at=member.at.isoformat()))


def _fact(name: str, value: str, same: str = "") -> None:
    with ui.element("div").classes("c-facts"):
        ui.label(name).classes("c-small")
        ui.label(value or "–")
        if same and value:
            chip(same, "received")


@dataclass(slots=True)
class Deciding:
    """The officer's word: one of two, with a reason that is noted."""

    desk: Desk
    officer: Officer
    case_id: int
    chosen: Verdict = "cleared"

    def open(self) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("decide"), 2)
            ui.label(words("case_sure_hint")).classes("c-small")
            choice = ui.radio({name: words(f"case_{name}") for name in VERDICTS}, value=self.chosen)
            choice.on_value_change(lambda event: setattr(self, "chosen", event.value))
            box = ui.textarea(words("case_reason")).props(f"outlined autogrow maxlength={LONGEST}")
            with ui.row().classes("justify-end w-full"):
                ui.button(words("back"), on_click=dialog.close).props("flat no-caps")
                ui.button(words("yes_decide"), on_click=lambda: self._decide(str(box.value or ""))).props(
                    "no-caps unelevated"
                )
        dialog.open()

    async def _decide(self, reason: str) -> None:
        async def work(connection: AsyncConnection, who: Officer) -> Rung:
            await duplicates.decide(connection, self.case_id, self.chosen, reason, who.login, self.desk.now())
            return Rung()

        if await act(self.desk, self.officer, work):
            ui.navigate.reload()
