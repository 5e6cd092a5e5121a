"""The pieces of the simulator's page: bubbles, residents, stored rows, and their looks."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any, Protocol

from nicegui import ui

from backend.console.words import Words

MOST_BUTTONS = 3
_BOLD = re.compile(r"\*(?=\S)([^*\n]+?)(?<=\S)\*")

START_JS = """
try {
  const stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user', width: {ideal: 1280}}});
  const video = document.getElementById('sim-video');
  video.srcObject = stream; await video.play(); return true;
} catch (fault) { return false; }
"""
TAKE_JS = """
const video = document.getElementById('sim-video'), canvas = document.createElement('canvas');
canvas.width = video.videoWidth; canvas.height = video.videoHeight;
canvas.getContext('2d').drawImage(video, 0, 0);
return canvas.toDataURL('image/jpeg', 0.85);
"""
STOP_JS = """
const video = document.getElementById('sim-video');
if (video && video.srcObject) { video.srcObject.getTracks().forEach(track => track.stop()); }
"""
SCROLL_JS = """
setTimeout(() => { const log = document.querySelector('.sim-messages'); if (log) log.scrollTop = log.scrollHeight; }, 60);
"""

CSS = (files("backend.console") / "simulator.css").read_text(encoding="utf-8")


class Chat(Protocol):
    """What the pieces ask of the page that they stand on."""

    @property
    def simulated(self) -> Any: ...

    @property
    def words(self) -> Words: ...

    async def say(self, text: str) -> None: ...

    async def tap(self, payload: str, title: str) -> None: ...

    async def picture(self, pictures: Sequence[tuple[bytes, str]]) -> None: ...


def marked_up(text: str) -> str:
    """Our `*bold*` marks as HTML; everything else escaped."""
    return _BOLD.sub(r"<b>\1</b>", html.escape(text))


def bubble(mine: bool, text: str, photos: Sequence[str], buttons: Sequence[tuple[str, str]], chat: Chat) -> None:
    """One message; up to three choices as buttons, more behind one button, as the channels do it."""
    with ui.element("div").classes("sim-row mine" if mine else "sim-row"), ui.element("div").classes("sim-bubble"):
        for ref in photos:
            name = html.escape(ref.rpartition("/")[2], quote=True)
            alt = html.escape(chat.words("photo_alt"), quote=True)
            ui.html(f'<img src="/simulator/photos/{name}" alt="{alt}">', sanitize=False)
        if text:
            ui.html(marked_up(text), sanitize=False, tag="span")
    if not buttons:
        return
    with ui.element("div").classes("sim-options"):
        if len(buttons) <= MOST_BUTTONS:
            _choices(buttons, chat)
            return
        with ui.expansion(chat.words("choices")).props("dense").classes("sim-card"):
            _choices(buttons, chat)


def _choices(buttons: Sequence[tuple[str, str]], chat: Chat) -> None:
    for payload, title in buttons:
        ui.button(title, on_click=lambda payload=payload, title=title: chat.tap(payload, title)).props("flat no-caps")


def people(words: Words, residents: Sequence[dict[str, Any]], chat: Chat) -> None:
    """The sandbox's residents with their stories, and what can be sent in their name."""
    ui.label(words("title")).classes("sim-title")
    ui.label(words("hint")).classes("sim-hint")
    for resident in residents:
        with ui.element("article").classes("sim-card").props(f'data-resident="{resident["n"]}"'):
            ui.html(f"<h3>{html.escape(resident['name'])}</h3>", sanitize=False)
            ui.html(f'<span class="sim-chip">{html.escape(words("ikd_" + resident["ikd"]))}</span>', sanitize=False)
            ui.html(f"<p>{html.escape(resident['cerita'])}</p>", sanitize=False)
            with ui.element("div").classes("sim-acts"):
                _acts(words, resident, chat)


def _acts(words: Words, resident: dict[str, Any], chat: Chat) -> None:
    def button(key: str, action: Callable[[], Awaitable[None]]) -> None:
        async def act() -> None:
            ui.run_javascript("document.querySelector('.sim').classList.remove('show-people')")
            await action()

        ui.button(words(key), on_click=act).props("outline dense no-caps")

    async def selfie(kind: str) -> None:
        data = await chat.simulated.selfie(resident["n"], kind)
        if data is None:
            ui.notify(words("no_portrait"), type="warning")
        else:
            await chat.picture([(data, "image/jpeg")])

    async def activate() -> None:
        await chat.simulated.activate(resident["nik"])
        ui.navigate.reload()

    button("send_nik", lambda: chat.say(resident["nik"]))
    if resident["kk"]:
        button("send_kk", lambda: chat.say(resident["kk"]))
    if resident["has_selfies"]:
        button("send_front", lambda: selfie("front"))
        button("send_turned", lambda: selfie("turned"))
    ui.link(words("enrol"), "/sandbox/enrol", new_tab=True).classes("sim-enrol")
    if resident["ikd"] in {"inactive", "none"}:
        button("activate_ikd", activate)


def stored(words: Words, load: Callable[[], Awaitable[dict[str, list[dict[str, Any]]]]]) -> None:
    """The rows behind the chat, read anew on request."""
    with ui.row().classes("items-center justify-between w-full no-wrap"):
        ui.label(words("tab_stored")).classes("sim-title")
        ui.button(words("refresh"), on_click=lambda: show.refresh()).props("flat no-caps icon=refresh")
    ui.label(words("stored_hint")).classes("sim-hint")

    @ui.refreshable
    async def show() -> None:
        tables = await load()
        if not tables:
            ui.label(words("nothing_stored")).classes("sim-hint")
        for name, rows in tables.items():
            with ui.expansion(f"{name} ({len(rows)})").props("dense").classes("sim-card"):
                ui.html(_rows(rows), sanitize=False)

    ui.timer(0.1, show, once=True)


def _rows(rows: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        for index, (name, value) in enumerate(row.items()):
            if isinstance(value, bytes):
                value = value.hex()[:16] + "…"
            shown = html.escape(str(value))
            lines.append(f'<tr class="{"first" if index == 0 else ""}"><td>{name}</td><td>{shown}</td></tr>')
    return f'<table class="sim-rows">{"".join(lines)}</table>'


def tabs(words: Words) -> None:
    """On a phone the three columns become three tabs."""
    with ui.element("nav").classes("sim-tabs"):
        for key, name in (("tab_chat", ""), ("tab_people", "show-people"), ("tab_stored", "show-stored")):
            script = f"const s = document.querySelector('.sim'); s.className = 'sim {name}'"
            ui.button(words(key)).props("flat no-caps").on("click", js_handler=f"() => {{ {script} }}")
