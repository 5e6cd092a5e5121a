"""One appeal: what is contested, the evidence, the history, and the officer's acts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from backend.console.frame import act, chip, frame, heading
from backend.console.sessions import Desk, Officer
from backend.domain.appeals import OPEN, step_due
from backend.domain.regions import name_of
from backend.repositories import appeals, decisions, listing, photos, regions
from backend.repositories.appeals import AppealEventRow, AppealRow
from backend.repositories.decisions import DecisionRow
from backend.repositories.listing import Filters, ListedAppeal, Page
from backend.repositories.photos import PhotoRow
from backend.services import review
from backend.services.clock import local_day
from backend.services.review import APPEAL_OUTCOMES, AppealOutcome

LONGEST = 1500


@dataclass(frozen=True, slots=True)
class Case:
    """Everything about one appeal."""

    listed: ListedAppeal
    appeal: AppealRow
    decision: DecisionRow
    history: Sequence[AppealEventRow]
    photos: Sequence[PhotoRow]
    region: str

    @property
    def contested(self) -> list[str]:
        return list(dict.fromkeys([*self.appeal.contested, *self.appeal.not_mine]))


async def load(desk: Desk, officer: Officer, appeal_id: int) -> Case | None:
    """The appeal, when this officer may see it."""
    async with desk.database.read() as connection:
        filters = Filters(regions=officer.regions(), ids=(appeal_id,))
        listed = await listing.appeals(connection, filters, Page(1))
        if not listed:
            return None
        appeal = (await appeals.by_ids(connection, [appeal_id]))[appeal_id]
        return Case(
            listed[0],
            appeal,
            (await decisions.by_ids(connection, [appeal.decision_id]))[appeal.decision_id],
            (await appeals.history_of(connection, [appeal_id]))[appeal_id],
            await photos.of_appeals(connection, [appeal_id]),
            name_of(appeal.region_code, await regions.names(connection)) or appeal.region_code,
        )


async def build(desk: Desk, officer: Officer, appeal_id: int) -> None:
    words = desk.words
    case = await load(desk, officer, appeal_id)
    with frame(desk, officer, "appeals"):
        if case is None:
            ui.label(words("not_there")).classes("c-card")
            return
        heading(words("appeal_title", number=case.appeal.number))
        _who(desk, officer, case)
        if officer.decides and case.appeal.status in OPEN:
            Acts(desk, officer, case).build()
        heading(words("reasons"), 2)
        for reason in case.decision.reasons:
            _reason(desk, case, reason)
        heading(words("statement"), 2)
        said = case.appeal.statement or words("no_statement")
        ui.label(said).classes("c-card c-said")
        heading(words("evidence", count=len(case.photos)), 2)
        _photos(desk, case)
        heading(words("history"), 2)
        _history(desk, case)


def _who(desk: Desk, officer: Officer, case: Case) -> None:
    words = desk.words
    with ui.element("section").classes("c-card"):
        with ui.element("div").classes("c-facts"):
            _fact(words("citizen"), officer.shown(case.listed.name))
            _fact(words("nik"), case.listed.nik)
            _fact(words("region"), case.region)
            _fact(words("kind"), words(f"kind_{case.appeal.kind}"))
            _fact(words("filed"), words("moment", at=case.appeal.created_at.isoformat()))
            _fact(words("due"), words("day", at=case.appeal.due_on.isoformat()))
            if case.appeal.step_due_on is not None:
                _fact(words("step_due"), words("day", at=case.appeal.step_due_on.isoformat()))
        with ui.element("div").classes("c-facts"):
            chip(words(f"appeal_{case.appeal.status}"), case.appeal.status)
            if case.appeal.outcome:
                chip(words(f"verdict_{case.appeal.outcome}"), case.appeal.outcome)
        if case.appeal.outcome_reason:
            ui.label(case.appeal.outcome_reason).classes("c-said")


def _fact(name: str, value: str) -> None:
    with ui.element("div"):
        ui.label(name).classes("c-small")
        ui.label(value)


def _reason(desk: Desk, case: Case, reason: Mapping[str, Any]) -> None:
    """The sentence that the citizen read, and under it the datum, whose it is, of when, and the rule's limit."""
    words, texts = desk.words, desk.words.of("reasons")
    contested = reason["code"] in case.contested
    with ui.element("div").classes("c-reason c-card" + (" contested" if contested else "")):
        if contested:
            chip(words("not_mine" if reason["code"] in case.appeal.not_mine else "contested"), "received")
        if reason["kind"] == "against":
            ui.label(texts(f"{reason['code']}.against", **_params(reason)))
        title = texts(f"{reason['code']}.short") if reason["kind"] == "against" else str(reason["datum"])
        with ui.element("div").classes("c-facts"):
            _fact(words("datum"), title)
            _fact(words("value"), _plain(reason["value"]))
            _fact(words("limit"), _plain(reason["limit"]))
            _fact(words("owner"), str(reason["owner"]))
            _fact(words("as_of"), words("day", at=reason["as_of"]) if reason["as_of"] else "–")


def _params(reason: Mapping[str, Any]) -> dict[str, Any]:
    return {name: reason[name] for name in ("value", "limit", "owner", "as_of") if reason[name] is not None}


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}".replace(",", ".")
    return str(value)


def _photos(desk: Desk, case: Case) -> None:
    words = desk.words
    if not case.photos:
        ui.label(words("no_evidence")).classes("c-card c-soft")
        return
    with ui.element("div").classes("c-photos"):
        for place, photo in enumerate(case.photos, 1):
            target = f"/console/evidence/{photo.id}"
            with ui.link(target=target, new_tab=True):
                size = f'width="{photo.width}" height="{photo.height}"'
                ui.element("img").props(f'src="{target}" alt="{words("photo", place=place)}" {size}').style(
                    "height: auto"
                )


def _history(desk: Desk, case: Case) -> None:
    words = desk.words
    with ui.element("ul").classes("c-steps c-card"):
        for step in case.history:
            with ui.element("li"):
                ui.label(words(f"appeal_{step.status}"))
                actor = words("by_citizen") if step.actor == "chat" else step.actor
                ui.label(f"{words('moment', at=step.at.isoformat())} · {actor}").classes("c-small")
                if step.note:
                    ui.label(step.note).classes("c-said")


@dataclass(slots=True)
class Acts:
    """The officer's buttons. A decision is confirmed once: the appellant reads its reason."""

    desk: Desk
    officer: Officer
    case: Case
    chosen: AppealOutcome = "upheld"
    accepted: set[str] = field(default_factory=set)

    def build(self) -> None:
        words = self.desk.words
        with ui.element("div").classes("c-acts"):
            if self.case.appeal.status != "in_review":
                ui.button(words("take_up"), icon="visibility", on_click=self._take_up).props("outline no-caps")
            ui.button(words("ask_more"), icon="help_outline", on_click=self._ask_more).props("outline no-caps")
            if self.case.appeal.status != "field_check":
                ui.button(words("field_check"), icon="pin_drop", on_click=self._field_check).props("outline no-caps")
            ui.button(words("decide"), icon="gavel", on_click=self._decide).props("no-caps unelevated")

    async def _take_up(self) -> None:
        desk, appeal_id = self.desk, self.case.appeal.id

        if await act(
            desk, self.officer, lambda c, who: review.take_up(c, desk.database, appeal_id, who.login, desk.now())
        ):
            ui.navigate.reload()

    def _field_check(self) -> None:
        """The appellant is told, so it is confirmed once, with the day by which BPS has to answer."""
        words, appeal = self.desk.words, self.case.appeal
        due = step_due("field_check", local_day(self.desk.now(), appeal.region_code), appeal.due_on)
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("field_check"), 2)
            ui.label(words("field_check_hint", due=(due or appeal.due_on).isoformat())).classes("c-small")
            self._buttons(dialog, words("yes_field_check"), self._send_to_field)
        dialog.open()

    async def _send_to_field(self) -> None:
        desk, appeal_id = self.desk, self.case.appeal.id
        if await act(
            desk, self.officer, lambda c, who: review.field_check(c, desk.database, appeal_id, who.login, desk.now())
        ):
            ui.navigate.reload()

    def _ask_more(self) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("ask_more"), 2)
            ui.label(words("ask_more_hint")).classes("c-small")
            box = ui.textarea(words("question")).props(f"outlined autogrow maxlength={LONGEST}")
            self._buttons(dialog, words("send_question"), lambda: self._send_question(str(box.value or "")))
        dialog.open()

    async def _send_question(self, question: str) -> None:
        desk, appeal_id = self.desk, self.case.appeal.id
        if await act(
            desk,
            self.officer,
            lambda c, who: review.ask_more(c, desk.database, appeal_id, question, who.login, desk.now()),
        ):
            ui.navigate.reload()

    def _decide(self) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("decide"), 2)
            outcome = ui.radio({name: words(f"verdict_{name}") for name in APPEAL_OUTCOMES}, value=self.chosen)
            outcome.on_value_change(lambda event: setattr(self, "chosen", event.value))
            with ui.element("div").bind_visibility_from(outcome, "value", value="partly"):
                ui.label(words("accepted_hint")).classes("c-small")
                for code in self.case.contested:
                    title = self.desk.words.of("reasons")(f"{code}.short")
                    ui.checkbox(title, on_change=lambda event, code=code: self._accept(code, event.value))
            box = ui.textarea(words("reason_for_citizen")).props(f"outlined autogrow maxlength={LONGEST}")

            def further() -> None:
                reason = str(box.value or "").strip()
                if not reason:
                    ui.notify(words("fault_reason_missing"), type="warning")
                elif self.chosen == "partly" and not self.accepted:
                    ui.notify(words("fault_not_contested"), type="warning")
                else:
                    dialog.close()
                    self._confirm(reason)

            self._buttons(dialog, words("further"), further)
        dialog.open()

    def _accept(self, code: str, on: bool) -> None:
        (self.accepted.add if on else self.accepted.discard)(code)

    def _confirm(self, reason: str) -> None:
        words = self.desk.words
        with ui.dialog() as dialog, ui.card().classes("c-dialog"):
            heading(words("sure", outcome=words(f"verdict_{self.chosen}")), 2)
            ui.label(words("sure_hint")).classes("c-small")
            ui.label(reason).classes("c-quote")
            self._buttons(dialog, words("yes_decide"), lambda: self._resolve(reason))
        dialog.open()

    async def _resolve(self, reason: str) -> None:
        desk, appeal_id, chosen = self.desk, self.case.appeal.id, self.chosen
        accepted = sorted(self.accepted) if chosen == "partly" else ()
        if await act(
            desk,
            self.officer,
            lambda c, who: review.resolve(c, desk.database, appeal_id, chosen, reason, who.login, desk.now(), accepted),
        ):
            ui.navigate.reload()

    def _buttons(self, dialog: ui.dialog, title: str, go: Callable[[], Awaitable[None] | None]) -> None:
        with ui.row().classes("justify-end w-full"):
            ui.button(self.desk.words("back"), on_click=dialog.close).props("flat no-caps")
            ui.button(title, on_click=go).props("no-caps unelevated")
