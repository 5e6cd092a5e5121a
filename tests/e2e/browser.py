"""The simulator in a real browser: Debian's Chromium, on a desk and on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
PATIENCE_MS = 30_000
DESK = (1360, 860)
PHONE = (390, 844)


class SimulatorPage:
    """What a person does on the page. `faults` are errors of the page itself: a test expects none."""

    def __init__(self, page: Page, phone: bool) -> None:
        self.page = page
        self.phone = phone
        self.read = 0
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.set_default_timeout(PATIENCE_MS)

    async def open(self, url: str) -> None:
        await self.page.goto(f"{url}/simulator")
        await self.page.wait_for_selector(".sim-box textarea", state="visible")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".sim-row:not(.mine)")

    async def hears(self, fragment: str) -> str:
        """The next answer that holds this; what came before it counts as read."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_MS / 1000
        while asyncio.get_running_loop().time() < deadline:
            heard = await self.answers.all_inner_texts()
            for index in range(self.read, len(heard)):
                if fragment in heard[index]:
                    self.read = index + 1
                    return heard[index]
            await asyncio.sleep(0.05)
        raise AssertionError(f"expected {fragment!r}, heard: {heard[self.read :]}")

    async def says(self, text: str, fragment: str) -> str:
        await self.page.fill(".sim-box textarea", text)
        await self.page.press(".sim-box textarea", "Enter")
        return await self.hears(fragment)

    async def taps(self, title: str, fragment: str) -> str:
        await self.page.locator(".sim-options").get_by_role("button", name=title, exact=True).last.click()
        return await self.hears(fragment)

    async def acts_for(self, number: int, act: str, fragment: str) -> str:
        """One of the buttons beside a resident; on a phone they lie behind a tab."""
        if self.phone:
            await self.page.get_by_role("button", name="Warga contoh").click()
        await self.page.locator(f'[data-resident="{number}"]').get_by_role("button", name=act).click()
        return await self.hears(fragment)

    async def uploads(self, *files: Path, fragment: str) -> str:
        async with self.page.expect_file_chooser() as chosen:
            await self.page.get_by_role("button", name="Kirim foto").click()
        await (await chosen.value).set_files(list(files))
        return await self.hears(fragment)

    async def shows_stored(self) -> str:
        """The text of the view of what the bot has stored, every table opened."""
        if self.phone:
            await self.page.get_by_role("button", name="Yang disimpan").click()
        stored = self.page.locator(".sim-stored")
        await stored.get_by_role("button", name="Muat ulang").click()
        await stored.locator(".sim-card").first.wait_for(state="visible")
        for card in await stored.locator(".sim-card").all():
            await card.locator(".q-item").first.click()
        await stored.locator(".sim-rows").last.wait_for(state="visible")
        return await stored.inner_text()

    async def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"))


@asynccontextmanager
async def simulator(url: str, size: tuple[int, int]) -> AsyncIterator[SimulatorPage]:
    """The page, opened with an empty chat."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *CAMERA])
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, permissions=["camera"], has_touch=size == PHONE
        )
        page = SimulatorPage(await context.new_page(), phone=size == PHONE)
        await page.open(url)
        yield page
        await browser.close()
