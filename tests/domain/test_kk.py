from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.kk import Kk, KkProblem, parse_kk
from tests.domain.residents import RESIDENTS, SITI, SITI_KK


@pytest.mark.parametrize(("nik", "kk"), [row[:2] for row in RESIDENTS])
def test_residents(nik: str, kk: str) -> None:
    parsed = parse_kk(kk, nik=nik)
    assert isinstance(parsed, Kk)
    assert parsed.value == kk
    assert parse_kk(nik, nik=nik) == KkProblem("looks_like_nik", 16)


@pytest.mark.parametrize(
    "text", ["KK: 3510 1601 0110 0001", "no kk 3510160101100001", "kk3510160101100001", f"NIK {SITI}\nKK {SITI_KK}"]
)
def test_ways_of_writing_one_kk(text: str) -> None:
    parsed = parse_kk(text, nik=SITI)
    assert isinstance(parsed, Kk)
    assert (parsed.value, parsed.region_code) == (SITI_KK, "35.10.16")


@pytest.mark.parametrize(
    ("text", "kind", "digits"),
    [
        ("", "empty", 0),
        ("tidak tahu", "letters", 0),
        ("351016010110000l", "letters", 15),
        ("351016010110000", "too_short", 15),
        ("35101601011000011", "too_long", 17),
        ("0000000000000000", "all_same", 16),
        ("3510163202100001", "impossible_date", 16),
        ("3510164503870001", "looks_like_nik", 16),
    ],
)
def test_problems(text: str, kind: str, digits: int) -> None:
    problem = parse_kk(text)
    assert isinstance(problem, KkProblem)
    assert (problem.kind, problem.digits) == (kind, digits)


def test_the_number_stays_out_of_repr() -> None:
    assert SITI_KK not in repr(parse_kk(SITI_KK))


@given(st.text(max_size=60))
def test_never_raises(text: str) -> None:
    assert isinstance(parse_kk(text), Kk | KkProblem)
