"""Broadcasts: the list, a new one with its words before anybody gets them, and one on its way to its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nicegui import ui
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.console.frame import act, chip, choose, frame, heading, pager, row, table
from backend.console.queries import OUTCOMES, one_of, page_of
from backend.console.sessions import Desk, Officer
from backend.console.view_overview import regencies
from backend.domain.broadcasts import PARAMS, Act, Status, Template, problem_of
from backend.domain.regions import name_of
from backend.repositories import broadcasts as stored
from backend.repositories import regions
from backend.repositories.broadcasts import BroadcastRow, Recipient
from backend.services import broadcasts
from backend.services.accounts import UserRole
from backend.services.review import Rung

PATH = "/console/broadcasts"
COLUMNS = "70px 1.6fr 1.2fr 130px 170px"
RECIPIENT_COLUMNS = "1fr 1fr 1.4fr 170px"
STATES = ("waiting", "queued", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled", "passed")
COMING = frozenset({"waiting", "queued", "sending"})
SAMPLE = "PRL-7K2M-93"
REFRESH_S = 3.0
STEPS: Mapping[Status, tuple[Act, ...]] = {
    Status.DRAFT: (Act.FREEZE, Act.CANCEL),
    Status.FROZEN: (Act.APPROVE, Act.CANCEL),
    Status.SENDING: (Act.PAUSE, Act.CANCEL),
    Status.PAUSED: (Act.RESUME, Act.CANCEL),
    Status.DONE: (Act.RETRY,),
    Status.CANCELLED: (),
}
"""What can be done with a broadcast, the likely step first."""


def _may(officer: Officer) -> bool:
    return officer.role is UserRole.ADMIN


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    async with desk.database.read() as connection:
        names = await regions.names(connection)
        count = await stored.count(connection, officer.regions())
        rows = await stored.newest(connection, officer.regions(), page_of(query))
    with frame(desk, officer, "broadcasts"):
        heading(words("page_broadcasts"))
        ui.label(words("broadcasts_hint")).classes("c-small")
        if _may(officer):
            writing = Writing(desk, officer, regencies(names, officer))
            ui.button(words("new_broadcast"), icon="campaign", on_click=writing.open).props(
                "no-caps unelevated"
            ).classes("q-my-sm")
        if not rows:
            ui.label(words("no_broadcasts")).classes("c-card c-soft")
            return
        with table(
            COLUMNS, (words("number"), words("broadcast_name"), words("region"), words("status"), words("since"))
        ):
            for one in rows:
                with row(f"{PATH}/{one.id}"):
                    ui.label(str(one.id))
                    ui.label(one.name).classes("wide")
                    ui.label(name_of(one.region_code, names) or words("all_region")).classes("c-soft")
                    chip(words(f"broadcast_{one.status}"), f"broadcast_{one.status}")
                    ui.label(words("moment", at=one.created_at.isoformat())).classes("c-soft")
        pager(desk, PATH, query, count)


async def build_one(desk: Desk, officer: Officer, broadcast_id: int, query: Mapping[str, str]) -> None:
    """One broadcast, how far it has come, and who has not got it and why."""
    words = desk.words
    state = one_of(query, "state", STATES)
    async with desk.database.read() as connection:
        found = await stored.by_id(connection, broadcast_id)
        names = await regions.names(connection)
        if found is not None and not officer.sees(found.region_code):
            found = None
        counts = await stored.counts(connection, broadcast_id) if found is not None else {}
        people = await stored.recipients(connection, broadcast_id, state, page_of(query)) if found is not None else []
    with frame(desk, officer, "broadcasts"):
        if found is None:
            ui.label(words("not_there")).classes("c-card")
            return
        heading(found.name)
        _about(desk, found, names)
        if _may(officer):
            _steps(desk, officer, found)
        if found.total:
            await _progress(desk, found, counts)
            heading(words("recipients"), 2)
            path = f"{PATH}/{found.id}"
            with ui.element("div").classes("c-filters"):
                choose(desk, path, query, "state", {name: words(f"message_{name}") for name in STATES})
            _recipients(desk, people)
            pager(desk, path, query, counts.get(state, 0) if state else found.total)


def _about(desk: Desk, one: BroadcastRow, names: Mapping[str, str]) -> None:
    words = desk.words
    with ui.element("section").classes("c-card"):
        with ui.element("div").classes("c-facts"):
            chip(words(f"broadcast_{one.status}"), f"broadcast_{one.status}")
            ui.label(name_of(one.region_code, names) or words("all_region"))
            ui.label(words(f"outcome_{one.outcome}") if one.outcome else words("all_outcome"))
            ui.label(words("written_by", who=one.created_by))
            if one.approved_by:
                ui.label(words("approved_by", who=one.approved_by))
        ui.label(broadcasts.words(one.template, one.params, SAMPLE)).classes("c-quote q-mt-sm")
        if one.status != Status.DRAFT:
            ui.label(words("broadcast_people", total=one.total, without=one.without_chat)).classes("c-small q-mt-sm")


def _steps(desk: Desk, officer: Officer, one: BroadcastRow) -> None:
    words = desk.words
    with ui.element("div").classes("c-acts"):
        for number, wanted in enumerate(STEPS[Status(one.status)]):
            sure = Sure(desk, officer, one, wanted)
            look = "no-caps unelevated" if number == 0 else "outline no-caps"
            ui.button(words(f"step_{wanted}"), on_click=sure.open).props(look)


async def _progress(desk: Desk, one: BroadcastRow, counts: Mapping[str, int]) -> None:
    """How many are in which state; looked up again every few seconds while it is under way."""
    words = desk.words

    @ui.refreshable
    def shown(counts: Mapping[str, int]) -> None:
        gone = one.total - sum(counts.get(name, 0) for name in COMING)
        heading(words("broadcast_gone", gone=gone, total=one.total), 2)
        with (
            ui.element("div").classes("c-bar").props(f"role=progressbar aria-valuenow={gone} aria-valuemax={one.total}")
        ):
            ui.element("i").style(f"width: {100 * gone / one.total:.1f}%")
        with ui.element("div").classes("c-facts q-mt-sm"):
            for name in STATES:
                if counts.get(name):
                    ui.label(f"{words(f'message_{name}')}: {words('many', count=counts[name])}")

    async def look() -> None:
        async with desk.database.read() as connection:
            now_is, row_now = await stored.counts(connection, one.id), await stored.by_id(connection, one.id)
        if row_now is not None and row_now.status != one.status:
            ui.navigate.reload()
        shown.refresh(now_is)

    shown(counts)
    if one.status == Status.SENDING or any(counts.get(name) for name in ("queued", "sending")):
        ui.timer(REFRESH_S, look)


def _recipients(desk: Desk, people: list[Recipient]) -> None:
    words = desk.words
    if not people:
        ui.label(words("nobody_here")).classes("c-card c-soft")
        return
    with table(RECIPIENT_COLUMNS, (words("registration"), words("status"), words("why"), words("since"))):
        for one in people:
            with ui.element("div").classes("c-row"):
                ui.label(one.number)
                chip(words(f"message_{one.state}"), f"message_{one.state}")
                ui.label(_why(desk, one.reason)).classes("c-soft wide")
                ui.label(words("moment", at=one.at.isoformat()) if one.at else "–").classes("c-soft")


def _why(desk: Desk, reason: str) -> str:
    """A code as a sentence where there is one, else as it is: an operator knows it."""
    known = {"opted_out", "unreachable", "called_back", "63016"}
    return desk.words(f"why_{reason}") if reason in known else reason or "–"


@dataclass(slots=True)
class Sure:
    """Every step asks once, and says what it will do."""

    desk: Desk
    officer: Officer
    broadcast: BroadcastRow
    wanted: Act

    def open(self) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words(f"step_{self.wanted}"), 2)
            ui.label(words(f"sure_{self.wanted}", total=self.broadcast.total))
            with ui.row().classes("justify-end w-full"):
                ui.button(words("back"), on_click=dialog.close).props("flat no-caps")
                ui.button(words("yes_do"), on_click=self._do).props("no-caps unelevated")
        dialog.open()

    async def _do(self) -> None:
        async def work(connection: AsyncConnection, who: Officer) -> Rung:
            held = await stored.by_id(connection, self.broadcast.id, lock=True)
            assert held is not None  # noqa: S101 - shown on this page, and never deleted
            _, jobs = await broadcasts.step(connection, held, self.wanted, who.login, self.desk.now())
            return Rung(jobs=jobs)

        if await act(self.desk, self.officer, work, only=_may):
            ui.navigate.reload()


@dataclass(slots=True)
class Writing:
    """A new broadcast: its words are seen as a recipient will read them before it is a draft."""

    desk: Desk
    officer: Officer
    regions: Mapping[str, str]
    name: str = ""
    template: Template = Template.STATUS
    params: dict[str, str] = field(default_factory=dict)
    region: str = ""
    outcome: str = ""

    def open(self) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("new_broadcast"), 2)
            ui.input(words("broadcast_name"), on_change=self._sets("name")).props("outlined maxlength=120")
            templates = {one: words(f"template_{one}") for one in Template}
            ui.select(templates, label=words("template"), value=self.template, on_change=self._chosen).props("outlined")
            self._blanks()
            everywhere = {"": words("all_region"), **self.regions}
            ui.select(everywhere, label=words("region"), value="", on_change=self._sets("region")).props("outlined")
            results = {"": words("all_outcome"), **{name: words(f"outcome_{name}") for name in OUTCOMES}}
            ui.select(results, label=words("outcome"), value="", on_change=self._sets("outcome")).props("outlined")
            self._preview()
            with ui.row().classes("justify-end w-full"):
                ui.button(words("back"), on_click=dialog.close).props("flat no-caps")
                ui.button(words("save_draft"), on_click=self._save).props("no-caps unelevated")
        dialog.open()

    def _sets(self, name: str) -> Callable[[object], None]:
        return lambda event: setattr(self, name, str(getattr(event, "value", "") or ""))

    def _chosen(self, event: object) -> None:
        self.template = Template(getattr(event, "value", Template.STATUS))
        self.params = {}
        self._blanks.refresh()
        self._preview.refresh()

    @ui.refreshable_method
    def _blanks(self) -> None:
        for name in PARAMS[self.template]:
            ui.input(self.desk.words(f"param_{name}"), on_change=self._filled(name)).props("outlined maxlength=80")

    def _filled(self, name: str) -> Callable[[object], None]:
        def fill(event: object) -> None:
            self.params[name] = str(getattr(event, "value", "") or "")
            self._preview.refresh()

        return fill

    @ui.refreshable_method
    def _preview(self) -> None:
        given = {name: self.params.get(name) or "…" for name in PARAMS[self.template]}
        ui.label(self.desk.words("reads_like")).classes("c-small")
        ui.label(broadcasts.words(self.template, given, SAMPLE)).classes("c-quote")

    async def _save(self) -> None:
        words = self.desk.words
        if not self.name.strip() or problem_of(self.template, self.params):
            ui.notify(words("fault_blanks"), type="warning")
            return
        made: list[int] = []

        async def work(connection: AsyncConnection, who: Officer) -> Rung:
            written = await broadcasts.write(
                connection, name=self.name.strip(), template=self.template, params=self.params,
                region=self.region or who.region_code, outcome=self.outcome, channel="", not_before=None,
                actor=who.login, now=self.desk.now(),
            )  # fmt: skip
            made.append(written.id)
            return Rung()

        if await act(self.desk, self.officer, work, only=_may):
            ui.navigate.to(f"{PATH}/{made[0]}")
