"""The made-up residents of the sandbox at the level of the rules: what the sources say about each, as inputs."""

from __future__ import annotations

from datetime import date

from backend.policy.values import Datum

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


def person(**values: bool | int | str | tuple[str, ...] | None) -> dict[str, Datum]:
    """Inputs of one person: PLAIN, then what is given; None stands for a source that has not answered."""
    merged = {**PLAIN, **values}
    return {name: Datum(value, OWNERS.get(name, "perlinsos"), AS_OF) for name, value in merged.items()}


BANYUWANGI, BALIKPAPAN = "35.10.16", "64.71.05"

SITI = person(decile=1, power_va=450, income=900_000, components=("sd",))
BAMBANG = person(decile=2, power_va=2200, income=1_500_000, components=("smp",))
SUMIATI = person(decile=1, power_va=900, income=9_800_000, components=("lansia",))
NURHAYATI = person(decile=2, power_va=900, income=1_200_000, account_turnover=187_000_000, components=("balita",))
ANDI = person(verification_level="none", decile=2, power_va=450, income=1_100_000, components=("sd",))
PONIRAH = person(verification_level="in_person", decile=1, power_va=450, income=0, components=("lansia",))
AGUS = person(decile=5, power_va=1300, income=2_900_000, components=("sd",))
RAHMAWATI = person(decile=4, power_va=2200, income=6_500_000, components=())
SLAMET = person(
    nik_active=False, verification_level="none", decile=1, power_va=450, income=800_000, components=("sma",)
)
AMINAH = person(kk_registered_by_other=True, decile=1, power_va=450, income=900_000, components=("sd",))
JOKO_UNANSWERED = person(nik_active=None, decile=1, power_va=450, income=700_000, components=("sd",))
JOKO_LATER = person(decile=1, power_va=450, income=700_000, components=("sd",))
WAHYUNI = person(decile=2, power_va=900, income=1_000_000, components=("sd", "smp"), pkh_recipient=True)
