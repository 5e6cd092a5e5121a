"""Brings what people type to the words of a dictionary: short forms, slang, regional words, doubled letters.

The word lists are data (`normalise.yml`); this module only knows how to apply them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

LEXICON = Path(__file__).parent / "normalise.yml"
LONGEST = 1_200
"""Characters that are looked at. Of a longer text, the start and more of the end, where the request mostly is."""

_APOSTROPHES = re.compile(r"['’‘`´]")
_LONG_NUMBER = re.compile(r"\+?\d(?:[ .\-]?\d){9,}")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|id|xyz|site|online|net|org|me|info)\b\S*")
_NOT_WORD = re.compile(r"[^a-z0-9\-]+")
_THRICE = re.compile(r"([a-z])\1{2,}")
_TWICE = re.compile(r"([a-z])\1+")
_X_FOR_NYA = re.compile(r"[a-wyz]{3,}x")
_TWO = re.compile(r"([a-z]{3,})2([a-z]*)")


def clean(text: str) -> str:
    """Lower case, one alphabet, no marks that cannot be seen, no emoji, at most `LONGEST` characters."""
    if len(text) > LONGEST:
        text = text[: LONGEST // 3] + " " + text[-(LONGEST - LONGEST // 3) :]
    text = unicodedata.normalize("NFKD", text).casefold()
    kept = (char for char in text if unicodedata.category(char) not in {"Mn", "Cf", "Cc"} or char in "\n\t")
    return " ".join("".join(kept).split())


@dataclass(frozen=True, slots=True)
class Normaliser:
    words: dict[str, str]
    phrases: tuple[tuple[re.Pattern[str], str], ...]
    fillers: frozenset[str]
    greetings: re.Pattern[str]
    clause_end: re.Pattern[str]
    denial: re.Pattern[str]
    emoji: dict[str, str]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = LEXICON) -> Normaliser:
        """Raises ValueError when a variant is listed under two standard words."""
        data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        words: dict[str, str] = {}
        for standard, variants in data["words"].items():
            for variant in str(variants).split():
                if words.setdefault(variant, standard) != standard:
                    raise ValueError(f"{variant!r} stands for {words[variant]!r} and {standard!r} in {path.name}")
        phrases = tuple((_whole(variants), standard) for standard, variants in data["phrases"].items())
        around, clauses = data["courtesies"], data["clauses"]
        return cls(
            words=words,
            phrases=phrases,
            fillers=frozenset(data["fillers"].split()),
            greetings=_whole(data["greetings"]),
            clause_end=re.compile(rf"[,.;!?\n:()]+|{_whole(clauses['ends'].split()).pattern}"),
            denial=_denial(clauses),
            emoji={char: standard for standard, chars in data["emoji"].items() for char in chars},
            before=tuple(around["before"]),
            after=tuple(around["after"]),
        )

    def wrapped(self, text: str, turn: int) -> str:
        """The same request said politely, in the `turn`-th of the ways that `courtesies` allows."""
        return f"{self.before[turn % len(self.before)]} {text} {self.after[turn % len(self.after)]}".rstrip()

    def tokens(self, text: str) -> list[str]:
        """The standard words of a message, in order, politeness and all; of a mere emoji what it says, if that is clear."""
        said = {self.emoji[char] for char in text if char in self.emoji}
        text = _APOSTROPHES.sub("", clean(text))
        text = _LONG_NUMBER.sub(" angkapanjang ", _LINK.sub(" alamatsitus ", text))
        text = " ".join(_NOT_WORD.sub(" ", text).split())
        if not text and len(said) == 1:
            return [*said]
        for pattern, standard in self.phrases:
            text = pattern.sub(standard, text)
        return " ".join(self._word(word) for word in text.split()).split()

    def normalise(self, text: str) -> str:
        return " ".join(self.tokens(text))

    def request(self, tokens: list[str]) -> list[str]:
        """The tokens without fillers and greetings, unless nothing would be left but those."""
        bare = self.greetings.sub(" ", " ".join(tokens)).split()
        kept = [token for token in bare if token not in self.fillers]
        return kept or bare or tokens

    def denied(self, text: str, tokens: Sequence[str]) -> tuple[list[str], list[str]]:
        """The request of a message and the words of what it says it is not about; `tokens` are all its words.

        "bukan mau daftar, cuma tanya syarat" is about conditions. Without such a clause the second list is empty.
        """
        if not self.denial.search(" ".join(tokens)):
            return self.request([*tokens]), []
        meant: list[str] = []
        denied: list[str] = []
        for piece in self.clause_end.split(clean(text)):
            clause = self.request(self.tokens(piece))
            (denied if self.denial.match(" ".join(clause)) else meant).extend(clause)
        return (meant, denied) if len(meant) > 1 else (self.request([*tokens]), [])

    def _word(self, word: str) -> str:
        word = word.strip("-")
        if word in self.words:
            return self.words[word]
        if _X_FOR_NYA.fullmatch(word):
            return self._word(word[:-1] + "nya")
        if doubled := _TWO.fullmatch(word):
            stem, ending = doubled.groups()
            stem = self.words.get(stem, stem)
            return f"{stem}-{stem}{ending}"
        for shorter in (_THRICE.sub(r"\1", word), _TWICE.sub(r"\1", word)):
            if shorter != word and (shorter in self.words or shorter in self.fillers):
                return self.words.get(shorter, shorter)
        return _THRICE.sub(r"\1", word)


def _whole(variants: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted((_APOSTROPHES.sub("", v) for v in variants), key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")


def _denial(clauses: dict[str, Any]) -> re.Pattern[str]:
    """The beginning of a clause of at least three words that says no: `bukan itu` alone is an answer."""
    two_words = [words + ("" if " " in words else r" \S+") for words in clauses["denials"]]
    before = "|".join(clauses["before"].split())
    return re.compile(rf"\b(?:(?:{before}) ){{0,3}}(?:{'|'.join(two_words)}) \S")


@lru_cache(maxsize=1)
def default() -> Normaliser:
    """The normaliser of `normalise.yml`, read once a process."""
    return Normaliser.read()
