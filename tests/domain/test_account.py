from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.account import BANKS, Account, AccountProblem, parse_account
from tests.domain.residents import SITI


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("BRI 1234 5678 9012 345", Account("BRI", "123456789012345")),
        ("1234-5678-9012-345 bank BRI a.n. Siti Aminah", Account("BRI", "123456789012345")),
        ("rekening mandiri saya 1400012345678", Account("Mandiri", "1400012345678")),
        ("Bank Mandiri: 140.00.1234567.8", Account("Mandiri", "1400012345678")),
        ("BANK SYARIAH INDONESIA\n7123456789", Account("BSI", "7123456789")),
        ("bank jatim 0012345678", Account("Bank Jatim", "0012345678")),
        ("bri ١٢٣٤٥٦٧٨٩٠١٢٣٤٥", Account("BRI", "123456789012345")),
        ("no hp lama, bri 123456789012345 cabang 12", Account("BRI", "123456789012345")),
    ],
)
def test_accounts(text: str, account: Account) -> None:
    assert parse_account(text) == account


def test_the_bank_chosen_before_is_remembered() -> None:
    assert parse_account("7123456789", bank="BSI") == Account("BSI", "7123456789")
    assert parse_account("bni 1234567890", bank="BSI") == Account("BNI", "1234567890")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("🙏", "empty"),
        ("belum punya rekening", "no_bank"),
        ("123456789012345", "no_bank"),
        ("BRI", "no_number"),
        ("bni atau bri 123456789012345", "several_banks"),
        ("bri 12345678901234", "too_short"),
        ("bri 12345678901234567", "too_long"),
        ("bri 1234567a89012345", "letters"),
        ("bri 4111 1111 1111 1111", "looks_like_card"),
        (f"bri {SITI}", "looks_like_nik"),
    ],
)
def test_problems(text: str, kind: str) -> None:
    problem = parse_account(text, nik=SITI)
    assert isinstance(problem, AccountProblem)
    assert problem.kind == kind


def test_the_number_stays_out_of_repr() -> None:
    account = Account("BRI", "123456789012345")
    assert "123456789012345" not in repr(account)
    assert account.masked == "BRI ***********2345"


@given(st.text(max_size=60), st.sampled_from(["", *BANKS]))
def test_never_raises(text: str, bank: str) -> None:
    assert isinstance(parse_account(text, bank=bank), Account | AccountProblem)
