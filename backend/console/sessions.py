"""Who sits at the console: a signed cookie that names a login, checked against its row at every page and every act."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from backend import crypto
from backend.bus import Bus
from backend.console.words import Words
from backend.db import Database
from backend.domain.names import mask_name, title_name
from backend.domain.regions import lies_in
from backend.gateways.photo_store import PhotoStore
from backend.repositories import accounts
from backend.repositories.accounts import UserRow
from backend.services.accounts import UserRole

COOKIE = "perlinsos_console"
LASTS = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Officer:
    """A login that is open. `until`: when it ends by itself."""

    id: int
    login: str
    name: str
    role: UserRole
    region_code: str
    until: datetime

    @property
    def decides(self) -> bool:
        """Auditors read, the others act."""
        return self.role is not UserRole.AUDITOR

    def regions(self, asked: str = "") -> tuple[str, ...]:
        """The regions that must hold for every row they see."""
        return tuple(code for code in (self.region_code, asked) if code)

    def sees(self, region_code: str) -> bool:
        return lies_in(region_code, self.region_code)

    def shown(self, name: str) -> str:
        """A citizen's name: in full for those who handle the case, masked for those who only look."""
        return title_name(name) if self.decides else mask_name(name)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the console's pages work with."""

    database: Database
    bus: Bus
    photos: PhotoStore
    words: Words
    now: Callable[[], datetime]

    async def officer(self, cookies: Mapping[str, str]) -> Officer | None:
        """Who sent this request; None for nobody, an ended session, a disabled login or a changed password."""
        user_id, until, mark = _parts(cookies.get(COOKIE, ""))
        if until is None or until <= self.now():
            return None
        async with self.database.read() as connection:
            user = await accounts.user_by_id(connection, user_id)
        if user is None or not user.active or not hmac.compare_digest(mark, _mark(user, until)):
            return None
        return _officer(user, until)

    async def still(self, officer: Officer) -> Officer | None:
        """The same officer as they are now: an open page asks again before each act."""
        if officer.until <= self.now():
            return None
        async with self.database.read() as connection:
            user = await accounts.user_by_id(connection, officer.id)
        return _officer(user, officer.until) if user is not None and user.active else None


def cookie_of(user: UserRow, now: datetime) -> str:
    """The cookie of a login that has just been opened."""
    until = (now + LASTS).replace(microsecond=0)
    return f"{user.id}.{int(until.timestamp())}.{_mark(user, until)}"


def _officer(user: UserRow, until: datetime) -> Officer:
    return Officer(user.id, user.login, user.name, UserRole(user.role), user.region_code, until)


def _mark(user: UserRow, until: datetime) -> str:
    """Binds login, end and password: a new password ends every session."""
    said = f"{user.id}.{int(until.timestamp())}.{user.password_hash}"
    return hmac.new(crypto.ring().derive("console-session"), said.encode(), sha256).hexdigest()


def _parts(cookie: str) -> tuple[int, datetime | None, str]:
    user_id, _, rest = cookie.partition(".")
    ends, _, mark = rest.partition(".")
    if not (user_id.isdecimal() and ends.isdecimal() and mark.isascii() and len(user_id) < 19 and len(ends) < 12):
        return 0, None, ""
    return int(user_id), datetime.fromtimestamp(int(ends), UTC), mark
