from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.nik import KTP_AGE, OLDEST, Nik, NikProblem, age_on, parse_nik, region_known
from tests.domain.residents import RESIDENTS, SITI, SITI_KK

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(("nik", "kk", "sex"), RESIDENTS)
def test_residents(nik: str, kk: str, sex: str) -> None:
    parsed = parse_nik(nik, TODAY)
    assert isinstance(parsed, Nik)
    assert (parsed.value, parsed.sex) == (nik, sex)
    assert parse_nik(kk, TODAY) == NikProblem("looks_like_kk", 16)


def test_reads_region_birth_and_sex() -> None:
    parsed = parse_nik(SITI, TODAY)
    assert isinstance(parsed, Nik)
    assert (parsed.region_code, parsed.birth_date, parsed.sex) == ("35.10.16", date(1987, 3, 5), "female")
    assert parse_nik("3510161203850001", TODAY) == Nik("3510161203850001", "35.10.16", date(1985, 3, 12), "male")


@pytest.mark.parametrize(
    "text",
    [
        "3510 1645 0387 0001",
        "35.10.16-450387.0001",
        "NIK: 3510164503870001",
        "nik3510164503870001",
        "no. nik saya 3510164503870001 ya pak, terima kasih",
        "No KTP 3510164503870001",
        "351016\n450387\n0001",
        "٣٥١٠١٦٤٥٠٣٨٧٠٠٠١",
        "۳۵۱۰۱۶۴۵۰۳۸۷۰۰۰۱",
        "３５１０１６４５０３８７０００１",
        "\u202e3510\u200b1645\u2066038700\ufe0f01\u202c",
        "3️⃣5️⃣1️⃣0️⃣ 164503870001",
        "*3510164503870001*",
        "nama saya Siti, umur 39\n3510164503870001",
        f"NIK {SITI} KK {SITI_KK}",
        f"KK {SITI_KK}\nNIK {SITI}",
    ],
)
def test_ways_of_writing_one_nik(text: str) -> None:
    parsed = parse_nik(text, TODAY)
    assert isinstance(parsed, Nik)
    assert parsed.value == SITI


@pytest.mark.parametrize(
    ("text", "kind", "digits"),
    [
        ("", "empty", 0),
        (" \u200f \n", "empty", 0),
        ("👍🙏", "empty", 0),
        ("lupa bu", "letters", 0),
        ("35l0164503870001", "letters", 15),
        ("351O164503870001", "letters", 15),
        ("351016450387000", "too_short", 15),
        ("35101645038700011", "too_long", 17),
        ("1" * 10_000, "too_long", 2_000),
        ("1111111111111111", "all_same", 16),
        ("3510164513870001", "impossible_date", 16),
        ("3510163202870001", "impossible_date", 16),
        ("3510160002870001", "impossible_date", 16),
        ("3510163002870001", "impossible_date", 16),
        ("3510162902870001", "impossible_date", 16),
        (SITI_KK, "looks_like_kk", 16),
        (f"KK{SITI_KK}", "looks_like_kk", 16),
        ("3510162211260001", "looks_like_kk", 16),
        ("3510164502120001", "under_age", 16),
    ],
)
def test_problems(text: str, kind: str, digits: int) -> None:
    problem = parse_nik(text, TODAY)
    assert isinstance(problem, NikProblem)
    assert (problem.kind, problem.digits) == (kind, digits)


def test_leap_day_exists_only_in_leap_years() -> None:
    parsed = parse_nik("3510162902880001", TODAY)
    assert isinstance(parsed, Nik)
    assert parsed.birth_date == date(1988, 2, 29)


def test_seventeenth_birthday_decides() -> None:
    born = "3510162211090001"
    assert isinstance(parse_nik(born, date(2026, 11, 22)), Nik)
    assert parse_nik(born, date(2026, 11, 21)) == NikProblem("looks_like_kk", 16)


def test_a_person_of_hundred_years_gets_through_by_insisting() -> None:
    born_1924 = "3510160101240001"
    assert parse_nik(born_1924, TODAY) == NikProblem("looks_like_kk", 16)
    parsed = parse_nik(born_1924, TODAY, insisted=True)
    assert isinstance(parsed, Nik)
    assert parsed.birth_date == date(1924, 1, 1)
    assert parse_nik(SITI_KK, TODAY, insisted=True) == NikProblem("looks_like_kk", 16)


def test_unknown_region_is_no_problem() -> None:
    parsed = parse_nik("9999994503870001", TODAY)
    assert isinstance(parsed, Nik)
    assert not region_known(parsed.region_code, {"35.10", "35.10.16"})
    assert region_known("35.10.16", {"35.10.16"})
    assert region_known("35.10.77", {"35.10"})


def test_the_number_stays_out_of_repr() -> None:
    parsed = parse_nik(SITI, TODAY)
    assert isinstance(parsed, Nik)
    assert SITI not in f"{parsed!r} {parsed}"
    assert "1987" not in repr(parsed)
    assert parsed.masked == "************0001"


@given(st.text(max_size=60), st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.booleans())
def test_never_raises(text: str, today: date, insisted: bool) -> None:
    found = parse_nik(text, today, insisted=insisted)
    assert isinstance(found, Nik | NikProblem)


@given(st.text("0123456789", min_size=16, max_size=16), st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_whoever_is_read_could_stand_here(digits: str, today: date) -> None:
    found = parse_nik(digits, today)
    if isinstance(found, Nik):
        assert KTP_AGE <= age_on(found.birth_date, today) < OLDEST


@given(
    st.integers(0, 999_999),
    st.integers(17 * 366, 99 * 365),
    st.sampled_from(["male", "female"]),
    st.integers(1, 9999),
)
def test_every_adult_is_read_back(region: int, days: int, sex: str, serial: int) -> None:
    born = TODAY - timedelta(days=days)
    day = born.day + (40 if sex == "female" else 0)
    digits = f"{region:06}{day:02}{born:%m%y}{serial:04}"
    found = parse_nik(digits, TODAY)
    assert isinstance(found, Nik)
    assert (found.birth_date, found.sex) == (born, sex)
