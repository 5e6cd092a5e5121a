"""Bank accounts out of free text: "BRI 1234 5678 9012 345" or "rekening mandiri saya 1400012345678"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from backend.domain.digits import fold
from backend.domain.nik import mask_digits

AccountProblemKind = Literal[
    "empty",
    "no_bank",
    "several_banks",
    "no_number",
    "letters",
    "too_short",
    "too_long",
    "looks_like_nik",
    "looks_like_card",
]


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank as people write it. `shortest` and `longest` count the digits of its account numbers."""

    name: str
    spellings: tuple[str, ...]
    shortest: int
    longest: int


# Banks that pay out PKH (the state banks' association and the sharia one) and the common others. Lengths as the banks
# print them on their passbooks; a range where branches or older accounts differ.
_LISTED = (
    Bank("BRI", ("bri", "bank rakyat indonesia", "britama", "simpedes"), 15, 15),
    Bank("BNI", ("bni", "bank negara indonesia"), 9, 10),
    Bank("Mandiri", ("mandiri", "bank mandiri"), 13, 13),
    Bank("BTN", ("btn", "bank tabungan negara"), 10, 16),
    Bank("BSI", ("bsi", "bank syariah indonesia"), 10, 10),
    Bank("BCA", ("bca", "bank central asia"), 10, 10),
    Bank("Bank Jatim", ("bank jatim", "jatim", "bpd jatim"), 10, 10),
    Bank("Bankaltimtara", ("bankaltimtara", "kaltimtara", "bpd kaltim", "bank kaltim"), 10, 10),
    Bank("Pos Indonesia", ("pos", "kantor pos", "pos indonesia", "giro pos"), 10, 16),
)
BANKS: Mapping[str, Bank] = {bank.name: bank for bank in _LISTED}
_BY_SPELLING = {spelling: bank for bank in _LISTED for spelling in bank.spellings}
# Longest first: "bank mandiri" is one word here, not "mandiri" behind an unknown "bank".
_SPELLED = re.compile(
    rf"(?<![^\W\d_])({'|'.join(sorted(map(re.escape, _BY_SPELLING), key=len, reverse=True))})(?![^\W\d_])"
)
_NUMBER = re.compile(r"\d(?:[\d\s.\-–/]*\d)?")
_MIXED = re.compile(r"\d[a-z]+\d")
_CARD_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Account:
    """A bank account. `bank` is a key of `BANKS`; the number stays out of `repr`."""

    bank: str
    number: str = field(repr=False)

    @property
    def masked(self) -> str:
        """As it may be shown: "BRI ***********2345"."""
        return f"{self.bank} {mask_digits(self.number)}"


@dataclass(frozen=True, slots=True)
class AccountProblem:
    """Why a text is not taken as an account. `bank` is what was recognised, `digits` counts those found.

    `looks_like_card`: the 16 digits on the front of a card; nobody needs them to pay in, and they are worth stealing.
    """

    kind: AccountProblemKind
    bank: str
    digits: int


def parse_account(text: str, *, bank: str = "", nik: str = "") -> Account | AccountProblem:
    """The account in a text, or the problem to tell; never raises.

    `bank` is the one chosen before (a key of `BANKS`), for a message that holds only the number; `nik` the NIK given
    before, which people send by mistake.
    """
    folded = " ".join(fold(text).lower().split())
    named = {_BY_SPELLING[match[1]].name for match in _SPELLED.finditer(folded)} or ({bank} if bank in BANKS else set())
    digits = max(("".join(filter(str.isdigit, m[0])) for m in _NUMBER.finditer(folded)), key=len, default="")
    only = next(iter(named)) if len(named) == 1 else ""

    def problem(kind: AccountProblemKind) -> AccountProblem:
        return AccountProblem(kind, only, len(digits))

    if not digits and not named:
        return problem("empty" if not any(c.isalpha() for c in folded) else "no_bank")
    if len(named) > 1:
        return problem("several_banks")
    if not only:
        return problem("no_bank")
    if not digits:
        return problem("no_number")
    if _MIXED.search(folded):
        return problem("letters")
    return _measured(BANKS[only], digits, nik) or Account(only, digits)


def _measured(bank: Bank, digits: str, nik: str) -> AccountProblem | None:
    kind: AccountProblemKind
    if digits == nik:
        kind = "looks_like_nik"
    elif len(digits) == _CARD_LENGTH and bank.longest < _CARD_LENGTH and _luhn(digits):
        kind = "looks_like_card"
    elif len(digits) < bank.shortest:
        kind = "too_short"
    elif len(digits) > bank.longest:
        kind = "too_long"
    else:
        return None
    return AccountProblem(kind, bank.name, len(digits))


def _luhn(digits: str) -> bool:
    """The check sum of payment cards (ISO/IEC 7812-1)."""
    doubled = [int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
