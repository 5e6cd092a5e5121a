"""Rule expressions: checked for what they may read and call, compiled once, about a microsecond to run.

The language is that of zen-engine. Functions that look at the clock or draw lots are not among the allowed ones: the
same inputs must give the same verdict at a replay years later.
"""

# ruff: noqa: N818  an exception here says what happened; "Error" would only lengthen the name
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import zen

_ALLOWED_FUNCTIONS = frozenset(
    {"abs", "all", "contains", "count", "filter", "len", "map", "max", "min", "none", "one", "round", "some", "sum"}
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(\s*\()?")


class BadExpression(ValueError):
    """An expression that cannot be used; the message says what to change."""


def names_in(expression: str) -> frozenset[str]:
    """The data and thresholds that an expression names; raises `BadExpression` for a function that is not allowed."""
    names: set[str] = set()
    for match in _NAME.finditer(_STRING.sub("''", expression)):
        name = match[0].removesuffix("(").strip()
        if name in _KEYWORDS:
            continue
        if not match[1]:
            names.add(name)
        elif name not in _ALLOWED_FUNCTIONS:
            raise BadExpression(f"{name}() is not allowed; allowed are {', '.join(sorted(_ALLOWED_FUNCTIONS))}")
    return frozenset(names)


def compile_expression(expression: str) -> Callable[[Mapping[str, Any]], Any]:
    """The expression as a function of its context; raises `BadExpression` with the parser's words."""
    fault = zen.validate_expression(expression)
    if fault is not None:
        raise BadExpression(f"{expression!r} cannot be read: {fault['source']}")
    compiled: Any = zen.compile_expression(expression)
    run: Callable[[Mapping[str, Any]], Any] = compiled.evaluate
    return run


def try_out(hits: Callable[[Mapping[str, Any]], Any], context: Mapping[str, Any]) -> None:
    """Run once on values of the declared types; raises `BadExpression` unless it answers yes or no."""
    try:
        answer = hits(context)
    except RuntimeError as error:
        # zen-engine reports its own faults as RuntimeError, with a native stack trace behind the first line.
        raise BadExpression(f"does not fit the types of its data: {str(error).splitlines()[0]}") from error
    if not isinstance(answer, bool):
        raise BadExpression("must answer yes or no")
