"""A citizen on either provider, who reads what the bot says and answers with words, taps and photos."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.sandbox.residents import Resident, load_residents
from bot.effects import Say
from tests import faces_support
from tests.conversation import CATALOGUE

PATIENCE_S = 30.0
RESIDENTS: tuple[Resident, ...] = tuple(load_residents())
FRONT = {name: faces_support.portrait(name) for name in ("collins", "hopper")}
TURNED = {name: faces_support.turned(photo, 25) for name, photo in FRONT.items()}


_SLOW = ("identify.look_up_slow", "selfie.receive_slow", "selfie.verify_slow")
SLOW = [CATALOGUE.text(Say(key), "id", sex) for key in _SLOW for sex in ("", "female", "male")]


class User(Protocol):
    """What a fake provider's user can do."""

    async def says(self, text: str) -> Any: ...

    async def taps(self, button: str) -> Any: ...

    async def sends_photo(self, data: bytes) -> Any: ...

    async def hears(self, timeout: float = PATIENCE_S) -> Any: ...  # noqa: ASYNC109 - a test's patience


@dataclass
class Citizen:
    """`heard` is every message of the bot so far, marks of bold removed."""

    user: User
    resident: Resident
    heard: list[str] = field(default_factory=list)

    async def hears(self, *fragments: str, timeout: float = PATIENCE_S) -> str:  # noqa: ASYNC109 - a test's patience
        """The next message, which must hold these words. That something takes long is told on a busy machine only."""
        text = SLOW[0]
        while text in SLOW and not any(fragment in text for fragment in fragments):
            text = str((await self.user.hears(timeout)).text).replace("*", "")
        self.heard.append(text)
        for fragment in fragments:
            assert fragment in text, f"expected {fragment!r}, heard: {text}"
        return text

    async def says(self, text: str, *expected: str) -> str:
        await self.user.says(text)
        return await self.hears(*expected)

    async def sends(self, photo: bytes, *expected: str) -> str:
        await self.user.sends_photo(photo)
        return await self.hears(*expected)

    async def identifies(self, first: str = "daftar") -> None:
        """From the wish to the masked name, agreed to."""
        await self.says(first, "kami perlu melihat data", "Ya, saya izinkan")
        await self.says("ya", "kirim NIK")
        await self.says(self.resident.nik, "nomor KK")
        await self.says(str(self.resident.kk), "Kami menemukan data atas nama")
        assert self.resident.name not in self.heard[-1]

    async def shows_face(self, front: bytes, turned: bytes, *expected: str) -> str:
        """Both photos, after the consent to the comparison."""
        await self.says("1", "mencocokkan foto wajah")
        await self.says("ya", "foto wajah", "Hanya wajah")
        await self.sends(front, "menoleh")
        return await self.sends(turned, *expected)

    async def registers(self, face: str = "collins") -> str:
        """The whole registration of somebody with an active IKD; the number."""
        await self.identifies()
        await self.shows_face(FRONT[face], TURNED[face], "sudah cocok", "Siapa saja")
        return await self.answers()

    async def answers(self) -> str:
        """The rest of the registration, from the household on; the number."""
        await self.says("3", "rekening")
        await self.says("BRI 1234 5678 9012 345", "mengabari")
        await self.says("1", "ringkasan", self.resident.name)
        text = await self.says("1", "Nomornya")
        return next(word for word in text.split() if word.startswith("PRL-"))


def resident(name: str) -> Resident:
    return next(r for r in RESIDENTS if r.name == name)


async def enrol(http: Any, url: str, name: str, sample: str) -> None:
    """Put a sample portrait on a resident who has none, as the sandbox's page does."""
    number = RESIDENTS.index(resident(name)) + 1
    answer = await http.request("POST", f"{url}/sandbox/enrol", form={"n": str(number), "sample": sample}, timeout=60)
    assert answer.status < 400, answer.status


async def eventually(check: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    """Wait until `check` holds."""
    for _ in range(int(seconds / 0.05)):
        if check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that in time")
