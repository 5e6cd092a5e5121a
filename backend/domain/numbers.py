"""Public numbers of registrations, appeals and tickets: short, and safe to read over the phone.

"PRL-7K2M-93": a prefix that says what it is, and six characters out of 23. Letters that look like a digit or like each
other (O, I, L, Q, B, G, S, Z, U, V) and N, which sounds like M, are not used, so a typed one is read as what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from backend.domain.digits import fold

ALPHABET = "23456789ACDEFHJKMPRTWXY"
CODE_LENGTH = 6
_MEANT = str.maketrans({"B": "8", "G": "6", "S": "5", "Z": "2", "N": "M"})
_MARKS = r"[\s\-.–—_/]*"
_PREFIXES = "|".join(_MARKS.join(prefix) for prefix in ("PRL", "SGH", "TKT"))
_TYPED = re.compile(
    rf"(?<![A-Z0-9])({_PREFIXES}){_MARKS}((?:[A-Z0-9]{_MARKS}){{5}}[A-Z0-9])(?![A-Z0-9])",
    re.IGNORECASE,
)
_BARE = re.compile(rf"{_MARKS}((?:[A-Z0-9]{_MARKS}){{{CODE_LENGTH}}})", re.IGNORECASE)


class NumberKind(StrEnum):
    """What a public number stands for; the value is its prefix."""

    REGISTRATION = "PRL"
    APPEAL = "SGH"
    TICKET = "TKT"


class Chooser(Protocol):
    """What `random.Random` and `secrets.SystemRandom` share and this module needs."""

    def choice(self, seq: Sequence[str], /) -> str: ...


@dataclass(frozen=True, slots=True)
class PublicNumber:
    """A number that a citizen read out or typed. `str()` gives its one written form."""

    kind: NumberKind
    code: str

    def __str__(self) -> str:
        return f"{self.kind.value}-{self.code[:4]}-{self.code[4:]}"


def fresh_code(random: Chooser) -> str:
    """Six characters out of 23, 148 million codes; the caller keeps them unique and draws again when one is taken."""
    return "".join(random.choice(ALPHABET) for _ in range(CODE_LENGTH))


def registration_number(code: str) -> str:
    """Such as "7K2M93" -> "PRL-7K2M-93"."""
    return str(PublicNumber(NumberKind.REGISTRATION, code))


def appeal_number(code: str) -> str:
    """Such as "7K2M93" -> "SGH-7K2M-93"."""
    return str(PublicNumber(NumberKind.APPEAL, code))


def ticket_number(code: str) -> str:
    """Such as "7K2M93" -> "TKT-7K2M-93"."""
    return str(PublicNumber(NumberKind.TICKET, code))


def parse_number(text: str, expect: NumberKind | None = None) -> PublicNumber | None:
    """The first public number in a text: "status prl 7k2m 93", "PRL7K2M93", "prl-7k2m-93."; None when there is none.

    With `expect` a message that is nothing but the six characters counts too, since we had just asked for that number.
    """
    folded = fold(text)
    for match in _TYPED.finditer(folded):
        code = _code(match[2])
        if code:
            return PublicNumber(NumberKind("".join(c for c in match[1].upper() if c.isalpha())), code)
    bare = _BARE.fullmatch(folded) if expect else None
    code = _code(bare[1]) if bare else ""
    return PublicNumber(expect, code) if expect and code else None


def _code(typed: str) -> str:
    """The six characters in upper case, each as it was meant, or "" when one of them is never part of a code."""
    code = "".join(c for c in typed.upper() if c.isalnum()).translate(_MEANT)
    return code if len(code) == CODE_LENGTH and all(c in ALPHABET for c in code) else ""
