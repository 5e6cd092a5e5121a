"""A person in a private Telegram chat with the bot, as tests move them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.fakes.server import next_id

if TYPE_CHECKING:
    from tests.fakes.fake_telegram import FakeTelegram, Message

BOT = {"id": 7000000001, "is_bot": True, "first_name": "Perlinsos", "username": "perlinsos_contoh_bot"}
PATIENCE_S = 10.0

# What a phone sends for each kind of content that is neither words nor a photo.
_FILE = {"file_id": "BAACAgUAAxkBAAI00000000", "file_unique_id": "AgAD000", "file_size": 40_000}
_CONTENT: dict[str, dict[str, Any]] = {
    "voice": {"voice": {"duration": 3, "mime_type": "audio/ogg", **_FILE}},
    "audio": {"audio": {"duration": 60, "mime_type": "audio/mpeg", **_FILE}},
    "video": {"video": {"duration": 5, "width": 720, "height": 1280, "mime_type": "video/mp4", **_FILE}},
    "video_note": {"video_note": {"duration": 5, "length": 384, **_FILE}},
    "sticker": {
        "sticker": {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular", **_FILE}
    },
    "contact": {"contact": {"phone_number": "6281200000012", "first_name": "Wahyuni"}},
    "document": {"document": {"file_name": "tagihan.pdf", "mime_type": "application/pdf", **_FILE}},
    "location": {"location": {"latitude": -8.219233, "longitude": 114.369225}},
}


class TelegramUser:
    """Each act posts its update and returns it, so that a test can deliver it again or out of order."""

    def __init__(self, telegram: FakeTelegram, chat: int, name: str) -> None:
        first, _, last = name.partition(" ")
        self.chat = chat
        self.started = False
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.last: Message | None = None
        self.taps_open: set[str] = set()
        self._telegram = telegram
        self._chat = {"id": chat, "first_name": first, "last_name": last, "type": "private"}
        self._from = {"id": chat, "is_bot": False, "first_name": first, "last_name": last, "language_code": "id"}

    async def starts(self, payload: str = "") -> dict[str, Any]:
        self.started = True
        return await self.says(f"/start {payload}".strip())

    async def says(self, text: str) -> dict[str, Any]:
        return await self._writes(text=text)

    async def edits(self, message_id: int, text: str, after: int = 10) -> dict[str, Any]:
        message = self._message(message_id, {"text": text, "edit_date": self._telegram.now + after})
        return await self._updates(edited_message=message)

    async def sends_photo(self, data: bytes, caption: str = "", group: str = "") -> dict[str, Any]:
        """One photo as Telegram offers it: a thumbnail and the full size."""
        sizes = [
            {"file_id": self._telegram.keep_file(data[:100]), "file_unique_id": "s", "width": 67, "height": 90},
            {"file_id": self._telegram.keep_file(data), "file_unique_id": "l", "width": 960, "height": 1280},
        ]
        sizes[1]["file_size"] = len(data)
        extra = {"media_group_id": group} if group else {}
        return await self._writes(photo=sizes, **({"caption": caption} if caption else {}), **extra)

    async def sends_album(self, photos: list[bytes], caption: str = "") -> list[dict[str, Any]]:
        """Several photos at once: one message each, all at the same time."""
        group = f"139425182736{next_id():05d}"
        captions = [caption, *[""] * (len(photos) - 1)]
        sent = (self.sends_photo(data, words, group) for data, words in zip(photos, captions, strict=True))
        return list(await asyncio.gather(*sent))

    async def sends_file(self, data: bytes, mime_type: str, name: str = "foto.jpg") -> dict[str, Any]:
        file_id = self._telegram.keep_file(data)
        file = {"file_id": file_id, "file_unique_id": "f", "file_size": len(data)}
        return await self._writes(document={**file, "mime_type": mime_type, "file_name": name})

    async def sends(self, kind: str) -> dict[str, Any]:
        """Other content: voice, audio, video, video_note, sticker, contact, document, location."""
        return await self._writes(**_CONTENT[kind])

    async def taps(self, button: str, message: Message | None = None) -> dict[str, Any]:
        """Tap a button, by title or payload, of the last message or of an older one."""
        shown = message or self.last
        assert shown is not None, "nothing to tap: the bot has not written yet"
        payloads = [payload for title, payload in shown.buttons if button in {title, payload}]
        assert payloads, f"no button {button!r} among {shown.buttons}"
        query = f"{self.chat}{next_id():08d}"
        self.taps_open.add(query)
        return await self._updates(
            callback_query={
                "id": query,
                "from": self._from,
                "message": self.message_of_bot(shown),
                "chat_instance": "-4416552901822310144",
                "data": payloads[0],
            }
        )

    async def blocks(self) -> dict[str, Any]:
        return await self._membership("member", "kicked")

    async def unblocks(self) -> dict[str, Any]:
        return await self._membership("kicked", "member")

    async def hears(self, timeout: float = PATIENCE_S) -> Message:  # noqa: ASYNC109  the patience of a test
        """The bot's next message. Raises TimeoutError."""
        self.last = await asyncio.wait_for(self.heard.get(), timeout)
        return self.last

    async def hears_nothing(self, for_seconds: float = 0.3) -> None:
        await asyncio.sleep(for_seconds)
        assert self.heard.empty(), f"unexpected: {self.heard.get_nowait().text}"

    def message_of_bot(self, message: Message) -> dict[str, Any]:
        """A message of the bot as the Bot API writes it."""
        rows = [[{"text": title, "callback_data": payload}] for title, payload in message.buttons]
        markup = {"reply_markup": {"inline_keyboard": rows}} if rows else {}
        body = {"message_id": message.id, "from": BOT, "chat": self._chat, "date": self._telegram.now}
        return {**body, "text": message.text, **markup}

    async def _writes(self, **content: Any) -> dict[str, Any]:
        message_id = next_id()
        self._telegram.incoming(self.chat, message_id)
        return await self._updates(message=self._message(message_id, content))

    async def _membership(self, old: str, new: str) -> dict[str, Any]:
        self._telegram.block(self.chat, new == "kicked")
        until = {"member": {}, "kicked": {"until_date": 0}}
        change = {
            "chat": self._chat,
            "from": self._from,
            "date": self._telegram.now,
            "old_chat_member": {"user": BOT, "status": old, **until[old]},
            "new_chat_member": {"user": BOT, "status": new, **until[new]},
        }
        return await self._updates(my_chat_member=change)

    def _message(self, message_id: int, content: dict[str, Any]) -> dict[str, Any]:
        return {
            "message_id": message_id,
            "from": self._from,
            "chat": self._chat,
            "date": self._telegram.now,
            **content,
        }

    async def _updates(self, **content: Any) -> dict[str, Any]:
        update = {"update_id": 810_000_000 + next_id(), **content}
        await self._telegram.deliver(update)
        return update
