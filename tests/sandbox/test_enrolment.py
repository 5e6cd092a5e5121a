"""Putting a face on a resident, and the selfies that the simulator offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.crypto import KeyRing, KeyRingError
from backend.gateways.faces import FacePool
from backend.gateways.http import FilePart, HttpClient, Response
from backend.gateways.ikd import IkdGateway, NoPortrait
from backend.gateways.photos import MAX_BYTES
from backend.sandbox.portraits import NAMES, PortraitName, PortraitsMissing, available, portrait, selfie
from backend.sandbox.residents import load_residents
from backend.sandbox.vault import EncodingVault, Enrolment
from tests import faces_support as pictures
from tests.conftest import NOW

SITI, BAMBANG = 1, 2
RESIDENTS = load_residents()


async def enrol(
    http: HttpClient, sandbox: str, n: int, accept: str = "application/json", **form: str | FilePart
) -> Response:
    return await http.request("POST", f"{sandbox}/enrol", multipart={"n": str(n), **form}, headers={"accept": accept})


async def matches(http: HttpClient, sandbox: str, n: int, jpeg: bytes) -> bool:
    gateway = IkdGateway(f"{sandbox}/ikd", http)
    return (await gateway.match_face(RESIDENTS[n - 1].nik, jpeg, NOW, "t-1")).match


def photo(data: bytes) -> FilePart:
    return FilePart("wajah.jpg", data, "image/jpeg")


async def test_an_own_face_is_put_on_a_resident_and_taken_away(http: HttpClient, sandbox: str) -> None:
    with pytest.raises(NoPortrait):
        await matches(http, sandbox, BAMBANG, selfie("hopper", "front"))
    answer = await enrol(http, sandbox, BAMBANG, photo=photo(pictures.portrait("hopper")))
    assert (answer.status, answer.json()["ok"]) == (200, True)
    assert await matches(http, sandbox, BAMBANG, selfie("hopper", "front"))
    assert not await matches(http, sandbox, BAMBANG, selfie("collins", "front"))
    await enrol(http, sandbox, BAMBANG, remove="1")
    with pytest.raises(NoPortrait):
        await matches(http, sandbox, BAMBANG, selfie("hopper", "front"))


async def test_an_enrolled_face_replaces_the_residents_own(http: HttpClient, sandbox: str) -> None:
    assert await matches(http, sandbox, SITI, selfie("collins", "front"))
    await enrol(http, sandbox, SITI, photo=photo(pictures.portrait("hopper")))
    assert not await matches(http, sandbox, SITI, selfie("collins", "front"))
    assert await matches(http, sandbox, SITI, selfie("hopper", "front"))
    # A stranger's own photo has no sample selfies to offer.
    assert (await http.request("GET", f"{sandbox}/residents/{SITI}/selfies/front.jpg")).status == 404


async def test_a_sample_face_brings_its_selfies(http: HttpClient, sandbox: str, faces: FacePool) -> None:
    address = f"{sandbox}/residents/{BAMBANG}/selfies"
    assert (await http.request("GET", f"{address}/front.jpg")).status == 404
    await enrol(http, sandbox, BAMBANG, sample="collins")
    front = await http.request("GET", f"{address}/front.jpg")
    turned = await http.request("GET", f"{address}/turned.jpg")
    assert (front.status, front.headers["content-type"]) == (200, "image/jpeg")
    assert await matches(http, sandbox, BAMBANG, front.content)
    verdict = await faces.verify_selfie(front.content, turned.content)
    assert verdict.ok, verdict


@pytest.mark.parametrize("name", NAMES)
async def test_both_sample_people_pass_the_whole_check(faces: FacePool, name: PortraitName) -> None:
    verdict = await faces.verify_selfie(selfie(name, "front"), selfie(name, "turned"))
    assert verdict.ok, verdict


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "missing"),
        (b"GIF89a but not really", "unreadable"),
        (pictures.tiled_two(pictures.portrait("hopper")), "many_faces"),
        (pictures.darkened(pictures.portrait("hopper")), "dark"),
        (b"\xff\xd8" + b"\0" * MAX_BYTES, "unreadable"),
    ],
    ids=["nothing", "garbage", "two", "dark", "too large"],
)
async def test_a_bad_photo_is_explained_and_changes_nothing(
    http: HttpClient, sandbox: str, data: bytes, problem: str
) -> None:
    answer = await enrol(http, sandbox, BAMBANG, photo=photo(data))
    assert (answer.status, answer.json()["problem"]) == (422, problem)
    with pytest.raises(NoPortrait):
        await matches(http, sandbox, BAMBANG, selfie("hopper", "front"))


async def test_only_the_sealed_encoding_is_kept(
    http: HttpClient, sandbox: str, tmp_path: Path, keyring: KeyRing
) -> None:
    await enrol(http, sandbox, BAMBANG, photo=photo(pictures.portrait("hopper")))
    (kept,) = (path for path in (tmp_path / "sandbox").rglob("*") if path.is_file())
    sealed = kept.read_bytes()
    assert len(sealed) < 4096
    assert b"encoding" not in sealed
    vault = EncodingVault(kept.parent, keyring.seal, keyring.open)
    enrolment = vault.get(BAMBANG)
    assert enrolment is not None
    assert len(enrolment.encoding) == 128


def test_a_sealed_face_does_not_open_in_anothers_place(tmp_path: Path, keyring: KeyRing) -> None:
    vault = EncodingVault(tmp_path, keyring.seal, keyring.open)
    vault.put(1, Enrolment([0.5] * 128, "hopper"))
    assert vault.get(1) == Enrolment([0.5] * 128, "hopper")
    assert vault.get(2) is None
    (tmp_path / "resident-1.face").rename(tmp_path / "resident-2.face")
    with pytest.raises(KeyRingError):
        vault.get(2)


async def test_the_residents_are_listed_with_what_the_picker_needs(http: HttpClient, sandbox: str) -> None:
    listed = (await http.request("GET", f"{sandbox}/residents")).json()
    assert [row["n"] for row in listed] == list(range(1, 13))
    assert {row["name"] for row in listed if row["has_portrait"]} == {"Siti Aminah", "Sumiati"}
    assert listed[4]["ikd"] == "inactive"
    assert all(row["nik"] and row["kk"] and row["story"] and row["cerita"] for row in listed)


async def test_the_page_works_without_a_script_and_quotes_nothing(http: HttpClient, sandbox: str) -> None:
    page = await http.request("GET", f"{sandbox}/enrol")
    text = page.content.decode()
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'lang="id"' in text
    assert "://" not in text
    assert not any(resident.nik in text for resident in RESIDENTS)
    answer = await enrol(http, sandbox, BAMBANG, accept="text/html", sample="hopper")
    assert "Wajah sudah tersimpan untuk Bambang Sutrisno" in answer.content.decode()
    assert (await enrol(http, sandbox, 13, sample="hopper")).status == 404


def test_the_portraits_are_where_their_packages_keep_them() -> None:
    assert available("collins")
    assert available("hopper")
    assert portrait("collins")[:2] == b"\xff\xd8"


def test_a_missing_portrait_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sandbox.portraits._FILES", {"hopper": ("no_such_package", "x.jpg")})
    assert not available("hopper")
    with pytest.raises(PortraitsMissing, match="no_such_package"):
        portrait("hopper")
