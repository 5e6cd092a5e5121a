"""Digits out of what people type: the common ground of NIK, KK, phone and account numbers.

People copy numbers out of photos, other chats and Arabic-script keyboards, so a number arrives with invisible marks,
full-width or Arabic-Indic digits, dots, dashes, and words before and behind it. Nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# Longer texts are cut: no number that we look for starts behind this point of a message.
_LONGEST = 2_000
# Marks that change nothing for the reader: direction marks, zero-width joiners, variation selectors, keycap frames.
_INVISIBLE = {"Cf", "Mn", "Me"}
_SEPARATORS = re.compile(r"[\s.\-\u2010-\u2015\u2212_/:'’()=]+")
_LIST_BREAK = re.compile(r"[\n\r,;|]+")
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")


NumberProblem = Literal["empty", "letters", "too_short", "too_long", "all_same"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a text holds: `digits` joined without separators, whether a letter stood inside the number, and in `whole`
    every line or list item that is a number of the wanted length by itself (a NIK and a KK often come together)."""

    digits: str
    letters: bool
    whole: tuple[str, ...]


def fold(text: str) -> str:
    """The text with plain ASCII digits, without invisible marks, in composed compatibility form."""
    if text.isascii():
        return text[:_LONGEST]
    kept: list[str] = []
    for char in unicodedata.normalize("NFKC", text[:_LONGEST]):
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            kept.append(str(int(digit)))
        elif unicodedata.category(char) not in _INVISIBLE:
            kept.append(char)
    return "".join(kept)


def find_number(text: str, labels: tuple[str, ...], wanted: int) -> Found:
    """The number of a text.

    `labels` are words that may stick to the number ("NIK3510…", in lower case); other words of letters only are left
    out wherever they stand. When exactly one line or list item has the `wanted` count of digits, that one is meant;
    otherwise everything is joined, since people also break one number over several lines.
    """
    bare = text.strip()
    if (
        bare.isascii() and bare.isdigit() and len(bare) <= _LONGEST
    ):  # nothing but the number, as nearly everybody sends it
        return Found(bare, False, (bare,) if len(bare) == wanted else ())
    folded = fold(text)
    glued = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(labels)})(?=\d)", re.IGNORECASE)
    items = [_strip(item) for item in _items(glued.sub(" ", folded))]
    whole = tuple(dict.fromkeys(item for item in items if item.isascii() and item.isdigit() and len(item) == wanted))
    rest = whole[0] if len(whole) == 1 else "".join(items)
    return Found("".join(c for c in rest if "0" <= c <= "9"), any(c.isalpha() for c in rest), whole)


def two_numbers(text: str, labels: tuple[str, ...], wanted: int) -> tuple[str, str] | None:
    """The two numbers of `wanted` digits that a message holds, in their order, also with nothing but a space in between."""
    found = find_number(text, labels, wanted)
    if len(found.whole) == 2:
        return found.whole[0], found.whole[1]
    if not found.letters and len(found.digits) == 2 * wanted:
        return found.digits[:wanted], found.digits[wanted:]
    return None


def shape_problem(found: Found, text: str, length: int) -> NumberProblem | None:
    """Why what was found cannot be a number of exactly `length` digits, whatever they mean."""
    if found.letters:
        return "letters"
    count = len(found.digits)
    if count == 0:
        return "letters" if has_words(text) else "empty"
    if count != length:
        return "too_short" if count < length else "too_long"
    return "all_same" if len(set(found.digits)) == 1 else None


def has_words(text: str) -> bool:
    """Whether the text says anything in letters: tells "lupa" from a message that holds only marks or emoji."""
    return any(char.isalpha() for char in fold(text))


def _items(text: str) -> Iterator[str]:
    for line in _LIST_BREAK.split(text):
        yield from _WORD.sub("|", line).split("|")


def _strip(item: str) -> str:
    return "".join(c for c in _SEPARATORS.sub("", item) if c.isalnum())
