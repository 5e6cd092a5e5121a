"""The twelve residents, each living their story over Telegram and over WhatsApp, in one running service."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import World
from tests.e2e.people import FRONT, TURNED, Citizen, resident

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("stories")]

NIK = re.compile(r"\b\d{16}\b")


async def refused(world: World, name: str, face: str, *reasons: str) -> Citizen:
    """Register and hear a refusal with these words in it."""
    citizen = world.citizen(name)
    number = await citizen.registers(face)
    await citizen.hears(number, "belum bisa menerima", "sanggah", *reasons)
    return citizen


async def test_siti_aminah_is_eligible_and_reads_at_most_twelve_messages(world: World) -> None:
    siti = world.citizen("Siti Aminah")
    number = await siti.registers("collins")
    assert len(siti.heard) <= 12, f"{len(siti.heard)} messages from the wish to the number"
    result = await siti.hears(number, "memenuhi syarat", "belum berarti sudah dibayar")
    assert "desil 1" in result
    assert not any(NIK.search(text) for text in siti.heard)


async def test_bambang_is_refused_for_electricity_with_figure_and_limit(world: World) -> None:
    bambang = await refused(world, "Bambang Sutrisno", "hopper", "2.200 VA", "1.300 VA", "PLN")
    assert bambang.heard[-1].startswith("Pak Bambang")


async def test_nurhayati_is_refused_for_account_transactions(world: World) -> None:
    await refused(world, "Nurhayati", "collins", "Rp187.000.000")


async def test_agus_is_refused_for_his_decile(world: World) -> None:
    await refused(world, "Agus Hariyanto", "hopper", "desil 5")


async def test_rahmawati_is_refused_for_four_reasons_at_once(world: World) -> None:
    rahmawati = await refused(world, "Rahmawati", "collins", "2.200 VA", "Rp6.500.000")
    assert "4. " in rahmawati.heard[-1]


async def test_andi_is_kept_until_his_ikd_is_active(world: World) -> None:
    andi = world.citizen("Andi Saputra")
    await andi.identifies()
    await andi.says("1", "IKD Bapak belum aktif", "kami simpan", "lanjut")
    await andi.says("lanjut", "masih belum aktif")
    control = {"nik": andi.resident.nik, "ikd": "active"}
    await world.http.request("POST", f"{world.service.url}/sandbox/control", json=control)
    await andi.says("lanjut", "mencocokkan foto wajah")
    await andi.says("ya", "foto wajah")
    await andi.sends(FRONT["hopper"], "menoleh")
    await andi.sends(TURNED["hopper"], "sudah cocok")


async def test_ponirah_without_a_phone_is_shown_the_way_to_a_facilitator(world: World) -> None:
    ponirah = world.citizen("Ponirah")
    await ponirah.identifies()
    await ponirah.says("1", "Pendamping PKH bisa membantu", "kami simpan")


async def test_slamet_is_sent_to_dukcapil_with_a_way_to_a_human(world: World) -> None:
    slamet = world.citizen("Slamet Riyadi")
    await slamet.says("daftar")
    await slamet.says("ya")
    await slamet.says(slamet.resident.nik)
    await slamet.says(str(slamet.resident.kk), "tidak aktif", "Dukcapil")
    await slamet.says("1", "teruskan ke petugas")


async def test_aminah_is_refused_for_a_family_card_that_is_registered_already(world: World) -> None:
    await refused(world, "Aminah Siti", "collins", "Kartu Keluarga")


async def test_joko_is_told_that_ikd_is_slow_and_goes_on_when_it_answers(world: World) -> None:
    joko = world.citizen("Joko Prasetyo")
    await joko.says("daftar")
    await joko.says("ya")
    await joko.says(joko.resident.nik)
    await joko.user.says(str(joko.resident.kk))
    await joko.hears("kami kabari di sini")
    await joko.hears("Kami menemukan data", timeout=60)


async def test_wahyuni_confirms_what_is_known_instead_of_being_asked_again(world: World) -> None:
    wahyuni = world.citizen("Wahyuni")
    await wahyuni.identifies()
    prefilled = await wahyuni.shows_face(FRONT["collins"], TURNED["collins"], "sudah cocok", "data PKH")
    assert "SD" in prefilled
    assert "SMP" in prefilled
    await wahyuni.says("1", "mengabari")
    await wahyuni.says("1", "ringkasan")
    await wahyuni.says("1", "Nomornya")
    await wahyuni.hears("memenuhi syarat")


async def test_sumiati_appeals_against_an_income_that_is_not_hers_and_is_upheld(world: World) -> None:
    sumiati = await refused(world, "Sumiati", "hopper", "Rp9.800.000")
    assert resident("Sumiati").employer == "PT Samudra Jaya"
    assert sumiati.heard[-1].count("Rp") >= 2
