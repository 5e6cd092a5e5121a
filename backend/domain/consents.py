"""Consents: one question a purpose, with the version of the text that was read, time and channel (UU 27/2022)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Withdrawal, correction and restriction take effect within three times 24 hours (UU 27/2022).
LEGAL_DELAY = timedelta(hours=72)


class Purpose(StrEnum):
    """What a person agrees to, each by itself; the value is part of the text's key."""

    DATA_ACCESS = "data_access"
    FACE = "face"
    NOTIFICATION = "notification"


# The version of the text that is asked now. Raise it with every change of the words that changes what is agreed to.
TEXT_VERSIONS = {Purpose.DATA_ACCESS: "2026-1", Purpose.FACE: "2026-1", Purpose.NOTIFICATION: "2026-1"}
# Without these two nothing can be checked; without the third the person simply asks for the result themselves.
NEEDED_TO_REGISTER = (Purpose.DATA_ACCESS, Purpose.FACE)


@dataclass(frozen=True, slots=True)
class Consent:
    """One answer of a person to one question. A refusal is recorded too: it must not be asked again and again."""

    purpose: Purpose
    text_version: str
    granted: bool
    at: datetime
    channel: str
    withdrawn_at: datetime | None = None

    @property
    def active(self) -> bool:
        return self.granted and self.withdrawn_at is None

    @property
    def stop_by(self) -> datetime | None:
        """Until when all use must have ended after a withdrawal."""
        return self.withdrawn_at + LEGAL_DELAY if self.withdrawn_at else None


def latest(consents: Iterable[Consent], purpose: Purpose) -> Consent | None:
    """The last answer for a purpose: it replaces all before it."""
    return max((consent for consent in consents if consent.purpose is purpose), key=lambda c: c.at, default=None)


def granted(consents: Iterable[Consent], purpose: Purpose) -> bool:
    """Whether the purpose is allowed now."""
    last = latest(consents, purpose)
    return last is not None and last.active


def still_to_ask(consents: Iterable[Consent], purposes: Iterable[Purpose] = tuple(Purpose)) -> tuple[Purpose, ...]:
    """The purposes without an answer to the present text, in the order of `purposes`."""
    given = tuple(consents)
    return tuple(p for p in purposes if not _answered(latest(given, p), p))


def _answered(last: Consent | None, purpose: Purpose) -> bool:
    return last is not None and last.withdrawn_at is None and last.text_version == TEXT_VERSIONS[purpose]
