"""Names as the register writes them, as a stranger may see them, and as a clerk calls a person."""

from __future__ import annotations

import re
import unicodedata

from backend.domain.nik import Sex

# Titles and the initials of long first names: nobody is called by them ("H. Slamet" is Pak Slamet, "Hj. Siti" Bu Siti).
_TITLES = frozenset({"h", "hj", "kh", "hjh", "dr", "drs", "dra", "ir", "prof", "ust", "tgk", "rr", "ni", "muh", "moh"})
_SMALL = frozenset({"bin", "binti", "van", "der", "de"})
_LETTERS = re.compile(r"[^\W\d_]+(?:['’ʼ`][^\W\d_]+)*")


def clean_name(name: str) -> str:
    """One line, single spaces, no invisible marks."""
    composed = unicodedata.normalize("NFC", name)
    kept = "".join(c for c in composed if unicodedata.category(c) not in {"Cc", "Cf"} or c.isspace())
    return " ".join(kept.split())


def title_name(name: str) -> str:
    """The usual way of writing it: "SITI AMINAH" -> "Siti Aminah".

    Keeps "Nur'aini", "Al-Amin", "bin", and degrees behind a comma as they are.
    """
    person, comma, degrees = clean_name(name).partition(",")
    words = [word.lower() if i and word.lower() in _SMALL else _title(word) for i, word in enumerate(person.split())]
    return " ".join(words) + comma + degrees


def mask_name(name: str) -> str:
    """What a stranger may see: "Siti Aminah" -> "S*** A*****".

    A word of one letter is hidden wholly: shown, it would be the full word.
    """
    return " ".join(_mask(word) for word in title_name(name).partition(",")[0].split())


def call_name(name: str, sex: Sex | None) -> str:
    """How a clerk calls the person: "Bu Siti", "Pak Bambang"; "Ibu", "Bapak" or "Bapak/Ibu" without a usable name."""
    words = [word.strip(".") for word in title_name(name).partition(",")[0].split()]
    usable = [word for word in words if len(word) > 1 and word.lower() not in _TITLES and word.lower() not in _SMALL]
    called = next(iter(usable or words), "")
    if sex is None:
        return called or "Bapak/Ibu"
    if not called:
        return "Ibu" if sex == "female" else "Bapak"
    return f"{'Bu' if sex == 'female' else 'Pak'} {called}"


def initial_name(name: str, sex: str) -> str:
    """How a facilitator's messages name somebody: "Siti Aminah" -> "Bu S."."""
    called = call_name(name, "female" if sex == "female" else "male")
    title, _, word = called.partition(" ")
    return f"{title} {word[0]}." if word else title


def _title(word: str) -> str:
    return _LETTERS.sub(lambda match: match[0][0].upper() + match[0][1:].lower(), word)


def _mask(word: str) -> str:
    return "*" if len(word) == 1 else word[0] + "*" * (len(word) - 1)
