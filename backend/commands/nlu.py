"""`perlinsos nlu`: train, ask and measure the understanding of free text."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from backend.commands.common import err, fail, out

nlu_app = typer.Typer(no_args_is_help=True, help="Understanding of free text.")
Model = Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained file")]
DEFAULT_MODEL = Path("var/nlu/model.bin")


class Engine(StrEnum):
    """Which classifier answers."""

    EMBEDDED = "embedded"


@nlu_app.command("train")
def nlu_train(model: Model = DEFAULT_MODEL) -> None:
    """Train the embedded engine from nlu/data."""
    _train(model)


def _train(model: Path) -> None:
    from nlu.embedded import train  # scikit-learn loads only for the commands that need it

    model.parent.mkdir(parents=True, exist_ok=True)
    report = train(model)
    err.print(f"{report.examples} examples, {report.intents} intents, {report.seconds:.1f} s")


@nlu_app.command("parse")
def nlu_parse(engine: Engine = Engine.EMBEDDED, model: Model = DEFAULT_MODEL) -> None:
    """Read one utterance a line on stdin, print one JSON object a line as Rasa's /model/parse answers."""
    from nlu.embedded import EmbeddedEngine
    from nlu.parse import rasa_json

    if not model.exists():
        _train(model)
    known = EmbeddedEngine.load(model)
    for line in sys.stdin:
        text = line.rstrip("\r\n")
        typer.echo(orjson.dumps(rasa_json(text, known.classify(text))))


@nlu_app.command("evaluate")
def nlu_evaluate(
    examples: Annotated[Path, typer.Argument(help="messages with their intents in Rasa's format: a file or a folder")],
    engine: Engine = Engine.EMBEDDED,
    model: Model = DEFAULT_MODEL,
    drawing: Annotated[Path | None, typer.Option(help="folder for the confusion matrix as a picture")] = None,
) -> None:
    """How well the messages are understood."""
    from nlu import corpus
    from nlu.embedded import EmbeddedEngine
    from nlu.parse import draw, evaluate, summary
    from nlu.understanding import NluError

    if not model.exists():
        _train(model)
    try:
        wanted = corpus.read(examples) if examples.is_dir() else list(corpus.read_file(examples))
    except (NluError, OSError) as error:
        fail(str(error), 2)
    result = asyncio.run(evaluate(EmbeddedEngine.load(model), wanted))
    out.print(summary(result), markup=False, highlight=False)
    if drawing is not None:
        out.print(f"drawn to {draw(result, drawing)}", markup=False)
