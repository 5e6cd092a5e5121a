"""Typed answers: which option of the open question, or which global word, a text means.

People answer with the number, its word, the label, a part of it or a synonym; in capitals, with drawn-out letters, a
politeness behind it and a slip of the finger. Nothing here guesses between two options: then the text means none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from backend.domain.digits import fold

_TOKENS = re.compile(r"[^\W_]+")
_RUN = re.compile(r"([^\W\d_])\1+")
_LONGEST_ANSWER = 80
_LONGEST_TEXT = 400
_TYPO_FROM = 5
_PART_FROM = 4
_MOST_PART_TOKENS = 3

Phrase = tuple[str, ...]
# Each id with the phrases that mean it; of an option the label comes first.
Options = Sequence[tuple[str, Sequence[Phrase]]]


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
    plain = text[:_LONGEST_TEXT]
    if not plain.isascii():
        plain = unicodedata.normalize("NFD", fold(plain))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    return tuple(_TOKENS.findall(_RUN.sub(r"\1", plain.casefold())))


def phrases_of(texts: Iterable[str], vocabulary: Vocabulary) -> tuple[Phrase, ...]:
    """What answers are compared with: each text, and each without fillers at its ends; the first text comes first."""
    said = [tokens(text) for text in texts]
    return tuple(dict.fromkeys((*said, *(_trim(phrase, vocabulary) for phrase in said if phrase))))


def chosen_option(text: str, options: Options, vocabulary: Vocabulary, near: bool) -> str:
    """The id of the one option that a text means, or "". Each option comes with its label first, then its synonyms.

    `near` allows a part of the label and one slip; without it only the number or the exact words count.
    """
    if not options or not text or len(text) > _LONGEST_ANSWER:
        return ""
    said = tokens(text)
    number = _number(said, vocabulary)
    if number is not None:
        return options[number - 1][0] if 1 <= number <= len(options) else ""
    if not near:
        return _exact(said, options, vocabulary)
    core = _trim(said, vocabulary)
    return _part(core, options) or _slip(core, options)


def chosen_options(text: str, options: Options, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Several options named in one answer ("1, 3", "1 dan 3"); empty when any piece is unclear or there is but one."""
    if not options or len(text) > 2 * _LONGEST_ANSWER:
        return ()
    pieces = _pieces(text, vocabulary)
    if len(pieces) < 2:
        return ()
    found: list[str] = []
    for piece in pieces:
        name = chosen_option(piece, options, vocabulary, near=False) or chosen_option(
            piece, options, vocabulary, near=True
        )
        if not name:
            return ()
        found.append(name)
    return tuple(dict.fromkeys(found))


def command_in(text: str, commands: Options, vocabulary: Vocabulary, near: bool) -> str:
    """The global word that the whole text is, or ""."""
    if not text or len(text) > _LONGEST_ANSWER:
        return ""
    said = tokens(text)
    return _slip(_trim(said, vocabulary), commands) if near else _exact(said, commands, vocabulary)


def _pieces(text: str, vocabulary: Vocabulary) -> list[str]:
    pieces = [""]
    for token in re.split(r"([,;/&+\n]+|\s+)", fold(text).casefold()):
        if token in vocabulary.joins or (token.strip() and not token.strip(",;/&+\n")):
            pieces.append("")
        else:
            pieces[-1] += token
    pieces = [piece for piece in pieces if piece.strip(" .")]
    if len(pieces) == 1 and all(token.isdigit() for token in tokens(pieces[0])):
        return list(tokens(pieces[0]))
    return pieces


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


def _exact(said: Phrase, known: Options, vocabulary: Vocabulary) -> str:
    core = _trim(said, vocabulary)
    for wanted in dict.fromkeys((said, core)):
        for name, phrases in known:
            if wanted and wanted in phrases:
                return name
    return ""


def _part(said: Phrase, options: Options) -> str:
    """The only option whose label holds these words in a row."""
    if not said or len(said) > _MOST_PART_TOKENS or max(map(len, said)) < _PART_FROM:
        return ""
    holding = [name for name, phrases in options if _holds(phrases[0], said)]
    return holding[0] if len(holding) == 1 else ""


def _holds(label: Phrase, said: Phrase) -> bool:
    return any(label[start : start + len(said)] == said for start in range(len(label) - len(said) + 1))


def _slip(said: Phrase, known: Options) -> str:
    """The only name that one slip in one longer word leads to."""
    if "".join(said).isdigit():
        return ""  # a NIK: compared with every word of the catalogue it would be the dearest message of all
    words = len(said)
    names = {
        name for name, phrases in known if any(len(phrase) == words and _one_slip(said, phrase) for phrase in phrases)
    }
    return names.pop() if len(names) == 1 else ""


def _one_slip(said: Phrase, phrase: Phrase) -> bool:
    wrong = [(a, b) for a, b in zip(said, phrase, strict=True) if a != b]
    return len(wrong) == 1 and len(wrong[0][1]) >= _TYPO_FROM and OSA.distance(*wrong[0], score_cutoff=1) <= 1
