from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.names import call_name, mask_name, title_name
from backend.domain.nik import Sex


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Siti Aminah", "S*** A*****"),
        ("SUMIATI", "S******"),
        ("  ponirah  ", "P******"),
        ("I Made Sudana", "* M*** S*****"),
        ("A", "*"),
        ("Sri Wahyuni, S.Pd.", "S** W******"),
        ("", ""),
    ],
)
def test_mask(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("SITI AMINAH", "Siti Aminah"),
        ("nur'aini", "Nur'aini"),
        ("AHMAD AL-AMIN BIN YUSUF", "Ahmad Al-Amin bin Yusuf"),
        ("siti\u200b  aminah\n", "Siti Aminah"),
        ("SRI WAHYUNI, S.Pd.", "Sri Wahyuni, S.Pd."),
    ],
)
def test_title(name: str, written: str) -> None:
    assert title_name(name) == written


@pytest.mark.parametrize(
    ("name", "sex", "called"),
    [
        ("SITI AMINAH", "female", "Bu Siti"),
        ("Bambang Sutrisno", "male", "Pak Bambang"),
        ("Sumiati", "female", "Bu Sumiati"),
        ("M. Yusuf", "male", "Pak Yusuf"),
        ("H. Slamet", "male", "Pak Slamet"),
        ("Hj. Siti Aminah", "female", "Bu Siti"),
        ("I Made Sudana", "male", "Pak Made"),
        ("Ni Luh Ayu", "female", "Bu Luh"),
        ("A", "male", "Pak A"),
        ("", "female", "Ibu"),
        ("", "male", "Bapak"),
        ("", None, "Bapak/Ibu"),
        ("Siti Aminah", None, "Siti"),
    ],
)
def test_call(name: str, sex: Sex | None, called: str) -> None:
    assert call_name(name, sex) == called


@given(st.text(max_size=40))
def test_a_mask_shows_at_most_one_character_a_word(name: str) -> None:
    assert all(set(word[1:]) <= {"*"} for word in mask_name(name).split())
