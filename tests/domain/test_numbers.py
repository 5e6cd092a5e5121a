from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.numbers import (
    ALPHABET,
    NumberKind,
    PublicNumber,
    appeal_number,
    fresh_code,
    parse_number,
    registration_number,
    ticket_number,
)

CODES = st.text(ALPHABET, min_size=6, max_size=6)


def test_written_forms() -> None:
    assert registration_number("7K2M93") == "PRL-7K2M-93"
    assert appeal_number("7K2M93") == "SGH-7K2M-93"
    assert ticket_number("7K2M93") == "TKT-7K2M-93"


@pytest.mark.parametrize(
    "text",
    [
        "PRL-7K2M-93",
        "prl 7k2m 93",
        "prl7k2m93",
        "status PRL-7K2M-93 gimana min",
        "p r l 7 k 2 m 9 3",
        "PRL–7K2N–93.",
        "nomornya prl.7k2m.93!",
        "ＰＲＬ-7K2M-93",
    ],
)
def test_what_people_type(text: str) -> None:
    assert parse_number(text) == PublicNumber(NumberKind.REGISTRATION, "7K2M93")


@pytest.mark.parametrize("text", ["", "prl", "prl 7k2m", "prl 7k2m 939", "7k2m93", "perlu daftar", "prl 7k2m 9l"])
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_the_six_characters_alone_count_when_asked_for() -> None:
    assert parse_number("7k2m-93", NumberKind.APPEAL) == PublicNumber(NumberKind.APPEAL, "7K2M93")
    assert parse_number("TKT 7k2m-93", NumberKind.APPEAL) == PublicNumber(NumberKind.TICKET, "7K2M93")


def test_look_alikes_are_read_as_what_was_meant() -> None:
    assert parse_number("sgh B5S2 ZG") == PublicNumber(NumberKind.APPEAL, "855226")


def test_alphabet_has_no_look_alikes() -> None:
    assert not set(ALPHABET) & set("01OILQBGSZUVN")
    assert len(set(ALPHABET)) == 23


def test_fresh_codes_come_from_the_given_chance() -> None:
    assert fresh_code(Random(1)) == fresh_code(Random(1)) != fresh_code(Random(2))


@given(CODES, st.sampled_from(NumberKind))
def test_every_number_is_read_back(code: str, kind: NumberKind) -> None:
    number = PublicNumber(kind, code)
    assert parse_number(str(number)) == number
    assert parse_number(f"tanya {str(number).lower().replace('-', ' ')} ya") == number


@given(st.text(max_size=80), st.sampled_from([None, *NumberKind]))
def test_never_raises(text: str, expect: NumberKind | None) -> None:
    found = parse_number(text, expect)
    assert found is None or set(found.code) <= set(ALPHABET)
