"""The made-up residents of the sandbox at the level of the rules: what the sources say about each, as inputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from backend.policy.values import Datum

Inputs = Mapping[str, Datum]
RESIDENTS = Path(__file__).parents[2] / "backend" / "sandbox" / "residents.yaml"
AS_OF = date(2026, 11, 12)

# What is true of somebody about whom the residents' list says nothing else.
PLAIN: dict[str, bool | int | str | tuple[str, ...]] = {
    "consent_data_access": True,
    "verification_level": "chat_precheck",
    "nik_active": True,
    "nik_registered_by_other": False,
    "kk_registered_by_other": False,
    "account_turnover": 0,
    "civil_servant": False,
    "army": False,
    "police": False,
}
# By code, as the gateways name them.
OWNERS = {
    "decile": "dtsen",
    "components": "dtsen",
    "power_va": "pln",
    "income": "income",
    "account_turnover": "bank",
    "civil_servant": "civil_service",
    "army": "civil_service",
    "police": "civil_service",
    "nik_active": "ikd",
}
# How far each can prove to be the owner of their NIK: without an active IKD only an officer can say so.
_LEVELS = {
    "active": "chat_precheck",
    "timeout": "chat_precheck",
    "inactive": "none",
    "blocked": "none",
    "none": "in_person",
}


def person(**values: bool | int | str | tuple[str, ...] | None) -> dict[str, Datum]:
    """Inputs of one person: PLAIN, then what is given; None stands for a source that has not answered."""
    merged = {**PLAIN, **values}
    return {name: Datum(value, OWNERS.get(name, "perlinsos"), AS_OF) for name, value in merged.items()}


def _residents() -> dict[str, dict[str, Any]]:
    listed = yaml.safe_load(RESIDENTS.read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in listed}


_BY_NAME = _residents()


def resident(name: str, **more: bool | int | str | tuple[str, ...] | None) -> dict[str, Datum]:
    """The inputs of a resident of the list; a family card counts as taken when it stands there before them."""
    entry = _BY_NAME[name]
    before = list(_BY_NAME)[: list(_BY_NAME).index(name)]
    values: dict[str, bool | int | str | tuple[str, ...] | None] = {
        "decile": entry["decile"],
        "power_va": entry["power_va"],
        "income": entry["income"],
        "account_turnover": entry.get("account_turnover", 0),
        "components": tuple(entry["components"]),
        "verification_level": _LEVELS[entry["ikd"]],
        "nik_active": entry["ikd"] != "blocked",
        "kk_registered_by_other": any(_BY_NAME[other]["kk"] == entry["kk"] for other in before),
        "pkh_recipient": entry.get("pkh") == "imported",
    }
    return person(**{**values, **more})


def home(name: str) -> str:
    """The district of a resident: they still live where they were first registered."""
    nik = _BY_NAME[name]["nik"]
    return f"{nik[:2]}.{nik[2:4]}.{nik[4:6]}"


BANYUWANGI = "35.10.16"
SITI = resident("Siti Aminah")
BAMBANG = resident("Bambang Sutrisno")
SUMIATI = resident("Sumiati")
AMINAH = resident("Aminah Siti")
