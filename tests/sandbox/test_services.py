"""The gateways against the sandbox, over HTTP: what they are told about each resident, and what they make of faults."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from backend.crypto import KeyRing
from backend.gateways import ikd as errors
from backend.gateways.faces import FacePool
from backend.gateways.http import HttpClient
from backend.gateways.ikd import IkdGateway
from backend.gateways.sources import SourcesGateway
from backend.sandbox.app import SandboxConfig, create_sandbox
from backend.sandbox.residents import Resident, birth_date_in, load_residents, region_names
from tests import faces_support as pictures
from tests.conftest import NOW

SITI, BAMBANG, SUMIATI, NURHAYATI, ANDI, PONIRAH, AGUS, RAHMAWATI, SLAMET, AMINAH, JOKO, WAHYUNI = load_residents()
Serve = Callable[[Callable[..., Any]], str]

CONSENT = NOW - timedelta(minutes=3)


@pytest.fixture
def gateway(sandbox: str, http: HttpClient) -> IkdGateway:
    return IkdGateway(f"{sandbox}/ikd", http, timeout=5)


@pytest.fixture
def sources(sandbox: str, http: HttpClient) -> SourcesGateway:
    return SourcesGateway(f"{sandbox}/sources", http, timeout=5, backoff=(0.01, 0.02))


async def control(http: HttpClient, sandbox: str, **change: object) -> None:
    assert (await http.request("POST", f"{sandbox}/control", json=change)).status == 204


async def test_a_nik_and_its_family_card_belong_together(gateway: IkdGateway) -> None:
    record = await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")
    assert record.belongs
    assert (record.name, record.sex, record.birth_date) == ("Siti Aminah", "female", date(1987, 3, 5))
    assert (record.region_code, record.ikd, record.nik_active) == ("35.10.16", "active", True)


async def test_a_wrong_family_card_reveals_nothing(gateway: IkdGateway) -> None:
    record = await gateway.look_up(SITI.nik, str(BAMBANG.kk), CONSENT, "t-1")
    assert record == errors.IkdRecord(belongs=False)


async def test_what_ikd_says_of_andi_ponirah_and_slamet(gateway: IkdGateway) -> None:
    andi = await gateway.look_up(ANDI.nik, str(ANDI.kk), CONSENT, "t-1")
    ponirah = await gateway.look_up(PONIRAH.nik, str(PONIRAH.kk), CONSENT, "t-2")
    slamet = await gateway.look_up(SLAMET.nik, str(SLAMET.kk), CONSENT, "t-3")
    assert (andi.ikd, ponirah.ikd, slamet.nik_active) == ("inactive", "none", False)


async def test_an_unknown_nik_is_said_to_be_unknown(gateway: IkdGateway) -> None:
    with pytest.raises(errors.NikUnknown):
        await gateway.look_up("3510160101800099", str(SITI.kk), CONSENT, "t-1")


async def test_the_owner_matches_and_a_stranger_does_not(gateway: IkdGateway) -> None:
    own = await gateway.match_face(SITI.nik, pictures.recoded(pictures.portrait("collins"), 70), CONSENT, "t-1")
    other = await gateway.match_face(SITI.nik, pictures.portrait("hopper"), CONSENT, "t-2")
    assert own.match
    assert own.score > 0.9
    assert not other.match
    assert other.score < other.threshold == 0.75


@pytest.mark.parametrize(
    ("resident", "picture", "error"),
    [
        (SITI, b"this is no picture", errors.InvalidImage),
        (
            SITI,
            pictures.jpeg_of(pictures.picture_of(pictures.portrait("collins")).crop((0, 300, 512, 512))),
            errors.NoFace,
        ),
        (SITI, b"\xff" * 800_000, errors.ImageTooLarge),
        (ANDI, b"", errors.IkdNotActive),
        (PONIRAH, b"", errors.IkdNotActive),
        (SLAMET, b"", errors.NikInactive),
        (BAMBANG, pictures.portrait("hopper"), errors.NoPortrait),
    ],
    ids=["not a picture", "no face", "too large", "inactive", "none", "blocked", "nobody enrolled"],
)
async def test_each_reason_for_no_match_is_told_apart(
    gateway: IkdGateway, resident: Resident, picture: bytes, error: type[errors.IkdError]
) -> None:
    with pytest.raises(error) as caught:
        await gateway.match_face(resident.nik, picture, CONSENT, "t-1")
    assert not caught.value.retryable
    assert resident.nik not in str(caught.value)


@pytest.mark.parametrize("fault", ["timeout", "500", "429", "garbage", "drip"])
async def test_a_fault_is_never_an_answer(gateway: IkdGateway, http: HttpClient, sandbox: str, fault: str) -> None:
    impatient = IkdGateway(f"{sandbox}/ikd", http, timeout=0.3)
    await control(http, sandbox, nik=SITI.nik, service="ikd", fault=fault, times=1, seconds=7)
    with pytest.raises(errors.IkdError) as caught:
        await impatient.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")
    assert caught.value.retryable
    assert type(caught.value) is (errors.RateLimited if fault == "429" else errors.Unavailable)
    if isinstance(caught.value, errors.RateLimited):
        assert caught.value.retry_after == 7
    assert (await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-2")).belongs


async def test_a_slow_answer_is_an_answer(gateway: IkdGateway, http: HttpClient, sandbox: str) -> None:
    await control(http, sandbox, fault="slow", seconds=0.3)
    before = time.monotonic()
    assert (await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")).belongs
    assert time.monotonic() - before >= 0.3


async def test_joko_gets_no_answer_at_first_and_one_later(
    tmp_path: Path, faces: FacePool, http: HttpClient, keyring: KeyRing, serve_app: Serve
) -> None:
    time_passed = timedelta()
    config = SandboxConfig(synthetic=False, data_dir=tmp_path, silent_for_s=600, hold_s=5)
    app = create_sandbox(config, seal=keyring.seal, open_=keyring.open, faces=faces, clock=lambda: NOW + time_passed)
    url = serve_app(app)
    gateway = IkdGateway(f"{url}/ikd", http, timeout=0.3)
    for minutes in (0, 9):
        time_passed = timedelta(minutes=minutes)
        with pytest.raises(errors.Unavailable):
            await gateway.look_up(JOKO.nik, str(JOKO.kk), CONSENT, "t-1")
    time_passed = timedelta(minutes=10)
    record = await IkdGateway(f"{url}/ikd", http).look_up(JOKO.nik, str(JOKO.kk), CONSENT, "t-2")
    assert (record.belongs, record.ikd) == (True, "active")


async def test_an_activation_changes_what_ikd_says(gateway: IkdGateway, http: HttpClient, sandbox: str) -> None:
    await control(http, sandbox, nik=ANDI.nik, ikd="active")
    assert (await gateway.look_up(ANDI.nik, str(ANDI.kk), CONSENT, "t-1")).ikd == "active"
    assert (await http.request("DELETE", f"{sandbox}/control")).status == 204
    assert (await gateway.look_up(ANDI.nik, str(ANDI.kk), CONSENT, "t-2")).ikd == "inactive"


async def test_the_owners_know_what_the_story_says(sources: SourcesGateway) -> None:
    answers = await sources.ask(SUMIATI.nik, "consent-7", "t-1")
    assert answers.unavailable == []
    known = {datum.name: (datum.value, datum.owner, datum.as_of) for datum in answers.data}
    assert known == {
        "decile": (1, "dtsen", date(2026, 10, 1)),
        "components": (("lansia",), "dtsen", date(2026, 10, 1)),
        "power_va": (900, "pln", date(2026, 11, 12)),
        "income": (9_800_000, "income", date(2026, 10, 31)),
        "employer": ("PT Samudra Jaya", "income", date(2026, 10, 31)),
        "civil_servant": (False, "civil_service", date(2026, 11, 1)),
        "army": (False, "civil_service", date(2026, 11, 1)),
        "police": (False, "civil_service", date(2026, 11, 1)),
    }


@pytest.mark.parametrize("fault", ["timeout", "500", "429", "garbage", "drip"])
async def test_one_owner_that_fails_costs_its_own_data_only(http: HttpClient, sandbox: str, fault: str) -> None:
    sources = SourcesGateway(f"{sandbox}/sources", http, timeout=1.5, backoff=(0.01,))
    await control(http, sandbox, service="pln", fault=fault, seconds=5)
    answers = await sources.ask(SITI.nik, "consent-7", "t-1")
    assert answers.unavailable == ["pln"]
    assert {datum.owner for datum in answers.data} == {"dtsen", "income", "civil_service"}


async def test_an_owner_that_fails_twice_is_asked_again(
    sources: SourcesGateway, http: HttpClient, sandbox: str
) -> None:
    await control(http, sandbox, service="pln", fault="500", times=2)
    answers = await sources.ask(SITI.nik, "consent-7", "t-1")
    assert answers.unavailable == []
    assert next(datum.value for datum in answers.data if datum.name == "power_va") == 450


async def test_a_refused_question_does_not_repeat_the_nik(http: HttpClient, sandbox: str) -> None:
    question = {"nik": SITI.nik, "kk": "123", "consent_given_at": CONSENT.isoformat(), "transaction_id": "t"}
    answer = await http.request("POST", f"{sandbox}/ikd/identity/look-up", json=question)
    assert (answer.status, answer.json()) == (400, {"error": "invalid_request", "fields": ["kk"]})


async def test_a_consent_from_the_future_is_none(gateway: IkdGateway) -> None:
    with pytest.raises(errors.Unavailable):
        await gateway.look_up(SITI.nik, str(SITI.kk), NOW + timedelta(hours=1), "t-1")


async def test_a_service_that_is_not_there_is_unavailable(http: HttpClient) -> None:
    gateway = IkdGateway("http://127.0.0.1:1/ikd", http)
    with pytest.raises(errors.Unavailable):
        await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")
    assert not await gateway.reachable()


@pytest.fixture
def synthetic(tmp_path: Path, faces: FacePool, keyring: KeyRing, serve_app: Serve) -> str:
    config = SandboxConfig(synthetic=True, data_dir=tmp_path)
    return serve_app(create_sandbox(config, seal=keyring.seal, open_=keyring.open, faces=faces))


async def test_any_well_formed_nik_is_somebody_and_always_the_same(synthetic: str, http: HttpClient) -> None:
    gateway = IkdGateway(f"{synthetic}/ikd", http)
    consent = datetime.now(UTC)
    first = await gateway.look_up("6471015203910044", "6471011203910001", consent, "t-1")
    again = await gateway.look_up("6471015203910044", "6471011203910001", consent, "t-2")
    assert first == again
    assert (first.belongs, first.sex, first.birth_date, first.ikd) == (True, "female", date(1991, 3, 12), "active")
    for malformed in ("6471017203910044", "9971015203910044", "6471015203910000"):
        with pytest.raises(errors.NikUnknown):
            await gateway.look_up(malformed, "6471011203910001", consent, "t-3")
    sources = SourcesGateway(f"{synthetic}/sources", http)
    assert await sources.ask("6471015203910044", "c", "t-4") == await sources.ask("6471015203910044", "c", "t-5")


async def test_a_fault_is_lifted_for_one_nik_or_for_all(gateway: IkdGateway, http: HttpClient, sandbox: str) -> None:
    for resident in (SITI, AGUS):
        await control(http, sandbox, nik=resident.nik, fault="500")
    await control(http, sandbox, nik=SITI.nik, clear=True)
    assert (await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")).belongs
    with pytest.raises(errors.Unavailable):
        await gateway.look_up(AGUS.nik, str(AGUS.kk), CONSENT, "t-2")
    await control(http, sandbox, clear=True)
    assert (await gateway.look_up(AGUS.nik, str(AGUS.kk), CONSENT, "t-3")).belongs


@pytest.mark.parametrize("change", [{"fault": "flood"}, {"nik": "12"}, {"service": "dukcapil"}, {"unknown": 1}])
async def test_a_switch_that_does_not_exist_is_refused(
    http: HttpClient, sandbox: str, change: dict[str, object]
) -> None:
    assert (await http.request("POST", f"{sandbox}/control", json=change)).status == 400


async def test_the_sandbox_is_at_home_under_any_prefix(
    tmp_path: Path, faces: FacePool, http: HttpClient, keyring: KeyRing, serve_app: Serve
) -> None:
    outer = FastAPI()
    config = SandboxConfig(synthetic=False, data_dir=tmp_path)
    outer.mount(
        "/deep/down", create_sandbox(config, seal=keyring.seal, open_=keyring.open, faces=faces, clock=lambda: NOW)
    )
    url = f"{serve_app(outer)}/deep/down"
    gateway = IkdGateway(f"{url}/ikd", http)
    assert await gateway.reachable()
    assert (await gateway.look_up(SITI.nik, str(SITI.kk), CONSENT, "t-1")).belongs
    assert (await SourcesGateway(f"{url}/sources/", http).ask(SITI.nik, "c", "t-1")).unavailable == []
    assert 'action="enrol"' in (await http.request("GET", f"{url}/enrol")).content.decode()


def test_every_resident_is_well_formed() -> None:
    assert all(birth_date_in(resident.nik, NOW.date()) for resident in load_residents())
    assert len({resident.nik for resident in load_residents()}) == 12
    assert SITI.kk == AMINAH.kk
    assert (WAHYUNI.pkh, NURHAYATI.account_turnover, RAHMAWATI.decile) == ("imported", 187_000_000, 4)
    assert region_names()["35.10.16"] == "Banyuwangi"


@pytest.mark.parametrize(
    ("nik", "born"),
    [
        ("3510164503870001", date(1987, 3, 5)),
        ("3510160101100001", date(2010, 1, 1)),
        ("3510160101260001", date(1926, 1, 1)),  # a hundred years old rather than a newborn who registers
        ("3510160101200001", date(2020, 1, 1)),  # a child rather than somebody of 106
        ("3510162902010001", None),  # 29 February in a year that has none
        ("3510163113900001", None),
        ("3510160101900000", None),
        ("9810160101900001", None),
        ("351016010190000", None),
        ("35101601019000O1", None),
    ],
)
def test_the_date_in_a_nik(nik: str, born: date | None) -> None:
    assert birth_date_in(nik, NOW.date()) == born
