"""Telegram's HTML as its server reads it: what it shows, or why it refuses (https://core.telegram.org/bots/api#html-style)."""

from __future__ import annotations

import html
import re

_TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote"})
_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<tag>[a-z]+)(?: [^<>]*)?>|(?P<entity>&(?:lt|gt|amp|quot|#\d+|#x[0-9a-f]+);)|(?P<bad><)"
)


class HtmlError(Exception):
    """The text after "Bad Request: can't parse entities: "."""


def shown(text: str) -> tuple[str, tuple[str, ...]]:
    """The plain text that people see, and its bold pieces. Raises HtmlError."""
    plain = ""
    bold: list[str] = []
    opened: list[tuple[str, int]] = []
    at = 0
    for token in _TOKEN.finditer(text):
        plain += text[at : token.start()]
        at = token.end()
        tag = token["tag"]
        if token["entity"]:
            plain += html.unescape(token["entity"])
        elif token["bad"] or tag not in _TAGS:
            raise HtmlError(f'unsupported start tag "{tag or ""}" at byte offset {token.start()}')
        elif not token["close"]:
            opened.append((tag, len(plain)))
        elif not opened or opened[-1][0] != tag:
            raise HtmlError(f"unmatched end tag at byte offset {token.start()}")
        else:
            _, start = opened.pop()
            if tag in {"b", "strong"}:
                bold.append(plain[start:])
    if opened:
        raise HtmlError(f'can\'t find end tag corresponding to start tag "{opened[-1][0]}"')
    return plain + text[at:], tuple(bold)
