"""`perlinsos nlu`: train, ask and measure the understanding of free text."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from backend.commands.common import err, fail, out

if TYPE_CHECKING:
    from nlu.embedded import EmbeddedEngine
    from nlu.understanding import Understands

nlu_app = typer.Typer(no_args_is_help=True, help="Understanding of free text.")
Model = Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained file")]
DEFAULT_MODEL = Path("var/nlu/model.bin")
RasaUrl = Annotated[str, typer.Option(envvar="PERLINSOS_RASA_URL", help="the Rasa server, for --engine rasa")]
DEFAULT_RASA = "http://127.0.0.1:5005"
PATIENCE_S = 5.0
"""Nobody waits for an answer here, so Rasa may take longer than in a conversation."""


class Engine(StrEnum):
    """Which classifier answers."""

    EMBEDDED = "embedded"
    RASA = "rasa"


@nlu_app.command("train")
def nlu_train(model: Model = DEFAULT_MODEL) -> None:
    """Train the embedded engine from nlu/data."""
    _train(model)


def _train(model: Path) -> None:
    from nlu.embedded import train  # scikit-learn loads only for the commands that need it

    model.parent.mkdir(parents=True, exist_ok=True)
    report = train(model)
    err.print(f"{report.examples} examples, {report.intents} intents, {report.seconds:.1f} s")


def _embedded(model: Path) -> EmbeddedEngine:
    from nlu.embedded import EmbeddedEngine

    if not model.exists():
        _train(model)
    return EmbeddedEngine.load(model)


@asynccontextmanager
async def _chosen(engine: Engine, embedded: EmbeddedEngine, rasa_url: str) -> AsyncIterator[Understands]:
    """The engine as the service builds it; says so where the embedded one had to stand in for Rasa."""
    if engine is Engine.EMBEDDED:
        yield embedded
        return
    from backend.gateways.http import HttpClient, HttpError
    from nlu.rasa import RasaEngine

    async with HttpClient() as http:
        rasa = RasaEngine(rasa_url, http.request, HttpError, embedded, embedded.model.rule, timeout=PATIENCE_S)
        yield rasa
    if rasa.fallbacks:
        err.print(f"{rasa_url} did not answer {rasa.fallbacks} texts: the embedded engine read them", markup=False)


@nlu_app.command("parse")
def nlu_parse(engine: Engine = Engine.EMBEDDED, model: Model = DEFAULT_MODEL, rasa_url: RasaUrl = DEFAULT_RASA) -> None:
    """Read one utterance a line on stdin, print one JSON object a line as Rasa's /model/parse answers."""
    from nlu.parse import rasa_json

    embedded = _embedded(model)

    async def run() -> None:
        async with _chosen(engine, embedded, rasa_url) as known:
            for line in sys.stdin:
                text = line.rstrip("\r\n")
                [understood] = await known.understand([text])
                typer.echo(orjson.dumps(rasa_json(text, understood)))

    asyncio.run(run())


@nlu_app.command("evaluate")
def nlu_evaluate(
    examples: Annotated[
        Path | None, typer.Argument(help="messages with their intents in Rasa's format, a file or folder; else nlu/dev")
    ] = None,
    engine: Engine = Engine.EMBEDDED,
    model: Model = DEFAULT_MODEL,
    rasa_url: RasaUrl = DEFAULT_RASA,
    drawing: Annotated[
        Path | None, typer.Option(help="folder for the confusion matrix as a picture; else nlu/report")
    ] = None,
) -> None:
    """How well the messages are understood."""
    from nlu import corpus, parse
    from nlu.parse import Evaluation, evaluate, summary
    from nlu.understanding import NluError

    try:
        chosen = examples or corpus.DEV
        wanted = corpus.read(chosen) if chosen.is_dir() else list(corpus.read_file(chosen))
    except (NluError, OSError) as error:
        fail(str(error), 2)

    embedded = _embedded(model)

    async def run() -> Evaluation:
        async with _chosen(engine, embedded, rasa_url) as known:
            return await evaluate(known, wanted)

    result = asyncio.run(run())
    out.print(summary(result), markup=False, highlight=False)
    try:
        out.print(f"drawn to {parse.draw(result, drawing or parse.REPORT)}", markup=False, soft_wrap=True)
    except OSError as error:
        err.print(f"not drawn: {error}", markup=False)
