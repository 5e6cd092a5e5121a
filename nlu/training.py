"""Trains the embedded engine: features, a linear classifier, and a confidence that means what it says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from nlu.corpus import DATA, Example, fingerprint, read
from nlu.counts import Counts, Rows
from nlu.features import analyser
from nlu.model import Floats, Model, Rule, Vectoriser
from nlu.normalise import default
from nlu.understanding import INTENTS

Labels = NDArray[np.int64]
"""Of each text the index of its intent in `INTENTS`."""
LEAST = (1, 2, 1)
WEIGHTS = (1.0, 1.0, 0.7)
SMALL_TALK = frozenset({"greet", "thanks", "affirm", "deny", "help", "cancel"})
"""Intents that courtesies change or are."""
NEVER = -1e3
"""The score of an intent without any example."""
RULE = Rule(confidence=0.68, margin=0.4, coverage=0.4, refusal=0.85, doubt=0.15)


@dataclass(frozen=True, slots=True)
class Report:
    """`held_out_accuracy`: of a fifth of the examples, the share that a model of the others recognises."""

    examples: int
    intents: int
    features: int
    temperature: float
    held_out_accuracy: float
    seconds: float
    corpus: str


def train(out: Path, data: Path = DATA) -> Report:
    """Learns from every example below `data`, writes the model to `out` in one step, and tells what came of it."""
    started = time.perf_counter()
    examples = read(data)
    model, accuracy = learn(examples)
    model.save(out)
    return Report(
        examples=len(examples),
        intents=len({example.intent for example in examples}),
        features=len(model.vectoriser.index),
        temperature=model.temperature,
        held_out_accuracy=accuracy,
        seconds=round(time.perf_counter() - started, 2),
        corpus=model.corpus,
    )


def learn(examples: Sequence[Example]) -> tuple[Model, float]:
    """A model of all the examples, and how a model without a fifth of them recognises that fifth: a share of 1.

    The fifth also gives the temperature. It is made of runs of neighbours, because lines that stand side by side were
    thought of side by side. Other fifths give the same temperature within 0.02.
    """
    polite = _polite_copies(examples)
    owners = np.asarray([*range(len(examples)), *(owner for owner, _ in polite)])
    texts = [*(example.text for example in examples), *(text for _, text in polite)]
    counts = Counts.of([analyser().features(text) for text in texts])
    truth = np.asarray([INTENTS.index(example.intent) for example in examples])
    labels, kept_out = truth[owners], _fifth(examples)
    held = np.flatnonzero(kept_out)
    _, matrix, coefficients, bias = _fit(counts, labels, np.flatnonzero(~kept_out[owners]))
    logits = matrix[held] @ coefficients + bias
    vectoriser, _, coefficients, bias = _fit(counts, labels, np.arange(len(labels)))
    temperature = calibrate(logits, truth[held])
    model = Model(INTENTS, vectoriser, coefficients, bias, temperature, RULE, fingerprint(examples))
    return model, float(np.mean(logits.argmax(axis=1) == truth[held]))


def _polite_copies(examples: Sequence[Example]) -> list[tuple[int, str]]:
    """(index of the example, its words with courtesies around them), for every fourth request of some length."""
    requests = [i for i, e in enumerate(examples) if e.intent not in SMALL_TALK and len(e.text) > 15]
    return [(i, default().wrapped(examples[i].text, turn)) for turn, i in enumerate(requests[::4])]


def _fit(counts: Counts, labels: Labels, seen: Rows) -> tuple[Vectoriser, csr_matrix, Floats, Floats]:
    """What the texts `seen` teach: features, the matrix of all texts in them, coefficients and bias of each intent."""
    vectoriser, matrix = counts.weighted(seen, LEAST, WEIGHTS)
    coefficients = np.zeros((matrix.shape[1], len(INTENTS)), dtype=np.float32)
    bias = np.full(len(INTENTS), NEVER, dtype=np.float32)
    intents = np.unique(labels[seen])
    coefficients[:, intents], bias[intents] = _blend(matrix[seen], labels[seen])
    return vectoriser, matrix, coefficients, bias


def _blend(matrix: csr_matrix, truth: Labels) -> tuple[Floats, Floats]:
    """Two linear classifiers in one matrix: counts know requests best, margins what is out of scope; the sum beats both.

    Each is scaled so that its scores on the training texts spread by one, and freed of what is equal for all intents.
    """
    margins = LinearSVC(C=2.0, class_weight="balanced", tol=1.0, random_state=0).fit(matrix, truth)
    counts = MultinomialNB(alpha=0.005, fit_prior=False).fit(matrix, truth)
    coefficients = np.zeros((matrix.shape[1], len(margins.classes_)), dtype=np.float32)
    for weights in (margins.coef_.T, counts.feature_log_prob_.T):
        weights = weights - weights.mean(axis=1, keepdims=True)
        coefficients += weights / np.std(matrix @ weights)
    spread = np.std(matrix @ (margins.coef_.T - margins.coef_.T.mean(axis=1, keepdims=True)))
    return coefficients, (margins.intercept_ / spread).astype(np.float32)


def _fifth(examples: Sequence[Example], runs: int = 6) -> NDArray[np.bool_]:
    """Which examples are kept out: of each intent a fifth, as `runs` runs of lines."""
    totals = Counter(example.intent for example in examples)
    seen: Counter[str] = Counter()
    kept_out: list[bool] = []
    for example in examples:
        kept_out.append(seen[example.intent] * 5 * runs // totals[example.intent] % 5 == 0)
        seen[example.intent] += 1
    return np.asarray(kept_out)


def calibrate(logits: Floats, truth: Labels) -> float:
    """The temperature under which the probabilities of held-out examples are as right as they claim to be."""

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        chosen = scaled[np.arange(len(truth)), truth]
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - chosen))

    return float(minimize_scalar(surprise, bounds=(0.05, 5.0), method="bounded").x)
