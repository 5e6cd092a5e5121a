"""The words of the pages and of every further language. Those of the conversation are held to it in tests/bot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bot.texts import LOCALES, Catalogue
from tests.repo import source

_PAGES = ("console.", "simulator.")
_CALLED = {"words", "_words"}


def _nodes() -> Iterator[ast.AST]:
    for _, module in source.modules("backend/console"):
        yield from ast.walk(module)


def _spoken() -> Iterator[ast.expr]:
    """The first arguments of `words(…)` and `self.words(…)`."""
    for node in _nodes():
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if name in _CALLED:
                yield node.args[0]


def _families() -> Iterator[re.Pattern[str]]:
    """What a page puts together: `words(f"ikd_{state}")` or `words("ikd_" + state)`."""
    for spoken in _spoken():
        if isinstance(spoken, ast.JoinedStr) and (pattern := source.pattern(spoken)):
            yield pattern
        if isinstance(spoken, ast.BinOp) and (start := source.constant(spoken.left)):
            yield re.compile(re.escape(start) + ".+")


def _texts_of_pages() -> set[str]:
    """The bare names, as the pages say them."""
    return {key.partition(".")[2] for key in Catalogue().keys() if key.startswith(_PAGES)}  # noqa: SIM118  not a mapping


def test_every_word_that_a_page_says_has_a_text() -> None:
    said = {words for spoken in _spoken() if (words := source.constant(spoken)) is not None}
    assert len(said) > 10
    assert not said - _texts_of_pages()
    dead = [family.pattern for family in _families() if not any(map(family.fullmatch, _texts_of_pages()))]
    assert not dead


def test_no_text_of_a_page_is_stale() -> None:
    strings = {words for node in _nodes() if (words := source.constant(node)) is not None}
    families = tuple(_families())
    stale = {name for name in _texts_of_pages() - strings if not any(family.fullmatch(name) for family in families)}
    assert not stale


def test_every_language_has_the_same_texts() -> None:
    catalogue = Catalogue()
    for language in (folder.name for folder in LOCALES.iterdir() if (folder / "LC_MESSAGES").is_dir()):
        assert catalogue.keys(language) == catalogue.keys("id"), language


def test_no_text_is_marked_as_doubtful() -> None:
    assert not [path for path in LOCALES.rglob("*.po") if "#, fuzzy" in path.read_text()]
