"""What stands behind `perlinsos nlu parse` and `perlinsos nlu evaluate`: Rasa's answer format, and honest numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu.corpus import Example
from nlu.understanding import FALLBACK, INTENTS, OUT_OF_SCOPE, Understanding, Understands

REPORT = Path(__file__).parent / "report"
_NO_REQUEST = frozenset({OUT_OF_SCOPE, "greet", "thanks", FALLBACK})
_BATCH = 256


def rasa_json(text: str, understanding: Understanding) -> dict[str, Any]:
    """The object that Rasa's `/model/parse` answers; `intent.name` is `nlu_fallback` where the bot asks back."""
    return {
        "text": text,
        "intent": {"name": understanding.intent, "confidence": understanding.confidence},
        "entities": [],
        "intent_ranking": [{"name": name, "confidence": score} for name, score in understanding.ranking],
    }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Shares are of 1. "Top" is the engine's first guess, asked back or not; "acted on" is what it was sure of.

    `accuracy`, `macro_f1`, `coverage`, `asked_back` and `confident_errors` are over the messages in scope, with
    `confident_errors` a share of all of these (not only of those acted on). `out_of_scope_accepted` is the share of
    the other messages that would have started a request. `confusions` holds (truth, guess, times), most frequent first.
    """

    engine: str
    messages: int
    accuracy: float
    macro_f1: float
    coverage: float
    asked_back: float
    confident_errors: float
    out_of_scope_accepted: float
    confusions: tuple[tuple[str, str, int], ...]
    f1: Mapping[str, float]
    matrix: Mapping[tuple[str, str], int]


async def evaluate(engine: Understands, examples: Sequence[Example]) -> Evaluation:
    """Runs every example through the engine, in batches, and counts."""
    answers: list[Understanding] = []
    for start in range(0, len(examples), _BATCH):
        answers += await engine.understand([example.text for example in examples[start : start + _BATCH]])
    return count(engine.name, [example.intent for example in examples], answers)


def count(engine: str, truth: Sequence[str], answers: Sequence[Understanding]) -> Evaluation:
    """The evaluation of answers against the intents that people meant."""
    guesses = [answer.ranking[0][0] if answer.ranking else answer.intent for answer in answers]
    matrix = Counter(zip(truth, guesses, strict=True))
    inside = [(t, g, a.intent) for t, g, a in zip(truth, guesses, answers, strict=True) if t != OUT_OF_SCOPE]
    outside = [a.intent for t, a in zip(truth, answers, strict=True) if t == OUT_OF_SCOPE]
    f1 = {intent: _f1(matrix, intent) for intent in INTENTS if intent in truth}
    asked = _share(sum(acted == FALLBACK for _, _, acted in inside), len(inside))
    return Evaluation(
        engine=engine,
        messages=len(truth),
        accuracy=_share(sum(t == g for t, g, _ in inside), len(inside)),
        macro_f1=_share(sum(f1.values()), len(f1)),
        coverage=1 - asked if inside else 0.0,
        asked_back=asked,
        confident_errors=_share(sum(acted not in (FALLBACK, t) for t, _, acted in inside), len(inside)),
        out_of_scope_accepted=_share(sum(intent not in _NO_REQUEST for intent in outside), len(outside)),
        confusions=tuple((t, g, n) for (t, g), n in matrix.most_common() if t != g),
        f1=f1,
        matrix=matrix,
    )


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def _f1(matrix: Mapping[tuple[str, str], int], intent: str) -> float:
    hits = matrix.get((intent, intent), 0)
    meant = sum(n for (t, _), n in matrix.items() if t == intent)
    guessed = sum(n for (_, g), n in matrix.items() if g == intent)
    return 2 * hits / (meant + guessed) if meant + guessed else 0.0


def summary(result: Evaluation) -> str:
    """A few lines for a terminal."""
    lines = [
        f"engine            {result.engine}",
        f"messages          {result.messages}",
        f"accuracy          {result.accuracy:.1%} (in scope, first guess)",
        f"macro F1          {result.macro_f1:.3f}",
        f"coverage          {result.coverage:.1%} (asked back {result.asked_back:.1%})",
        f"confident errors  {result.confident_errors:.1%}",
        f"out of scope      {result.out_of_scope_accepted:.1%} accepted as a request",
        "confusions        meant → understood as",
    ]
    lines += [f"  {times:4d}  {meant} → {guess}" for meant, guess, times in result.confusions[:15]]
    return "\n".join(lines)


def draw(result: Evaluation, folder: Path = REPORT) -> Path:
    """The confusion matrix as `<folder>/confusion-<engine>.png`; rows are what people meant, each row sums to 1."""
    from matplotlib.figure import Figure  # takes half a second to import: only drawing pays for it

    columns = [*INTENTS, FALLBACK]
    rows = [intent for intent in INTENTS if intent in result.f1]
    counts = [[result.matrix.get((row, column), 0) for column in columns] for row in rows]
    figure = Figure(figsize=(12, 10), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow([[n / max(1, sum(line)) for n in line] for line in counts], cmap="Blues", vmin=0, vmax=1)
    for y, line in enumerate(counts):
        for x, n in enumerate(line):
            if n:
                axes.text(x, y, str(n), ha="center", va="center", fontsize=7, color="white" if x == y else "black")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xlabel("understood as")
    axes.set_ylabel("meant")
    axes.set_title(f"{result.engine}: {result.accuracy:.1%} of {result.messages} messages")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"confusion-{result.engine}.png"
    figure.savefig(path, dpi=110)
    return path
