"""Typed answers: which option of the open question, or which global word, a text means.

People answer with the number, its word, the label, a part of it or a synonym; in capitals, with drawn-out letters, a
politeness behind it and a slip of the finger. Nothing here guesses between two options: then the text means none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from backend.domain.digits import fold

_TOKENS = re.compile(r"[^\W_]+")
_RUN = re.compile(r"([^\W\d_])\1+")
_LONGEST_ANSWER = 80
_TYPO_FROM = 5
_PART_FROM = 4
_MOST_PART_TOKENS = 3

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a language that answers are made of.

    `ordinals`: for each number from 1 on, the words that mean it; `leads` may stand before a number; `fillers` mean
    nothing at either end of an answer; `joins` stand between several chosen options ("1 dan 3").
    """

    ordinals: tuple[frozenset[str], ...]
    leads: frozenset[str]
    fillers: frozenset[str]
    joins: frozenset[str]


def tokens(text: str) -> Phrase:
    """The words of a text: lower case, accents and drawn-out letters folded ("Yaaa, Pak!" -> "ya", "pak")."""
    plain = unicodedata.normalize("NFD", fold(text[:400]).casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return tuple(_RUN.sub(r"\1", token) for token in _TOKENS.findall(plain))


def chosen_option(text: str, options: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary, near: bool) -> str:
    """The id of the one option that a text means, or "". Each option comes with its label first, then its synonyms.

    `near` allows a part of the label and one slip; without it only the number or the exact words count.
    """
    if not options or not text.strip() or len(text) > _LONGEST_ANSWER:
        return ""
    said = tokens(text)
    number = _number(said, vocabulary)
    if number is not None:
        return options[number - 1][0] if 1 <= number <= len(options) else ""
    phrases = {name: [tokens(words) for words in texts] for name, texts in options}
    if not near:
        return _exact(said, phrases, vocabulary)
    labels = {name: found[0] for name, found in phrases.items()}
    return _part(_trim(said, vocabulary), labels) or _slip(_trim(said, vocabulary), phrases)


def chosen_options(text: str, options: Sequence[tuple[str, Sequence[str]]], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Several options named in one answer ("1, 3", "1 dan 3", "13" is thirteen); empty when any piece is unclear."""
    if not options or len(text) > 2 * _LONGEST_ANSWER:
        return ()
    marked = re.sub(rf"\b(?:{'|'.join(sorted(map(re.escape, vocabulary.joins)))})\b", ",", fold(text).casefold())
    pieces = [piece for piece in re.split(r"[,;/&+\n]+", marked) if piece.strip(" .")]
    if len(pieces) == 1 and all(token.isdigit() for token in tokens(marked)):
        pieces = list(tokens(marked))
    found = [
        chosen_option(piece, options, vocabulary, near=False) or chosen_option(piece, options, vocabulary, near=True)
        for piece in pieces
    ]
    return tuple(dict.fromkeys(found)) if len(found) > 1 and all(found) else ()


def command_in(text: str, commands: Mapping[str, Sequence[str]], vocabulary: Vocabulary, near: bool) -> str:
    """The global word that the whole text is, or ""."""
    if not text.strip() or len(text) > _LONGEST_ANSWER:
        return ""
    said = tokens(text)
    phrases = {name: [tokens(words) for words in texts] for name, texts in commands.items()}
    return _slip(_trim(said, vocabulary), phrases) if near else _exact(said, phrases, vocabulary)


def _number(said: Phrase, vocabulary: Vocabulary) -> int | None:
    rest = [token for token in said if token not in vocabulary.leads and token not in vocabulary.fillers]
    if len(rest) != 1:
        return None
    if rest[0].isdigit():
        return int(rest[0]) if len(rest[0]) <= 2 else None
    return next((n for n, words in enumerate(vocabulary.ordinals, 1) if rest[0] in words), None)


def _trim(said: Phrase, vocabulary: Vocabulary) -> Phrase:
    """The phrase without fillers at its ends, unless it is nothing but fillers."""
    rest = list(said)
    while rest and rest[-1] in vocabulary.fillers:
        rest.pop()
    while rest and rest[0] in vocabulary.fillers:
        rest.pop(0)
    return tuple(rest) or said


def _exact(said: Phrase, phrases: Mapping[str, Iterable[Phrase]], vocabulary: Vocabulary) -> str:
    for wanted in (said, _trim(said, vocabulary)):
        for name, known in phrases.items():
            if wanted and any(wanted in (phrase, _trim(phrase, vocabulary)) for phrase in known):
                return name
    return ""


def _part(said: Phrase, labels: Mapping[str, Phrase]) -> str:
    """The only option whose label holds these words in a row."""
    if not said or len(said) > _MOST_PART_TOKENS or max(map(len, said)) < _PART_FROM:
        return ""
    holding = [name for name, label in labels.items() if _holds(label, said)]
    return holding[0] if len(holding) == 1 else ""


def _holds(label: Phrase, said: Phrase) -> bool:
    return any(label[start : start + len(said)] == said for start in range(len(label) - len(said) + 1))


def _slip(said: Phrase, phrases: Mapping[str, Iterable[Phrase]]) -> str:
    """The only name that one slip in one longer word leads to."""
    names = {name for name, known in phrases.items() if any(_one_slip(said, phrase) for phrase in known)}
    return names.pop() if len(names) == 1 else ""


def _one_slip(said: Phrase, phrase: Phrase) -> bool:
    if len(said) != len(phrase):
        return False
    wrong = [(a, b) for a, b in zip(said, phrase, strict=True) if a != b]
    return len(wrong) == 1 and len(wrong[0][1]) >= _TYPO_FROM and OSA.distance(*wrong[0], score_cutoff=1) <= 1
