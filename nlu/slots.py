"""Numbers, dates, answers and names out of free text, without a model. Nothing here guesses: in doubt it is None."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import phonenumbers
from rapidfuzz.distance import OSA

from nlu.amounts import amount, electric_power, lexicon
from nlu.normalise import clean, default

ID_LENGTH = 16
"""Digits of a NIK and of a family card's number."""

_LOOKALIKES = str.maketrans("oOlI|", "00111")
_DIGITISH = re.compile(r"(?<![A-Za-z])[\doOlI|]*\d[\doOlI|]*(?![A-Za-z])|\d+")
_JOINT = re.compile(r"[ \t.\-_/]{0,3}\n?[ \t]{0,2}")
_WORD_MONTH = re.compile(r"\b(\d{1,2})[ .\-/]*([a-z]{3,10})[ .\-/]*(?:tahun|thn|th)?[ .\-/]*(\d{4}|\d{2})\b")
_NUMBER_MONTH = re.compile(r"(?<!\d)(\d{1,2})\s?[ .\-/]\s?(\d{1,2})\s?[ .\-/]\s?(\d{4}|\d{2})(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[.\-/](\d{1,2})[.\-/](\d{1,2})(?!\d)")
_EIGHT_DIGITS = re.compile(r"(?<!\d)(\d{2})(\d{2})(\d{4})(?!\d)")
_LONGEST_ANSWER = 8
_REGION_WORDS = frozenset("kecamatan kabupaten kab kota provinsi prov kelurahan desa dusun daerah wilayah".split())  # noqa: SIM905 - reads as the list it is
_OLDEST = 110


def id_numbers(text: str) -> tuple[str, ...]:
    """The 16-digit numbers in a text, digits only, however they were grouped: NIK and family card look alike."""
    return tuple(run for run in digit_runs(text) if len(run) == ID_LENGTH)


def digit_runs(text: str) -> tuple[str, ...]:
    """Every number of six digits or more, so that a caller can say how many digits are missing from a NIK."""
    return tuple(run for run in _joined(text) if len(run) >= 6)


def _joined(text: str) -> Iterator[str]:
    """Digit groups put together across spaces, dots and dashes, cut where sixteen are full."""
    run, end = "", -1
    for match in _DIGITISH.finditer(text):
        group = match.group().translate(_LOOKALIKES)
        apart = end < 0 or not _JOINT.fullmatch(text[end : match.start()])
        if run and (apart or len(run) == ID_LENGTH or len(group) == ID_LENGTH):
            yield run
            run = ""
        run, end = run + group, match.end()
    if run:
        yield run


def phone(text: str) -> str | None:
    """The first Indonesian (or international, with +) number in E.164."""
    for match in phonenumbers.PhoneNumberMatcher(text, "ID"):
        return phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
    return None


def find_date(text: str, today: date) -> date | None:
    """`22-11-1980`, `22 nov 80`, `5 agustus tahun 1990`, `22111980`, `1980-11-22`; None for a day that never was.

    A year of two digits is the latest one that is not in the future.
    """
    lowered = clean(text)
    for match in _WORD_MONTH.finditer(lowered):
        if month := _months().get(match[2]):
            return _day(int(match[1]), month, match[3], today)
    if year_first := _YEAR_FIRST.search(lowered):
        return _day(int(year_first[3]), int(year_first[2]), year_first[1], today)
    if day_first := _NUMBER_MONTH.search(lowered) or _EIGHT_DIGITS.search(lowered):
        return _day(int(day_first[1]), int(day_first[2]), day_first[3], today)
    return None


def _day(day: int, month: int, written_year: str, today: date) -> date | None:
    year = int(written_year)
    if len(written_year) == 2:
        year += today.year // 100 * 100
        year -= 100 if year > today.year else 0
    try:
        return date(year, month, day) if year >= today.year - _OLDEST else None
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    return {name: month for month, names in lexicon()["months"].items() for name in names.split()}


def yes_no(text: str) -> bool | None:
    """A plain yes or no in any of the languages people use; None for a question, a "yes, but" or anything with more."""
    if "?" in text:
        return None
    if not (tokens := default().tokens(text)):
        return _thumb(text)
    tokens = default().request(tokens)
    yes, no, neutral = _answers()
    joined = " ".join(tokens)
    for phrase in lexicon()["no_trouble"]:
        if joined.startswith(phrase):
            return True
    if len(tokens) > _LONGEST_ANSWER or not all(token in yes or token in no or token in neutral for token in tokens):
        return None
    if any(token in no for token in tokens):
        agreed_first = tokens[0] in {"iya", "ya", "oke", "ok", "setuju"}
        return None if agreed_first and len(tokens) > 1 else False
    return True if any(token in yes for token in tokens) else None


def _thumb(text: str) -> bool | None:
    up = any(sign in text for sign in lexicon()["thumbs_up"])
    down = any(sign in text for sign in lexicon()["thumbs_down"])
    return up if up != down else None


@lru_cache(maxsize=1)
def _answers() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    yes, no, neutral = (frozenset(lexicon()[name].split()) for name in ("yes_words", "no_words", "neutral_words"))
    return yes, no, neutral


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """`likeness`: 1 for the name as written, less for each letter that differs."""

    name: str
    likeness: float


def regions(text: str, names: Sequence[str], least: float = 0.75) -> tuple[RegionMatch, ...]:
    """The names that the text seems to mention, best first; spaces and small typing errors do not matter."""
    words = [word for word in re.findall(r"[a-z]+", clean(text)) if word not in _REGION_WORDS]
    pieces = {"".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}
    found: list[RegionMatch] = []
    for name in names:
        core = "".join(word for word in re.findall(r"[a-z]+", clean(name)) if word not in _REGION_WORDS)
        likeness = max((OSA.normalized_similarity(core, piece) for piece in pieces), default=0.0)
        if core and likeness >= least:
            found.append(RegionMatch(name, round(likeness, 3)))
    return tuple(sorted(found, key=lambda match: (-match.likeness, match.name)))


def region(text: str, names: Sequence[str]) -> str | None:
    """The one name that is meant; None when none is near or two are equally near."""
    match regions(text, names):
        case (only,):
            return only.name
        case (best, second, *_) if best.likeness - second.likeness >= 0.1:
            return best.name
        case _:
            return None


__all__ = [
    "RegionMatch",
    "amount",
    "digit_runs",
    "electric_power",
    "find_date",
    "id_numbers",
    "phone",
    "region",
    "regions",
    "yes_no",
]
