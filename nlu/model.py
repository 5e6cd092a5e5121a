"""A trained classifier as one file of plain arrays: nothing in it can run, so nothing in it needs to be trusted."""

from __future__ import annotations

import json
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.events import Understanding
from nlu.understanding import FALLBACK, OUT_OF_SCOPE, NluError

FORMAT = 2
TOO_LONG = 4_000
"""Characters; longer than anything WhatsApp sends, so not a request that somebody typed."""
Blocks = Sequence[Sequence[str]]
"""The features of one text by name, one list for each of `nlu.features.BLOCKS`."""
Floats = NDArray[np.float32]
Row = tuple[NDArray[np.int32], Floats]


@dataclass(frozen=True, slots=True)
class Rule:
    """When an answer is sure enough to act on; otherwise the bot asks back. All are probabilities or shares, 0 to 1.

    `refusal` stands for `confidence` where the answer is `out_of_scope`: whoever is sent away wrongly does not ask again.
    `doubt` is the most probability of `out_of_scope` beside which another answer is acted on.
    """

    confidence: float
    margin: float
    coverage: float
    refusal: float
    doubt: float

    def decide(self, text: str, ranking: Sequence[tuple[str, float]], coverage: float) -> Understanding:
        """What to act on. `ranking`: intents with their probabilities, best first; `coverage`: share of known words."""
        (intent, confidence), second = ranking[0], ranking[1][1] if len(ranking) > 1 else 0.0
        outside = next((chance for name, chance in ranking if name == OUT_OF_SCOPE), 0.0)
        least, most = (self.refusal, 1.0) if intent == OUT_OF_SCOPE else (self.confidence, self.doubt)
        unsure = confidence < least or confidence - second < self.margin or outside > most
        if unsure or len(text) > TOO_LONG or coverage < self.coverage:
            intent = FALLBACK
        return Understanding(intent, confidence, tuple(ranking))


@dataclass(frozen=True, slots=True)
class Vectoriser:
    """TF-IDF over named features: logarithmic counts, each block of length 1 and then weighted."""

    index: dict[str, int]
    idf: Floats
    weights: tuple[float, ...]

    def row(self, blocks: Blocks) -> Row:
        """Column numbers and values of one text."""
        columns: list[int] = []
        values: list[Floats] = []
        for block, names in enumerate(blocks):
            counts = Counter(self.index.get(f"{block}{name}", -1) for name in names)
            counts.pop(-1, None)
            if counts:
                found = np.fromiter(counts, dtype=np.int32, count=len(counts))
                times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
                value = (1 + np.log(times)) * self.idf[found]
                columns.extend(counts)
                values.append(value * np.float32(self.weights[block] / np.linalg.norm(value)))
        return np.asarray(columns, dtype=np.int32), np.concatenate(values) if values else np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Model:
    """`coefficients`: features × intents; `bias`: intents. Logits are divided by `temperature` to be calibrated."""

    intents: tuple[str, ...]
    vectoriser: Vectoriser
    coefficients: Floats
    bias: Floats
    temperature: float
    rule: Rule
    corpus: str

    def logits(self, row: Row) -> Floats:
        columns, values = row
        result: Floats = values @ self.coefficients[columns] + self.bias
        return result

    def save(self, path: Path) -> None:
        header = {
            "format": FORMAT,
            "intents": self.intents,
            "weights": self.vectoriser.weights,
            "temperature": self.temperature,
            "rule": asdict(self.rule),
            "corpus": self.corpus,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")  # others may be training too
        with part.open("wb") as file:
            np.savez(
                file,
                header=_bytes(json.dumps(header)),
                names=_bytes("\n".join(self.vectoriser.index)),
                idf=self.vectoriser.idf,
                coefficients=self.coefficients.astype(np.float16),
                bias=self.bias,
            )
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Raises NluError for a file that is missing, damaged or of another version."""
        again = "train it again with `perlinsos nlu train`"
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(file["header"].tobytes())
                names = file["names"].tobytes().decode().split("\n")
                idf, coefficients, bias = file["idf"], file["coefficients"].astype(np.float32), file["bias"]
        except FileNotFoundError as error:
            raise NluError(f"There is no model at {path}: {again}.") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise NluError(f"The model at {path} cannot be read: {again}.") from error
        if header["format"] != FORMAT or coefficients.shape != (len(names), len(header["intents"])):
            raise NluError(f"The model at {path} is of another version: {again}.")
        vectoriser = Vectoriser({name: i for i, name in enumerate(names)}, idf, tuple(header["weights"]))
        return cls(
            intents=tuple(header["intents"]),
            vectoriser=vectoriser,
            coefficients=coefficients,
            bias=bias,
            temperature=header["temperature"],
            rule=Rule(**header["rule"]),
            corpus=header["corpus"],
        )


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
