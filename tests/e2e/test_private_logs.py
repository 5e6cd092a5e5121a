"""The watch over the logs finds what it is there for; every service of these tests is held to it when it stops."""

from __future__ import annotations

import pytest

from tests.e2e.people import RESIDENTS
from tests.e2e.private import ACCOUNT_NUMBER, MASK, leaks

ENVIRONMENT = {
    "PERLINSOS_TELEGRAM_TOKEN": "7000000001:AAFakeTokenFakeTokenFakeTokenFakeTok",
    "PERLINSOS_TWILIO_AUTH_TOKEN": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "PERLINSOS_TELEGRAM_SECRET": "s3cret-of-the-webhook",
    "PERLINSOS_SECRET_KEYS": "k1:c2VjcmV0",
    "PERLINSOS_TWILIO_ACCOUNT_SID": "",
    "PATH": "/usr/bin",
}


@pytest.mark.parametrize(
    "private",
    [
        *(RESIDENTS[0].nik, str(RESIDENTS[0].kk), RESIDENTS[0].name, "3510164503870077", ACCOUNT_NUMBER),
        *(value for name, value in ENVIRONMENT.items() if name.startswith("PERLINSOS_") and value),
    ],
)
def test_a_line_with_something_private_is_found_and_shown_without_it(private: str) -> None:
    [line] = leaks(f"started\n[error] job_failed data={private!r}\n", ENVIRONMENT)
    assert line == f"[error] job_failed data='{MASK * 3}'"


def test_ordinary_lines_are_not_taken_for_private_ones() -> None:
    ordinary = "2026-11-22 04:28:50 [info] recovered sends=2 jobs=1\nperlinsos_webhook_seconds_created 1.7953110005123456e+09\n"
    assert leaks(ordinary, ENVIRONMENT) == []
