from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.phone import Phone, PhoneProblem, parse_phone


@pytest.mark.parametrize(
    "text",
    [
        "081234567890",
        "0812-3456-7890",
        "+62 812 3456 7890",
        "+62 (0)812 3456 7890",
        "6281234567890",
        "81234567890",
        "0062 812 3456 7890",
        "no wa 0812.3456.7890 ya",
        "wa081234567890",
        "\u202a+62 812-3456-7890\u202c",
        "٠٨١٢٣٤٥٦٧٨٩٠",
        "nomor saya +6281234567890",
    ],
)
def test_ways_of_writing_one_number(text: str) -> None:
    assert parse_phone(text) == Phone("+6281234567890")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("📱", "empty"),
        ("tidak punya", "letters"),
        ("08l234567890", "letters"),
        ("08123", "too_short"),
        ("08123456789012", "too_long"),
        ("3510164503870001", "too_long"),
        ("0333421234", "landline"),
        ("+60123456789", "foreign"),
        ("099912345678", "unknown_prefix"),
    ],
)
def test_problems(text: str, kind: str) -> None:
    problem = parse_phone(text)
    assert isinstance(problem, PhoneProblem)
    assert problem.kind == kind


def test_the_number_stays_out_of_repr_and_shows_its_end() -> None:
    phone = Phone("+6281234567890")
    assert "81234567890" not in repr(phone)
    assert phone.masked == "**********7890"


@given(st.text("0123456789+- ()ab\u200f", max_size=24))
def test_never_raises_and_keeps_to_mobiles_of_the_country(text: str) -> None:
    found = parse_phone(text)
    assert isinstance(found, PhoneProblem) or found.e164.startswith("+628")
