"""The page of the API on a machine without any other network."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Request, Response, async_playwright

from tests.e2e.browser import CHROMIUM, PATIENCE_MS, QUIET
from tests.e2e.running import Service


async def test_the_page_of_the_api_shows_itself_with_nothing_from_elsewhere(tmp_path: Path, nlu_model: Path) -> None:
    asked: list[Request] = []
    answered: list[Response] = []
    with Service(tmp_path) as service:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("request", lambda request: asked.append(request))
            page.on("response", lambda response: answered.append(response))
            await page.goto(f"{service.url}/docs", wait_until="networkidle")
            await page.get_by_text("/api/v1/registrations", exact=True).first.wait_for(state="visible")
            await browser.close()
        elsewhere = [r.url for r in asked if not r.url.startswith((f"{service.url}/", "data:"))]
        assert elsewhere == []
        assert {r.url: r.status for r in answered if r.status >= 400} == {}
        parts = {r.url.removeprefix(service.url) for r in answered}
        assert {"/docs", "/openapi.json", "/docs-parts/swagger-ui-bundle.js", "/docs-parts/swagger-ui.css"} <= parts
