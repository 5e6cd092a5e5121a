"""Every resident's story through the simulator in a real browser; on a desk and, for the longest one, on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from backend.gateways.http import HttpClient
from tests import faces_support
from tests.e2e.browser import DESK, PHONE, SimulatorPage, simulator
from tests.e2e.conftest import SAMPLES
from tests.e2e.people import FRONT, RESIDENTS, enrol, resident
from tests.e2e.running import ROOT, Service

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCREENSHOTS = ROOT / "var" / "screenshots"

REFUSED = {
    "Bambang Sutrisno": "2.200 VA",
    "Nurhayati": "Rp187.000.000",
    "Agus Hariyanto": "desil 5",
    "Rahmawati": "Rp6.500.000",
    "Aminah Siti": "Kartu Keluarga",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> AsyncIterator[Service]:
    running = Service(tmp_path_factory.mktemp("simulated"), sandbox_recovers_after="8")
    await asyncio.to_thread(running.start)
    async with HttpClient() as http:
        for name, sample in SAMPLES.items():
            await enrol(http, running.url, name, sample)
    yield running
    await asyncio.to_thread(running.stop)


def place(name: str) -> int:
    return RESIDENTS.index(resident(name)) + 1


async def identifies(page: SimulatorPage, name: str) -> None:
    await page.says("daftar", "kami perlu melihat data")
    await page.taps("Ya, saya izinkan", "kirim NIK")
    await page.acts_for(place(name), "Kirim NIK", "nomor KK")
    await page.acts_for(place(name), "Kirim KK", "Kami menemukan data")


async def proves(page: SimulatorPage, name: str, after: str) -> None:
    await page.taps("Ya", "mencocokkan foto wajah")
    await page.taps("Ya, saya izinkan", "Hanya wajah")
    await page.acts_for(place(name), "Selfie depan", "menoleh")
    await page.acts_for(place(name), "Selfie menoleh", after)


async def registers(page: SimulatorPage, name: str) -> None:
    await identifies(page, name)
    await proves(page, name, "Siapa saja")
    await page.says("3", "rekening")
    await page.taps("Belum punya", "mengabari")
    await page.taps("Ya, lewat chat ini", "ringkasan")
    await page.taps("Sudah benar, kirim", "Nomornya")


async def keep(page: SimulatorPage, name: str) -> None:
    """A picture for whoever looks at the page after the tests."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await asyncio.sleep(0.3)
    await page.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_whole_story_from_the_greeting_to_what_is_stored(
    service: Service, size: tuple[int, int], tmp_path: Path
) -> None:
    """Siti on a desk; on a phone Sumiati, with her appeal and an uploaded photo."""
    name = "Siti Aminah" if size == DESK else "Sumiati"
    async with simulator(service.url, size) as page:
        await page.says("/start", "Mau mulai dari mana")
        await keep(page, f"{'desk' if size == DESK else 'phone'}-welcome")
        await registers(page, name)
        result = await page.hears("memenuhi syarat" if size == DESK else "belum bisa menerima")
        assert "PRL-" in result
        if size == PHONE:
            await keep(page, "phone-refused")
            await appeals(page, tmp_path)
        assert await page.fits()
        stored = await page.shows_stored()
        assert "registrations (1)" in stored
        assert resident(name).nik in stored
        await keep(page, f"{'desk' if size == DESK else 'phone'}-stored")
        assert page.faults == []


async def appeals(page: SimulatorPage, folder: Path) -> None:
    await page.taps("Ajukan sanggah", "dipakai orang lain")
    await page.says("3", "hanya pemilik NIK")
    await page.says("1", "KTP Ibu")
    papers = []
    for number, photo in enumerate((FRONT["collins"], faces_support.darkened(FRONT["hopper"]))):
        papers.append(folder / f"bukti-{number}.jpg")
        papers[-1].write_bytes(photo)
    told = await page.uploads(*papers, fragment="gelap")
    assert "1 foto" in told
    await page.says("selesai", "dengan kata-kata Ibu sendiri")
    await page.says("Saya ibu rumah tangga, tidak bekerja di perusahaan itu.", "foto wajah Ibu")
    await page.acts_for(place("Sumiati"), "Selfie depan", "menoleh")
    await page.acts_for(place("Sumiati"), "Selfie menoleh", "boleh kami kirim")
    await page.says("ya", "Paling lambat dijawab")
    await keep(page, "phone-appeal")


async def test_the_camera_takes_a_photo_that_the_bot_looks_at(service: Service) -> None:
    async with simulator(service.url, DESK) as page:
        await identifies(page, "Wahyuni")
        await page.taps("Ya", "mencocokkan foto wajah")
        await page.taps("Ya, saya izinkan", "Hanya wajah")
        await page.page.get_by_role("button", name="Pakai kamera").click()
        await page.page.wait_for_function("document.getElementById('sim-video')?.videoWidth > 0")
        await page.page.get_by_role("button", name="Ambil foto").click()
        assert "wajah" in await page.hears("kirim lagi")


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_shows_the_figure_that_led_to_it(service: Service, name: str) -> None:
    async with simulator(service.url, DESK) as page:
        if name == "Aminah Siti":
            await another_of_the_family(service)
        await registers(page, name)
        assert REFUSED[name] in await page.hears("belum bisa menerima")
        await keep(page, f"refused-{place(name)}")


async def another_of_the_family(service: Service) -> None:
    """Siti has registered with the same family card, in this test or in the one of her own story."""
    async with simulator(service.url, DESK) as page:
        await identifies(page, "Siti Aminah")
        await page.taps("Ya", "mencocokkan foto wajah")
        await page.taps("Ya, saya izinkan", "Hanya wajah")
        await page.acts_for(1, "Selfie depan", "menoleh")
        answer = await page.acts_for(1, "Selfie menoleh", "sudah cocok")
        if "sudah terdaftar" in answer:
            return
        await page.says("3", "rekening")
        await page.taps("Belum punya", "mengabari")
        await page.taps("Ya, lewat chat ini", "ringkasan")
        await page.taps("Sudah benar, kirim", "Nomornya")


async def test_andi_waits_for_his_ikd_and_goes_on_when_it_is_active(service: Service) -> None:
    async with simulator(service.url, DESK) as page:
        await identifies(page, "Andi Saputra")
        await page.taps("Ya", "belum aktif")
        await (
            page.page.locator(f'[data-resident="{place("Andi Saputra")}"]')
            .get_by_role("button", name="Aktifkan IKD")
            .click()
        )
        await page.page.wait_for_function("!document.body.innerText.includes('Aktifkan IKD\\nAktifkan')")
        await page.page.wait_for_selector(".sim-box textarea", state="visible")
        page.read = 0
        await page.hears("Kami menemukan data")
        answer = await page.says("lanjut", "mencocokkan foto wajah")
        assert "NIK" not in answer, "what is known is not asked again"
        assert page.faults == []


async def test_ponirah_slamet_and_joko_are_told_what_to_do(service: Service) -> None:
    async with simulator(service.url, DESK) as page:
        await identifies(page, "Ponirah")
        await page.taps("Ya", "Pendamping PKH bisa membantu")
    async with simulator(service.url, DESK) as page:
        await page.says("daftar", "kami perlu melihat data")
        await page.taps("Ya, saya izinkan", "kirim NIK")
        await page.acts_for(place("Slamet Riyadi"), "Kirim NIK", "nomor KK")
        await page.acts_for(place("Slamet Riyadi"), "Kirim KK", "tidak aktif")
    async with simulator(service.url, DESK) as page:
        await page.says("daftar", "kami perlu melihat data")
        await page.taps("Ya, saya izinkan", "kirim NIK")
        await page.acts_for(place("Joko Prasetyo"), "Kirim NIK", "nomor KK")
        waiting = await page.acts_for(place("Joko Prasetyo"), "Kirim KK", "kami kabari di sini")
        assert "Kami menemukan data" not in waiting
        assert await page.hears("Kami menemukan data")
        assert page.faults == []


async def test_wahyuni_confirms_what_is_known(service: Service) -> None:
    async with simulator(service.url, DESK) as page:
        await identifies(page, "Wahyuni")
        await proves(page, "Wahyuni", "data PKH")
        assert page.faults == []


async def test_a_reload_keeps_the_chat_and_a_new_chat_is_empty(service: Service) -> None:
    async with simulator(service.url, DESK) as page:
        await page.page.get_by_role("button", name="Mulai").click()
        await page.hears("Mau mulai dari mana")
        await page.page.reload()
        page.read = 0
        await page.hears("Mau mulai dari mana")
        await page.page.get_by_role("button", name="Obrolan baru").click()
        await page.page.wait_for_function("document.querySelectorAll('.sim-bubble').length === 0")
        assert await page.answers.count() == 0
        assert page.faults == []
