"""Facilitators: who they are, and the one-time code that binds their chat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from backend.domain.digits import fold
from backend.domain.numbers import ALPHABET, Chooser
from backend.domain.regions import lies_in

CODE_LENGTH = 8
CODE_FOR = timedelta(hours=48)
"""How long a code waits to be used."""
MOST_TRIES = 3
"""Faces that may fail for one code, and codes that may fail in one chat within `COOL_DOWN`."""
COOL_DOWN = timedelta(hours=1)
LONGEST_DUTY = timedelta(days=366)
_MEANT = str.maketrans({"B": "8", "G": "6", "S": "5", "Z": "2", "N": "M"})


class FacilitatorRole(StrEnum):
    """What makes somebody a facilitator: PKH's companion, the district's social worker, the village's operator."""

    PKH = "pkh"
    TKSK = "tksk"
    VILLAGE = "village"


def fresh_duty_code(random: Chooser) -> str:
    """Eight characters out of 23, 78 thousand million codes; of no use without the face of the one it was made for."""
    return "".join(random.choice(ALPHABET) for _ in range(CODE_LENGTH))


def written_code(code: str) -> str:
    """As it is handed over: "7K2M-93AC"."""
    return f"{code[:4]}-{code[4:]}"


def parse_duty_code(text: str) -> str:
    """The code that was typed, each character as it was meant, or "" when it cannot be one."""
    typed = "".join(c for c in fold(text).upper() if c.isalnum()).translate(_MEANT)
    return typed if len(typed) == CODE_LENGTH and all(c in ALPHABET for c in typed) else ""


def works_in(region_code: str, regions: Iterable[str]) -> bool:
    """Whether a district lies in one of a facilitator's regions."""
    return any(lies_in(region_code, region) for region in regions)


def on_duty(expires_at: datetime, ended_at: datetime | None, now: datetime) -> bool:
    return ended_at is None and now < expires_at
