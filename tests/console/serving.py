"""The console by itself, in a process of its own: NiceGUI keeps its pages once a process. Run with a database URL, a photo
folder, a port and the time that it shall be; the key ring comes in the environment."""

from __future__ import annotations

import os
import sys
from datetime import datetime

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from backend import crypto
from backend.api.app import add_api
from backend.bus.memory import MemoryBus
from backend.console.pages import add_console
from backend.console.words import Words
from backend.db import Database
from backend.gateways.photo_store import PhotoStore
from bot.texts import Catalogue

KEYS = "TEST_CONSOLE_KEYS"


def main() -> None:
    url, folder, port, at = sys.argv[1:]
    crypto.use(crypto.KeyRing(os.environ[KEYS]))
    moment = datetime.fromisoformat(at)
    ring = crypto.ring()
    database, bus = Database(url), MemoryBus()
    photos = PhotoStore(f"file:{folder}", ring.seal, ring.open)
    app = FastAPI()
    add_api(app, database, bus, photos, lambda: moment, auto_select=True)
    add_console(app, database, bus, photos, Words(Catalogue()), lambda: moment)
    ui.run_with(app, storage_secret=ring.derive("console").hex(), language="id")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
