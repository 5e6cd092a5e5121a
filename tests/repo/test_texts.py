"""Every key that the code speaks has a text, and every text is spoken."""

from __future__ import annotations

import ast
import re
from functools import cache

from bot.texts import LOCALES, Catalogue
from tests.repo import source

_KEY = re.compile(r"[a-z][a-z_]*\.[a-z0-9_.]+")
# Where keys are spoken: dialogs and engine, and whatever shows texts of the catalogue (channels, simulator, services).
_SPEAKERS = ("bot", "backend")
# Pages say the bare name, of the file that belongs to them; so do the ids of options and global words.
_PAGES = {"console", "simulator"}
_BARE = {"options", "words", *_PAGES}


@cache
def _spoken() -> tuple[frozenset[str], tuple[re.Pattern[str], ...], frozenset[str]]:
    """Keys written out, keys put together by an f-string, and all other strings of the code."""
    stems = {path.stem for path in (LOCALES / "id" / "LC_MESSAGES").glob("*.po")}
    keys: set[str] = set()
    patterns: list[re.Pattern[str]] = []
    strings: set[str] = set()
    for _, module in source.modules(*_SPEAKERS):
        for node in ast.walk(module):
            words = source.constant(node)
            if words is not None:
                strings.add(words)
                if _KEY.fullmatch(words) and words.partition(".")[0] in stems:
                    keys.add(words)
            if isinstance(node, ast.JoinedStr):
                start = source.constant(node.values[0])
                found = source.pattern(node)
                if start is not None and found is not None and "." in start and start.partition(".")[0] in stems:
                    patterns.append(found)
    return frozenset(keys), tuple(patterns), frozenset(strings)


def _said_keys() -> set[str]:
    """First arguments of `Say(…)`, and the texts of options."""
    keys: set[str] = set()
    for _, module in source.modules(*_SPEAKERS):
        keys |= {key for call in source.calls(module, "Say") if call.args and (key := source.constant(call.args[0]))}
        for call in source.calls(module, "option"):
            name = source.constant(call.args[0]) if call.args else None
            if len(call.args) > 1:
                keys |= {key} if (key := source.constant(call.args[1])) else set()
            elif name is not None:
                keys.add(f"options.{name}")
    return keys


def test_every_key_that_is_said_has_a_text() -> None:
    missing = _said_keys() - Catalogue().keys()
    assert not missing, f"said without a text in locales/id: {sorted(missing)}"


def test_every_key_that_is_put_together_has_at_least_one_text() -> None:
    known = Catalogue().keys()
    _, patterns, _ = _spoken()
    dead = [found.pattern for found in patterns if not any(found.fullmatch(key) for key in known)]
    assert not dead, f"no text matches {dead}"


def test_no_text_is_stale() -> None:
    known = Catalogue().keys()
    stale = {key for key in known if not _is_spoken(key)}
    assert not stale, f"texts that nothing says: {sorted(stale)}"


def test_every_language_has_the_same_texts() -> None:
    catalogue = Catalogue()
    for language in (folder.name for folder in LOCALES.iterdir() if (folder / "LC_MESSAGES").is_dir()):
        assert catalogue.keys(language) == catalogue.keys("id"), language


def test_no_text_is_empty_or_fuzzy() -> None:
    for path in LOCALES.rglob("*.po"):
        assert "#, fuzzy" not in path.read_text(), path
    catalogue = Catalogue()
    known = catalogue.keys()
    assert not [key for key in known if not catalogue.raw(key).strip()]


def _is_spoken(key: str) -> bool:
    keys, patterns, strings = _spoken()
    if key in keys or any(found.fullmatch(key) for found in patterns):
        return True
    stem, _, name = key.partition(".")
    if stem in _BARE and name.removesuffix("_short") in strings:
        return True
    if stem in _PAGES and any(found.fullmatch(name) for found in _page_patterns()):
        return True
    return key.endswith("_short") and _is_spoken(key.removesuffix("_short"))


@cache
def _page_patterns() -> tuple[re.Pattern[str], ...]:
    """What the pages put together: `words(f"ikd_{state}")` or `words("ikd_" + state)`."""
    found: list[re.Pattern[str]] = []
    for _, module in source.modules("backend/console"):
        for node in ast.walk(module):
            spoken = node.args[0] if isinstance(node, ast.Call) and len(node.args) == 1 else None
            if isinstance(spoken, ast.JoinedStr) and (pattern := source.pattern(spoken)):
                found.append(pattern)
            if isinstance(spoken, ast.BinOp) and (start := source.constant(spoken.left)):
                found.append(re.compile(re.escape(start) + ".+"))
    return tuple(found)
