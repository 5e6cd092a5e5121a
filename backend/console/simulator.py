"""The browser simulator: a phone-like chat beside the sandbox's residents and the rows that the chat leads to.

Everything it sends goes through the same inbox as any provider's message. It exists only with the sandbox.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Response
from nicegui import Client, app, events, ui

from backend.console import simulator_parts as parts
from backend.console.words import Words
from backend.db import Database
from backend.gateways.http import HttpClient
from backend.services import simulation
from bot.events import Event, PhotoRef
from bot.handlers import simulator as channel
from bot.handlers.channel import FetchError
from bot.handlers.intake import Intake
from bot.handlers.simulator import SimulatorChannel

CHAT = "simulator_chat"
MOST_BYTES = 25_000_000
SHOW_PHOTO_BYTES = 30_000_000


class Simulated:
    """What the page needs of the service: send as a citizen, watch the answers, ask the sandbox."""

    def __init__(
        self, database: Database, intake: Intake, simulator: SimulatorChannel, http: HttpClient, sandbox_url: str
    ) -> None:
        self.database = database
        self.simulator = simulator
        self._intake = intake
        self._http = http
        self._sandbox_url = sandbox_url

    async def send(self, address: str, event: Event) -> None:
        await self._intake.accept([channel.inbound(address, secrets.token_hex(12), event)])

    async def send_photos(self, address: str, pictures: Sequence[tuple[bytes, str]]) -> tuple[str, ...]:
        refs = [await self.simulator.keep(secrets.token_hex(16), data, kind) for data, kind in pictures]
        await self.send(address, channel.pictured(refs))
        return tuple(ref.ref for ref in refs)

    async def residents(self) -> list[dict[str, Any]]:
        answer = await self._http.request("GET", f"{self._sandbox_url}/residents")
        found: list[dict[str, Any]] = answer.json()
        return found

    async def selfie(self, number: int, kind: str) -> bytes | None:
        answer = await self._http.request(
            "GET", f"{self._sandbox_url}/residents/{number}/selfies/{kind}.jpg", timeout=30
        )
        return answer.content if answer.ok else None

    async def activate(self, nik: str) -> None:
        await self._http.request("POST", f"{self._sandbox_url}/control", json={"nik": nik, "ikd": "active"})


class Page:
    """One open simulator page."""

    def __init__(self, simulated: Simulated, words: Words, address: str) -> None:
        self.simulated = simulated
        self.words = words
        self.address = address
        self.shown: set[int] = set()
        self.messages: ui.column
        self.start: ui.button | None = None

    async def build(self) -> None:
        ui.colors(primary="#0b5c4b")
        ui.add_css(parts.CSS)
        ui.page_title(self.words("title"))
        residents = await self.simulated.residents()
        with ui.element("div").classes("sim"):
            with ui.element("section").classes("sim-people").props("id=people"):
                parts.people(self.words, residents, self)
            with ui.element("section").classes("sim-phone"):
                self._phone()
            with ui.element("section").classes("sim-stored").props("id=stored"):
                parts.stored(self.words, self._stored)
            parts.tabs(self.words)
        earlier = await simulation.history(self.simulated.database, self.address)
        if not earlier:
            with self.messages:
                self.start = (
                    ui.button(self.words("begin"), on_click=self._begin)
                    .props("no-caps unelevated")
                    .classes("sim-begin")
                )
        for message in earlier:
            self._bubble(message.mine, message.text, message.photos, message.buttons, message.outgoing_id)

    async def _begin(self) -> None:
        await self.simulated.send(self.address, channel.spoken("/start"))

    def _phone(self) -> None:
        with ui.element("header").classes("sim-head"):
            ui.label(self.words("account")[0]).classes("sim-face").props("aria-hidden=true")
            with ui.element("div").classes("sim-who"):
                ui.label(self.words("account")).classes("sim-name")
                ui.label(self.words("account_note")).classes("sim-note")
            ui.button(icon="restart_alt", on_click=new_chat).props(f'flat round aria-label="{self.words("new_chat")}"')
        self.messages = ui.column().classes("sim-messages").props("role=log aria-live=polite")
        with ui.element("footer").classes("sim-foot"):
            upload = ui.upload(
                multiple=True, auto_upload=True, max_file_size=MOST_BYTES, on_multi_upload=self._uploaded
            )
            upload.props("accept=image/*,application/pdf,video/*").classes("hidden")
            self._icon("attach_file", "attach", lambda: upload.run_method("pickFiles"))
            self._icon("photo_camera", "camera", self._camera)
            box = (
                ui.textarea(placeholder=self.words("type_here"))
                .props("autogrow dense outlined rows=1")
                .classes("sim-box")
            )

            async def send() -> None:
                text = str(box.value or "")
                box.value = ""
                if text.strip():
                    await self.say(text)

            box.on("keydown.enter.prevent", send)
            self._icon("send", "send", send)

    def _icon(self, icon: str, key: str, action: Any) -> None:
        ui.button(icon=icon, on_click=action).props(f'flat round dense aria-label="{self.words(key)}"').classes(
            "sim-icon"
        )

    async def say(self, text: str) -> None:
        self._bubble(True, text)
        await self.simulated.send(self.address, channel.spoken(text))

    async def tap(self, payload: str, title: str) -> None:
        self._bubble(True, title)
        await self.simulated.send(self.address, channel.tapped(payload, title))

    async def picture(self, pictures: Sequence[tuple[bytes, str]]) -> None:
        refs = await self.simulated.send_photos(self.address, pictures)
        self._bubble(True, "", refs)

    async def _uploaded(self, event: events.MultiUploadEventArguments) -> None:
        await self.picture([(await file.read(), file.content_type) for file in event.files])

    async def _camera(self) -> None:
        with ui.dialog() as dialog, ui.card().classes("sim-camera"):
            ui.html('<video id="sim-video" autoplay playsinline muted></video>', sanitize=False)

            async def take() -> None:
                found = await ui.run_javascript(parts.TAKE_JS, timeout=10)
                dialog.close()
                await self._captured(str(found))

            with ui.row():
                ui.button(self.words("take_photo"), on_click=take)
                ui.button(self.words("close"), on_click=dialog.close).props("flat")
        dialog.on("hide", lambda: ui.run_javascript(parts.STOP_JS))
        dialog.open()
        if not await ui.run_javascript(parts.START_JS, timeout=30):
            dialog.close()
            ui.notify(self.words("no_camera"), type="warning")

    async def _captured(self, data_url: str) -> None:
        try:
            picture = base64.b64decode(data_url.partition(",")[2], validate=True)
        except binascii.Error:
            picture = b""
        if picture:
            await self.picture([(picture, "image/jpeg")])

    async def _stored(self) -> dict[str, list[dict[str, Any]]]:
        return await simulation.stored(self.simulated.database, self.address)

    async def follow(self, client: Client) -> None:
        """Show what the bot answers for as long as the page is open."""
        async with self.simulated.simulator.watch(self.address) as told:
            while True:
                message = await simulation.said(self.simulated.database, self.address, await told.get())
                if message is not None and message.outgoing_id not in self.shown:
                    with client:
                        self._bubble(False, message.text, buttons=message.buttons, outgoing_id=message.outgoing_id)

    def _bubble(
        self,
        mine: bool,
        text: str,
        photos: Sequence[str] = (),
        buttons: Sequence[tuple[str, str]] = (),
        outgoing_id: int = 0,
    ) -> None:
        if outgoing_id:
            self.shown.add(outgoing_id)
        if self.start is not None:
            self.start.delete()
            self.start = None
        with self.messages:
            parts.bubble(mine, text, photos, buttons, self)
        ui.run_javascript(parts.SCROLL_JS)


def new_chat() -> None:
    """Another chat with an empty history, as if from another phone."""
    app.storage.user[CHAT] = secrets.token_hex(8)
    ui.navigate.reload()


def add_simulator(
    server: FastAPI,
    database: Database,
    intake: Intake,
    simulator: SimulatorChannel,
    http: HttpClient,
    sandbox_url: str,
    words: Words,
) -> None:
    """`GET /simulator` and the photos that it shows."""
    simulated = Simulated(database, intake, simulator, http, sandbox_url)

    @ui.page("/simulator", favicon="💬", response_timeout=15)
    async def simulator_page(client: Client) -> None:
        address = str(app.storage.user.setdefault(CHAT, secrets.token_hex(8)))
        page = Page(simulated, words.of("simulator"), address)
        await page.build()
        await client.connected()
        follower = asyncio.create_task(page.follow(client))
        client.on_delete(follower.cancel)

    @server.get("/simulator/photos/{name}", include_in_schema=False)
    async def photo(name: str) -> Response:
        """A photo that was just sent, until the bot has fetched it; the name cannot be guessed."""
        try:
            data = await simulator.fetch(PhotoRef(f"simulator/{name}"), SHOW_PHOTO_BYTES)
        except FetchError:
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})
