"""What nobody may find in a log or among the metrics: numbers and names of residents, keys of the providers."""

from __future__ import annotations

import re

from backend.sandbox.residents import load_residents

ACCOUNT_NUMBER = "1234 5678 9012 345"  # the one that tests give
SECRETS = re.compile(r"TOKEN|SECRET|SECRET_KEYS")
LONG_NUMBER = re.compile(r"(?<![\d.])\d{16}(?!\d)")  # not the digits behind a decimal point
TRACE = re.compile(r'"trace":"[0-9a-f]{16}"')  # of chance, and one in two thousand has no letter
MASK = "▇"


def leaks(text: str, environment: dict[str, str]) -> list[str]:
    """The lines that hold something private, with it masked; none when all is well.

    `environment` is the service's: the values of its secrets are looked for too.
    """
    names = {resident.name for resident in load_residents()}
    numbers = {str(number) for resident in load_residents() for number in (resident.nik, resident.kk) if number}
    accounts = {ACCOUNT_NUMBER, ACCOUNT_NUMBER.replace(" ", "")}
    secrets = {value for name, value in environment.items() if name.startswith("PERLINSOS_") and SECRETS.search(name)}
    known = sorted({*names, *numbers, *accounts, *secrets} - {""}, key=len, reverse=True)
    private = re.compile("|".join([*map(re.escape, known), LONG_NUMBER.pattern]))
    return [private.sub(MASK * 3, line) for line in text.splitlines() if private.search(TRACE.sub("", line))]
