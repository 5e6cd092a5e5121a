"""What a message is made of, as counted features: its words, their stems and pairs, its letters, its concepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path

import yaml

from nlu.normalise import Normaliser, default

CONCEPTS = Path(__file__).parent / "concepts.yml"
BLOCKS = ("words", "letters", "concepts")
_LETTERS = range(2, 5)
_PREFIXES = (
    "meng",
    "meny",
    "mem",
    "men",
    "peng",
    "peny",
    "pem",
    "pen",
    "ber",
    "ter",
    "per",
    "di",
    "ke",
    "me",
    "nge",
    "ng",
    "pe",
    "n",
    "m",
)
_SUFFIXES = ("nya", "lah", "kah", "ku", "mu", "kan", "an", "in", "i", "e", "ne", "no")
_SHORTEST_STEM = 4


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A rough root: `didaftarkan` and `ndaftarne` → `daftar`. Wrong roots do no harm: the whole word counts as well."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word.removesuffix(suffix)
            break
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST_STEM:
            return word.removeprefix(prefix)
    return word


@dataclass(frozen=True, slots=True)
class Analyser:
    """Turns a text into named features of the three `BLOCKS`."""

    normaliser: Normaliser
    concepts: dict[str, str]

    @classmethod
    def read(cls, path: Path = CONCEPTS) -> Analyser:
        groups: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
        concepts = {
            form: name for name, words in groups.items() for word in words.split() for form in (word, stem(word))
        }
        return cls(default(), concepts)

    def features(self, text: str) -> tuple[list[str], list[str], list[str]]:
        """Feature names with repetitions, one list for each of `BLOCKS`; all empty when no word is left."""
        tokens = self.normaliser.tokens(text)
        request, denied = self.normaliser.denied(text, tokens)
        concepts = [self.concepts.get(token) or self.concepts.get(stem(token)) for token in request]
        words = list(_words(request))
        if not denied and request != tokens:  # a greeting may be the message or stand before it: both readings count
            words += _words(tokens)
        words += (f"!{stem(token)}" for token in denied)
        words += _mixed(request, concepts)
        return words, list(_letters(request)), list(_needs(concepts))


def _words(tokens: list[str]) -> Iterator[str]:
    yield from tokens
    roots = [stem(token) for token in tokens]
    for token, root in zip(tokens, roots, strict=True):
        if root != token:
            yield f"~{root}"
    for one, other in pairwise(roots):
        yield f"{one} {other}"
    if tokens:
        yield f"^{tokens[0]}"
        yield f"{tokens[-1]}$"


def _mixed(tokens: list[str], concepts: list[str | None]) -> Iterator[str]:
    """Pairs of neighbours, each by its concept if it has one: what was said with one word is known of its synonyms."""
    named = [f"[{concept}]" if concept else stem(token) for token, concept in zip(tokens, concepts, strict=True)]
    for one, other in pairwise(named):
        yield f"{one}|{other}"


def _letters(tokens: list[str]) -> Iterator[str]:
    for token in tokens:
        padded = f" {token} "
        for size in _LETTERS:
            for start in range(max(1, len(padded) - size + 1)):
                yield padded[start : start + size]


def _needs(concepts: list[str | None]) -> Iterator[str]:
    """The concepts, each two of them, their order with gaps for other words, and how long the message is."""
    names = sorted({name for name in concepts if name})
    yield from names
    for one, other in combinations(names, 2):
        yield f"{one}+{other}"
    if concepts:
        order = [name or "?" for name in concepts]
        for one, other in pairwise(order):
            yield f"{one}>{other}"
        yield f"^{order[0]}"
        yield f"{order[-1]}$"
        yield f"#{_length(len(order))}"


def _length(words: int) -> int:
    """Word by word as long as one word makes a difference, then in steps of six."""
    return words if words < 8 else 8 + (words - 8) // 6


@lru_cache(maxsize=1)
def analyser() -> Analyser:
    """The analyser of the project's own word lists, read once a process."""
    return Analyser.read()
