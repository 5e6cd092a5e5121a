"""The twelve residents, each living their story over Telegram and over WhatsApp, in one running service."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.people import FRONT, TURNED, Citizen, eventually, resident

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Officer:
    """Somebody with a reviewer's key at the API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = world.service.command("key", "create", "petugas", "--role", "reviewer").split()[-1]

    async def asks(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"}
        url = f"{self._world.service.url}/api/v1{path}"
        answer = await self._world.http.request(method, url, headers=headers, json=body)
        assert answer.ok, (answer.status, answer.content[:300])
        return answer.json()


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
    await nothing_stays_at_the_provider(world, siti)


async def nothing_stays_at_the_provider(world: World, citizen: Citizen) -> None:
    """Telegram's messages with NIK, KK and account are deleted; Twilio's media too, and its credentials never left its host."""
    if world.channel == "telegram":
        chat = citizen.user.chat  # type: ignore[attr-defined]
        await eventually(lambda: len([1 for where, _ in world.telegram.deleted if where == chat]) == 3)
    else:
        await eventually(lambda: len(world.twilio.forgotten) >= 2)
        assert world.twilio.leaks == []


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
    siti = world.citizen("Siti Aminah")
    await siti.identifies()
    if "Siapa saja" in await siti.shows_face(FRONT["collins"], TURNED["collins"], "sudah cocok"):
        await siti.answers()
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
    await sumiati.says("1", "dipakai orang lain")
    await sumiati.says("NIK saya dipakai orang lain", "hanya pemilik NIK", "Penghasilan")
    await sumiati.says("1", "KTP Ibu", "selesai")
    await sumiati.sends(FRONT["collins"], "1 foto yang terbaca jelas")
    await sumiati.says("selesai", "dengan kata-kata Ibu sendiri")
    await sumiati.says("Saya tidak pernah bekerja di sana, saya hanya di rumah.", "foto wajah Ibu")
    await sumiati.sends(FRONT["hopper"], "menoleh")
    await sumiati.sends(TURNED["hopper"], "sudah cocok", "Penghasilan", "Saya tidak pernah bekerja di sana")
    filed = await sumiati.says("1", "Paling lambat dijawab")
    number = next(word.rstrip(".") for word in filed.split() if word.startswith("SGH-"))

    officer = Officer(world)
    [appeal] = (await officer.asks("GET", f"/appeals?number={number}"))["items"]
    await officer.asks("POST", f"/appeals/{appeal['id']}/take-up")
    await sumiati.hears(number, "diperiksa")
    decision = {"outcome": "upheld", "reason": "Penghasilan itu milik orang lain dengan nama mirip."}
    await officer.asks("POST", f"/appeals/{appeal['id']}/resolve", decision)
    await sumiati.hears(number, "milik orang lain dengan nama mirip")
    await sumiati.hears("memenuhi syarat")
    await sumiati.says("status", "memenuhi syarat")


async def test_a_stranger_with_somebodys_nik_and_kk_gets_nothing_but_the_masked_line(world: World) -> None:
    """Whether the person is registered shows nowhere: not before the face, and not after it has failed."""
    registered, unknown = resident("Siti Aminah"), resident("Wahyuni")
    heard = []
    for number, victim in enumerate((registered, unknown)):
        stranger = world.citizen(victim.name)
        await stranger.identifies()
        await stranger.shows_face(FRONT["hopper"], TURNED["hopper"], "belum cocok")
        heard.append([line.replace(stranger.resident.name, "") for line in stranger.heard])
        await stranger.sends(FRONT["hopper"])
        await stranger.sends(TURNED["hopper"], "tidak bersalah", "pendamping atau petugas")
        assert not any(victim.name in line or "PRL-" in line for line in stranger.heard), number
    for_registered, for_unknown = ([*lines[:3], *lines[4:]] for lines in heard)
    assert for_registered == for_unknown, "only the masked line may differ"


async def test_every_way_in_which_nik_and_kk_do_not_belong_together_sounds_the_same(world: World) -> None:
    siti, slamet = resident("Siti Aminah"), resident("Slamet Riyadi")
    pairs = [
        (siti.nik, "3510160101100099"),
        ("3510164503870077", str(siti.kk)),
        (slamet.nik, "3510160909180099"),
        (resident("Andi Saputra").nik, str(siti.kk)),
    ]
    sentences = set()
    for nik, kk in pairs:
        stranger = world.citizen("Siti Aminah")
        await stranger.says("daftar")
        await stranger.says("ya")
        await stranger.says(nik)
        sentences.add(await stranger.says(kk))
    assert len(sentences) == 1, sentences
