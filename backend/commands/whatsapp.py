"""`perlinsos whatsapp sync`: the Content resources that show buttons and lists."""

from __future__ import annotations

import asyncio

import typer

from backend.commands.common import fail, load_settings, out
from backend.parts import Parts
from backend.repositories import contents
from bot.handlers.whatsapp import WhatsAppChannel
from bot.handlers.whatsapp_contents import SyncError

whatsapp_app = typer.Typer(no_args_is_help=True, help="WhatsApp through Twilio.")


@whatsapp_app.callback()
def family() -> None:
    """A group even with one command in it."""


@whatsapp_app.command("sync")
def whatsapp_sync() -> None:
    """Make the resources that are missing at Twilio and remember their names; safe to repeat. Restart the service then."""
    try:
        count = asyncio.run(_sync())
    except SyncError as error:
        fail(f"Twilio: {error}")
    out.print(f"{count} resources are known.")


async def _sync() -> int:
    parts = Parts(load_settings())
    try:
        channel = parts.channels.get("whatsapp")
        if not isinstance(channel, WhatsAppChannel):
            fail("WhatsApp is off: PERLINSOS_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM are needed", 2)
        known = await channel.sync_contents()
        async with parts.database.write() as connection:
            await contents.put(connection, parts.database, known)
    finally:
        await parts.close()
    return len(known)
