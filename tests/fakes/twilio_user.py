"""A person on WhatsApp who writes to the bot's number, as tests move them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.fakes.server import next_id

if TYPE_CHECKING:
    from tests.fakes.fake_twilio import FakeTwilio, Message

PATIENCE_S = 10.0
LARGEST_MEDIUM = 16 << 20

_MESSAGE_TYPES = {"image": "image", "audio": "audio", "video": "video", "text": "contacts"}


class TwilioUser:
    """Each act posts its webhook and returns the fields, so that a test can post them again (`again`)."""

    def __init__(self, twilio: FakeTwilio, address: str, name: str) -> None:
        self.address = f"whatsapp:{address}"
        self.blocked = False
        self.wrote_at = float("-inf")
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.last: Message | None = None
        self._twilio = twilio
        self._name = name
        self._wa_id = {"WaId": address.removeprefix("+")} if address.startswith("+") else {"UserId": address}

    async def says(self, text: str) -> dict[str, str]:
        return await self._writes(Body=text)

    async def taps(self, button: str, message: Message | None = None) -> dict[str, str]:
        """Tap a quick reply or an item of a list, by title or id, of the last message or of an older one."""
        seen = message or self.last
        assert seen is not None, "nothing to tap: the bot has not written yet"
        found = [(title, payload) for title, payload in seen.buttons if button in {title, payload}]
        assert found, f"no button {button!r} among {seen.buttons}"
        title, payload = found[0]
        context = {"OriginalRepliedMessageSid": seen.sid, "OriginalRepliedMessageSender": self._twilio.sender}
        if seen.kind == "quick-reply":
            fields = {"MessageType": "button", "ButtonText": title, "ButtonPayload": payload}
        else:
            fields = {"MessageType": "interactive", "ListId": payload, "ListTitle": title, "ListDescription": ""}
        return await self._writes(Body=title, **fields, **context)

    async def sends_photo(self, data: bytes, caption: str = "", content_type: str = "image/jpeg") -> dict[str, str]:
        return await self.sends_media([(data, content_type)], caption)

    async def sends_album(self, photos: list[bytes], caption: str = "") -> list[dict[str, str]]:
        """Several photos at once: WhatsApp passes them on one by one."""
        captions = [caption, *[""] * (len(photos) - 1)]
        sent = (self.sends_photo(data, words) for data, words in zip(photos, captions, strict=True))
        return list(await asyncio.gather(*sent))

    async def sends_media(self, media: list[tuple[bytes, str]], caption: str = "") -> dict[str, str]:
        """(bytes, content type) of each; Twilio drops what is larger than 16 MB and says nothing but an empty message."""
        taken = [(data, kind) for data, kind in media if len(data) <= LARGEST_MEDIUM]
        fields = {"NumMedia": str(len(taken))}
        message = f"MM{next_id():032x}"
        for n, (data, kind) in enumerate(taken):
            medium = self._twilio.keep_media(data, kind)
            path = f"/2010-04-01/Accounts/{self._twilio.account_sid}/Messages/{message}/Media/{medium}"
            fields |= {f"MediaContentType{n}": kind, f"MediaUrl{n}": f"https://api.twilio.com{path}"}
        family = media[0][1].partition("/")[0]
        return await self._writes(Body=caption, MessageType=_MESSAGE_TYPES.get(family, "document"), **fields)

    async def shares_location(self, latitude: float, longitude: float) -> dict[str, str]:
        return await self._writes(MessageType="location", Latitude=str(latitude), Longitude=str(longitude))

    def blocks(self) -> None:
        """WhatsApp does not tell; only a failed message does."""
        self.blocked = True

    def unblocks(self) -> None:
        self.blocked = False

    async def again(self, fields: dict[str, str]) -> int:
        """The same webhook once more, as after an answer that got lost."""
        return await self._twilio.post(self._twilio.webhook, fields)

    async def hears(self, timeout: float = PATIENCE_S) -> Message:  # noqa: ASYNC109  the patience of a test
        """The bot's next message. Raises TimeoutError."""
        self.last = await asyncio.wait_for(self.heard.get(), timeout)
        return self.last

    async def hears_nothing(self, for_seconds: float = 0.3) -> None:
        await asyncio.sleep(for_seconds)
        assert self.heard.empty(), f"unexpected: {self.heard.get_nowait().text}"

    async def _writes(self, **content: str) -> dict[str, str]:
        self.wrote_at = self._twilio.now
        sid = f"SM{next_id():032x}"
        fields = {
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ProfileName": self._name,
            "MessageType": "text",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": "",
            "To": self._twilio.sender,
            "NumSegments": "1",
            "ReferralNumMedia": "0",
            "MessageSid": sid,
            "AccountSid": self._twilio.account_sid,
            "From": self.address,
            "ApiVersion": "2010-04-01",
            **self._wa_id,
            **content,
        }
        await self._twilio.post(self._twilio.webhook, fields)
        return fields
