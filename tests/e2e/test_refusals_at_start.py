"""A start with a hole in its settings ends at once and names the setting; it never runs on with half of them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from backend import crypto
from backend.cli import app

BASE = {"PERLINSOS_SANDBOX": "on", "PERLINSOS_DATABASE_URL": "sqlite+aiosqlite:///none.db"}
POSTGRES = {"PERLINSOS_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none"}
NATS = {"PERLINSOS_BUS_URL": "nats://127.0.0.1:1"}
TELEGRAM = {"PERLINSOS_TELEGRAM_TOKEN": "7000000001:made-up", "PERLINSOS_TELEGRAM_MODE": "webhook"}
WHATSAPP = {
    "PERLINSOS_TWILIO_ACCOUNT_SID": "AC0",
    "PERLINSOS_TWILIO_AUTH_TOKEN": "made-up",
    "PERLINSOS_TWILIO_FROM": "whatsapp:+1",
}


@pytest.mark.parametrize(
    ("given", "roles", "named"),
    [
        ({"PERLINSOS_SANDBOX": "off"}, [], "PERLINSOS_IKD_URL"),
        ({"PERLINSOS_SOURCES_IMPORTED": "pln,nonesuch"}, [], "nonesuch"),
        ({"PERLINSOS_DEMO": "on", "PERLINSOS_PUBLIC_URL": "https://perlinsos.example"}, [], "PERLINSOS_DEMO"),
        (TELEGRAM, [], "PERLINSOS_TELEGRAM_SECRET"),
        (WHATSAPP, [], "PERLINSOS_PUBLIC_URL"),
        ({"PERLINSOS_BUS_URL": "amqp://127.0.0.1"}, [], "PERLINSOS_BUS_URL"),
        (NATS, [], "SQLite"),
        (POSTGRES, ["--role", "worker"], "PERLINSOS_BUS_URL"),
        ({"PERLINSOS_SECRET_KEYS": "short"}, [], "PERLINSOS_SECRET_KEYS"),
        ({"PERLINSOS_PORT": "many"}, [], "PERLINSOS_PORT"),
        ({}, ["--role", "cook"], "cook"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict | list) else value,
)
def test_a_start_with_a_hole_is_refused_and_names_the_setting(
    given: dict[str, str], roles: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**BASE, "PERLINSOS_SECRET_KEYS": crypto.new_key(), **given}.items():
        monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(app, ["serve", *roles])
    assert ran.exit_code == 2
    assert named in ran.output
    assert "made-up" not in ran.output, "a secret is not shown"
    assert "Traceback" not in ran.output
