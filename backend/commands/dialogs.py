"""`perlinsos dialogs`: every dialog as a Mermaid state diagram, drawn from the code.

Steps and the ways between them are data (`Step.to`). What a step waits for, calls, opens and writes stands in its two
functions; it is read from their source, with the helpers of the same module that they name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import typer

from bot.dialogs import DIALOGS, ENDINGS, INTENTS, NOTICES
from bot.effects import Option
from bot.prompts import Dialog, Step

HEAD = """# The dialogs

Drawn from `bot/dialogs` by `perlinsos dialogs`; a test holds this page to the code. After a change:
`perlinsos dialogs > docs/dialogs.md`.

Each box is a step: it asks, unless it only looks and goes on. An arrow is a way that the step declares; the engine refuses
any other. Whatever is open, another wish, *menu*, *bantuan* or *batal* may interrupt it; those ways are the engine's and the
same everywhere, so they are not drawn. A dialog that is called gives its result to the step that called it (results that
are written out stand at the arrow to the end); one that is opened takes the place of this dialog or lies on top of it.
"""


def dialogs() -> None:
    """Print docs/dialogs.md: every dialog drawn from the code."""
    typer.echo(page(), nl=False)


@dataclass(slots=True)
class Doing:
    """What a step may do, each by name, in the order of the source."""

    waits: list[str] = field(default_factory=list)
    asks_for: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    opens: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    ends: bool = False


def page() -> str:
    """The whole page, in Markdown."""
    drawn = [_drawn(dialog) for dialog in DIALOGS.values() if not _one_message(dialog)]
    told = ", ".join(f"`{dialog.name}`" for dialog in DIALOGS.values() if _one_message(dialog))
    return "\n".join([HEAD, _table(), f"One message each, and nothing to draw: {told}.\n", *drawn]).rstrip("\n") + "\n"


def _one_message(dialog: Dialog) -> bool:
    """Whether a dialog only says something and ends."""
    return [_doing(step) for step in dialog.steps.values()] == [Doing(ends=True)]


def _table() -> str:
    """Who opens which dialog."""
    does = {name: [_doing(step) for step in dialog.steps.values()] for name, dialog in DIALOGS.items()}
    rows = ["| dialog | words that open it (intents) | news | called by | opened by |", "|---|---|---|---|---|"]
    for name in DIALOGS:
        intents = [intent for intent, call in INTENTS.items() if call.dialog == name]
        news = [kind for kind, dialog in NOTICES.items() if dialog == name]
        news += [command for (command, _), dialog in ENDINGS.items() if dialog == name]
        callers = [other for other, steps in does.items() if any(name in step.calls for step in steps)]
        openers = [other for other, steps in does.items() if any(name in step.opens for step in steps)]
        cells = (", ".join(f"`{one}`" for one in cell) for cell in (intents, news, callers, openers))
        link = f"`{name}`" if _one_message(DIALOGS[name]) else f"[{name}](#{name})"
        rows.append(f"| {link} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _drawn(dialog: Dialog) -> str:
    lines = [f"## {dialog.name}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {dialog.start}"]
    for name, step in dialog.steps.items():
        doing = _doing(step)
        lines += [f"    {name} : {words}" for words in _described(name, doing)]
        lines += [f"    {name} --> {following}" for following in step.to]
        if doing.ends:
            results = ", ".join(doing.results)
            lines.append(f"    {name} --> [*]{f' : {results}' if results else ''}")
    lines += ["```", ""]
    if dialog.on:
        outcomes = ", ".join(f"`{command}`" for command in dialog.on)
        lines += [f"At any step it takes the outcome of {outcomes}.", ""]
    return "\n".join(lines)


def _described(name: str, doing: Doing) -> Iterator[str]:
    """The lines in the box of a step; without the first, Mermaid would leave the name out."""
    yield name
    for verb, names in (
        ("waits for", doing.waits),
        ("asks for", doing.asks_for),
        ("calls", doing.calls),
        ("opens", doing.opens),
        ("writes", doing.writes),
    ):
        if names:
            yield f"{verb} {', '.join(names)}"


# --- reading the code of a step --------------------------------------------------------------------------------------


def _doing(step: Step) -> Doing:
    doing = Doing()
    nodes = [node for function in (step.enter, step.take) if function for node in _nodes(function)]
    entered = {id(node): node for node in _nodes(step.enter)}
    waits = any(_named(node, "Wait") for node in entered.values())
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        first = node.args[0] if node.args else None
        name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        match node.func.id:
            case "Command":
                _add(doing.waits if waits and id(node) in entered else doing.asks_for, name)
            case "Record":
                _add(doing.writes, name)
            case "Call" if name is not None:
                _add(doing.calls if id(node) in entered and not _within_next(nodes, node) else doing.opens, name)
            case "Call" | "switch":
                for opened in [name] if name is not None else _choices(step):
                    _add(doing.opens, opened)
        doing.ends |= node.func.id in {"done", "switch"} or _true(keywords.get("finished"))
        result = keywords.get("result")
        if isinstance(result, ast.Constant) and isinstance(result.value, str):
            _add(doing.results, result.value)
    return doing


def _within_next(nodes: list[ast.AST], call: ast.Call) -> bool:
    """Whether this `Call` is opened by a `Next` rather than called by its step."""
    nexts = (node for node in nodes if isinstance(node, ast.Call) and _named(node, "Next"))
    return any(keyword.value is call for node in nexts for keyword in node.keywords)


def _choices(step: Step) -> list[str]:
    """The dialogs among the options of a step that opens what was chosen; not those that its code compares by name."""
    functions = [function for function in (step.enter, step.take) if function]
    offered: list[str] = []
    compared: set[str] = set()
    for function in functions:
        for node in _nodes(function):
            if isinstance(node, ast.Call) and _named(node, "option") and isinstance(node.args[0], ast.Constant):
                _add(offered, str(node.args[0].value))
            elif isinstance(node, ast.Name):
                shared = _globals(function).get(node.id)
                if isinstance(shared, tuple):
                    for one in shared:
                        _add(offered, one.id if isinstance(one, Option) else None)
            elif isinstance(node, ast.Compare):
                compared |= {str(side.value) for side in node.comparators if isinstance(side, ast.Constant)}
    return [name for name in offered if name in DIALOGS and name not in compared]


def _nodes(function: Callable[..., Any]) -> list[ast.AST]:
    """The syntax of a function and of every function of its module that it names, itself or through another."""
    found: list[ast.AST] = []
    seen: set[int] = set()

    def visit(code_of: Any) -> None:
        place = code_of.__code__.co_firstlineno
        if place in seen:
            return
        seen.add(place)
        for node in ast.walk(_functions(code_of.__code__.co_filename)[place]):
            found.append(node)
            named = code_of.__globals__.get(node.id) if isinstance(node, ast.Name) else None
            if isinstance(named, FunctionType) and named.__module__ == code_of.__module__:
                visit(named)

    visit(function)
    return found


@cache
def _functions(path: str) -> dict[int, ast.AST]:
    """The functions of a source file by their first line. One line holds one: a lambda is the step's on that line."""
    tree = ast.parse(Path(path).read_text())
    kinds = (ast.FunctionDef, ast.Lambda)
    return {node.lineno: node for node in ast.walk(tree) if isinstance(node, kinds)}


def _globals(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = function.__globals__
    return found


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _add(names: list[str], name: str | None) -> None:
    if name is not None and name not in names:
        names.append(name)
