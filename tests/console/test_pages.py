"""The console in a real browser and over plain HTTP: in, look, act, out, and nothing beyond the role."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from sqlalchemy import select

from backend.models import Appeal, AuditEvent, Inbox, Person, Registration, Ticket, table
from tests.console.conftest import Console, log_in

SHOTS = os.environ.get("CONSOLE_SCREENSHOTS", "")


async def shot(page: Page, name: str) -> None:
    """A picture for whoever asks for it by CONSOLE_SCREENSHOTS (a folder)."""
    await page.wait_for_timeout(300)
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
async def test_a_reviewer_takes_up_an_appeal_and_decides_it(console: Console, browser: Browser, narrow: bool) -> None:
    page = await log_in(browser, console, "reviewer", narrow=narrow)
    size = "narrow" if narrow else "wide"
    await shot(page, f"overview-{size}")
    await page.get_by_role("link", name="Pendaftaran", exact=True).click()
    await page.get_by_text("PRL-7K2M-92").wait_for()
    await shot(page, f"registrations-{size}")
    await page.get_by_role("link", name="Sanggah", exact=True).click()
    await page.get_by_text("SGH-7K2M-93").click()
    await page.get_by_role("heading", name="Sanggah SGH-7K2M-93").wait_for()
    await page.get_by_text("Daya listrik rumah 2.200 VA; batasnya 1.300 VA (data PLN, 12 November 2026).").wait_for()
    await shot(page, f"appeal-{size}")
    assert await page.title() != "hacked"
    assert await page.get_by_text("<script>").count() == 1
    photo = page.get_by_role("img", name="Foto bukti 1")
    assert await photo.evaluate("image => image.naturalWidth") > 300
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.get_by_role("button", name="Mulai periksa").click()
    await page.get_by_text("Petugas").first.wait_for()
    await page.get_by_role("button", name="Mulai periksa").wait_for(state="detached")
    await page.get_by_role("button", name="Putuskan").click()
    await page.get_by_role("button", name="Lanjut").click()
    await page.get_by_text("Tulis dulu kalimatnya.").wait_for()
    await page.get_by_label("Alasan keputusan, dibaca oleh warga").fill("Rekening menunjukkan daya 900 VA.")
    await shot(page, f"decide-{size}")
    await page.get_by_role("button", name="Lanjut").click()
    await page.get_by_text("Putuskan: Diterima seluruhnya?").wait_for()
    await shot(page, f"sure-{size}")
    await page.get_by_role("button", name="Ya, putuskan").click()
    await page.get_by_role("button", name="Putuskan", exact=True).wait_for(state="detached")
    await page.get_by_text("Diterima seluruhnya").first.wait_for()
    await shot(page, f"decided-{size}")
    async with console.database.read() as connection:
        appeal = (await connection.execute(select(table(Appeal).c.outcome, table(Appeal).c.outcome_reason))).one()
        acts = (await connection.execute(select(table(AuditEvent).c.actor, table(AuditEvent).c.action))).all()
    assert tuple(appeal) == ("upheld", "Rekening menunjukkan daya 900 VA.")
    assert {("reviewer", "appeal.in_review"), ("reviewer", "appeal.decided"), ("reviewer", "evidence.viewed")} <= set(
        map(tuple, acts)
    )


async def test_a_waiting_citizen_gets_an_answer(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "reviewer")
    await page.get_by_role("link", name="Tiket").click()
    await page.get_by_text("Kapan hasilnya?").wait_for()
    await shot(page, "tickets-wide")
    await page.get_by_text("TKT-7K2M-93").click()
    await page.get_by_text("NIK saya ************0002 <img src=x onerror=alert(1)>").wait_for()
    await shot(page, "ticket-wide")
    await page.get_by_label("Tulis jawaban untuk warga").fill("Besok pagi kami periksa, Pak.")
    await page.get_by_role("button", name="Kirim dan tutup tiket").click()
    await page.get_by_text("Sudah dijawab").wait_for()
    async with console.database.read() as connection:
        event = (
            await connection.execute(select(table(Inbox).c.event).where(table(Inbox).c.channel == "notice"))
        ).scalar_one()
        status = (await connection.execute(select(table(Ticket).c.status))).scalar_one()
    assert (event["which"], event["data"]["text"]) == ("officer", "Besok pagi kami periksa, Pak.")
    assert status == "answered"


async def test_an_officer_vouches_for_somebody_whom_they_saw(console: Console, browser: Browser) -> None:
    siti = table(Registration).c.person_id == console.world.siti
    async with console.database.write() as connection:
        await connection.execute(table(Registration).update().where(siti).values(status="waiting_identity"))
    page = await log_in(browser, console, "reviewer", narrow=True)
    await page.goto(f"{console.url}/console/registrations?status=waiting_identity")
    await page.get_by_role("button", name="Sudah bertemu langsung").click()
    await page.get_by_text("Anda sudah bertemu Siti Aminah (PRL-7K2M-92)").wait_for()
    await shot(page, "vouch-narrow")
    await page.get_by_role("button", name="Ya, sudah cocok").click()
    await page.get_by_text("Tidak ada pendaftaran yang cocok.").wait_for()
    async with console.database.read() as connection:
        status = (await connection.execute(select(table(Registration).c.status).where(siti))).scalar_one()
        level = (
            await connection.execute(select(table(Person).c.level).where(table(Person).c.id == console.world.siti))
        ).scalar_one()
    assert (status, level) == ("submitted", "in_person")


async def test_two_who_share_an_account_are_compared_and_told_apart(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "reviewer", narrow=True)
    await page.get_by_role("link", name="Data ganda").click()
    await page.get_by_text("Rekening sama").last.click()
    await page.get_by_role("heading", name="PRL-7K2M-92").wait_for()
    await page.get_by_role("heading", name="PRL-7K2M-93").wait_for()
    assert await page.get_by_text("BRI ********1234").count() == 3
    assert await page.get_by_text("sama", exact=True).count() == 3
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await shot(page, "review-case-narrow")
    await page.get_by_role("button", name="Putuskan").click()
    await page.get_by_role("button", name="Ya, putuskan").click()
    await page.get_by_text("Tulis dulu kalimatnya.").wait_for()
    await page.get_by_label("Alasan, dicatat bersama nama Anda").fill("Rekening koperasi.")
    await page.get_by_role("button", name="Ya, putuskan").click()
    await page.get_by_text("Orang yang berbeda").first.wait_for()
    await page.get_by_text("Rekening koperasi.").wait_for()
    async with console.database.read() as connection:
        acts = (await connection.execute(select(table(AuditEvent).c.actor, table(AuditEvent).c.action))).all()
    assert ("reviewer", "review_case.cleared") in set(map(tuple, acts))


async def test_a_reviewer_sends_an_appeal_to_the_field_by_a_day(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "reviewer")
    await page.goto(f"{console.url}/console/appeals/{console.world.appeal}")
    await page.get_by_role("button", name="Cek lapangan BPS").click()
    await page.get_by_text("BPS memeriksa di tempat, paling lambat 6 Desember 2026.").wait_for()
    await shot(page, "field-check-wide")
    await page.get_by_role("button", name="Ya, kirim ke BPS").click()
    await page.get_by_role("button", name="Cek lapangan BPS").wait_for(state="detached")
    await page.get_by_text("Batas tahap ini").wait_for()
    await page.get_by_text("6 Desember 2026").first.wait_for()
    async with console.database.read() as connection:
        appeal = (await connection.execute(select(table(Appeal).c.status, table(Appeal).c.step_due_on))).one()
        event = (
            await connection.execute(select(table(Inbox).c.event).where(table(Inbox).c.channel == "notice"))
        ).scalar_one()
    assert (appeal.status, appeal.step_due_on.isoformat()) == ("field_check", "2026-12-06")
    assert event["data"]["status"] == "field_check"


async def test_a_broadcast_is_written_frozen_approved_and_watched(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "admin", narrow=True)
    await page.get_by_role("link", name="Siaran").click()
    await page.get_by_role("button", name="Siaran baru").click()
    await page.get_by_role("button", name="Simpan konsep").click()
    await page.get_by_text("Isi dulu nama").wait_for()
    await page.get_by_label("Nama siaran").fill("Aktivasi IKD di Genteng")
    await page.get_by_label("Isi pesan").click()
    await page.get_by_role("option", name="Hari aktivasi IKD").click()
    await page.get_by_label("Tempat").fill("Balai Desa Melayu")
    await page.get_by_label("Hari dan tanggal").fill("Senin, 30 November 2026")
    await page.get_by_label("Jam, misalnya").fill("08.00-12.00 WIB")
    await page.get_by_text("petugas membantu aktivasi IKD di Balai Desa Melayu").wait_for()
    await shot(page, "broadcast-new-narrow")
    await page.get_by_role("button", name="Simpan konsep").click()
    await page.get_by_role("heading", name="Aktivasi IKD di Genteng").wait_for()
    await page.get_by_role("button", name="Tetapkan penerima").click()
    await page.get_by_role("button", name="Ya, lakukan").click()
    await page.get_by_text("Menunggu persetujuan").wait_for()
    await page.get_by_text("PRL-7K2M-9").first.wait_for()
    await page.get_by_role("button", name="Setujui dan kirim").click()
    await page.get_by_text("Pesan ini akan dikirim ke").wait_for()
    await page.get_by_role("button", name="Ya, lakukan").click()
    await page.get_by_role("button", name="Tunda").wait_for()
    await shot(page, "broadcast-sending-narrow")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.get_by_role("button", name="Batalkan siaran").click()
    await page.get_by_role("button", name="Ya, lakukan").click()
    await page.get_by_text("Dibatalkan").first.wait_for()
    await page.get_by_text("Siaran dibatalkan sebelum gilirannya").first.wait_for()
    async with console.database.read() as connection:
        acts = [
            tuple(row)
            for row in await connection.execute(select(table(AuditEvent).c.actor, table(AuditEvent).c.action))
        ]
    steps = ["written", "freeze", "approve", "cancel"]
    assert [act for act in acts if act[1].startswith("broadcast.")] == [
        ("admin", f"broadcast.{step}") for step in steps
    ]


async def test_only_an_admin_can_write_to_many(console: Console, browser: Browser) -> None:
    page = await log_in(browser, console, "reviewer")
    await page.goto(f"{console.url}/console/broadcasts/{console.world.broadcast}")
    await page.get_by_text("Konsep").first.wait_for()
    assert await page.get_by_role("button", name="Tetapkan penerima").count() == 0
    await page.goto(f"{console.url}/console/broadcasts")
    assert await page.get_by_role("button", name="Siaran baru").count() == 0
