"""The contract of a channel: what comes in, what goes out, what can go wrong. One implementation a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import Protocol

from backend.domain.values import value
from bot.events import Event, PhotoRef


@value
class Inbound:
    """One thing that a provider told us. `provider_id` is unique per channel: the same webhook twice is one row.

    `address` is where replies go (`whatsapp:+62…`, a chat id); `message_ref` names the citizen's message so that it can
    be deleted; `phone` is the person's number where the provider vouches for it.
    """

    channel: str
    address: str
    provider_id: str
    event: Event
    message_ref: str = ""
    phone: str | None = None
    sent_at: datetime | None = None


@value
class Button:
    """`payload` comes back as a `Choice`; `title` is what people read."""

    payload: str
    title: str


@value
class Outgoing:
    """One message ready to go. `text` marks bold as `*so*`, numbers its options itself and is never longer than a channel
    takes (the sender splits nothing). `kind`: `reply`, `notice`, `broadcast` or `delete` (then `delete_ref` says what).

    `in_window`: the person wrote within the last 24 hours (WhatsApp takes free text only then).
    """

    id: int
    address: str
    text: str
    buttons: tuple[Button, ...] = ()
    kind: str = "reply"
    delete_ref: str = ""
    in_window: bool = True


@value
class Sent:
    """`provider_id` is what receipts name; `status` what the provider said at once (`sent`, `queued`…)."""

    provider_id: str
    status: str = "sent"


@value
class Receipt:
    """A provider's later word on an outgoing message, by our id where the receipt URL carried it, else by the provider's."""

    outgoing_id: int | None
    provider_id: str
    status: str
    error: str = ""


class SendError(Exception):
    """The provider did not take the message. `cause` is for the operator and holds nothing personal."""

    def __init__(
        self,
        cause: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        unreachable: bool = False,
        maybe_sent: bool = False,
        whole_channel: bool = False,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retryable = retryable
        """Worth another try: it was certainly not delivered."""
        self.retry_after = retry_after
        """Seconds that the provider asks us to wait."""
        self.unreachable = unreachable
        """The person blocked us or cannot receive: stop sending, keep their case."""
        self.maybe_sent = maybe_sent
        """A time-out or 5xx after the request left: only a receipt can tell."""
        self.whole_channel = whole_channel
        """`retry_after` holds for every chat of this channel, not only for this one."""


class FetchError(Exception):
    """A photo could not be fetched. `gone`: it never will be (expired, deleted, too large)."""

    def __init__(self, cause: str, *, gone: bool) -> None:
        super().__init__(cause)
        self.cause = cause
        self.gone = gone


@value
class Limits:
    """What a channel takes: characters in a text, buttons in a message, characters in a button's title; messages a
    second over all chats and the pause between two messages to one chat, in seconds."""

    text: int
    buttons: int
    title: int
    per_second: float
    chat_pause: float = field(default=0.0)


class Channel(Protocol):
    """What the sender and the photo job need of a provider. Webhooks are parsed by functions of the channel's module."""

    name: str
    limits: Limits

    async def send(self, message: Outgoing) -> Sent:
        """Hand one message to the provider. Raises SendError."""
        ...

    async def fetch(self, photo: PhotoRef, max_bytes: int) -> bytes:
        """The bytes of a citizen's photo. Raises FetchError."""
        ...

    async def forget(self, photos: Sequence[PhotoRef]) -> None:
        """Delete media at the provider once stored here; a provider without that does nothing."""
        ...
