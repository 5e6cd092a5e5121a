"""The feature counts of a whole corpus as sparse matrices, weighted as `Vectoriser.row` weights one text.

Counted once, a corpus gives the matrix of any part of it in a fraction of a second: the folds of the calibration need it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, hstack

from nlu.features import BLOCKS
from nlu.model import Blocks, Vectoriser

Rows = NDArray[np.int64]
"""Numbers of texts."""


@dataclass(frozen=True, slots=True)
class Counts:
    """For each of `BLOCKS`: the names of its features, and 1 + log of how often each stands in each text."""

    names: tuple[tuple[str, ...], ...]
    blocks: tuple[csr_matrix, ...]

    @classmethod
    def of(cls, documents: Sequence[Blocks]) -> Counts:
        """`documents`: the feature lists of each text."""
        counted = [_count([document[block] for document in documents]) for block in range(len(BLOCKS))]
        return cls(tuple(names for names, _ in counted), tuple(matrix for _, matrix in counted))

    def weighted(self, seen: Rows, least: Sequence[int], weights: Sequence[float]) -> tuple[Vectoriser, csr_matrix]:
        """What is learnt from the texts `seen` alone, and the matrix (all texts × its features) that it gives.

        `least`: in how many of the texts a feature of each block must be to count; `weights`: the length of each block.
        """
        index: dict[str, int] = {}
        idf: list[NDArray[np.float32]] = []
        parts: list[csr_matrix] = []
        for block, (names, matrix) in enumerate(zip(self.names, self.blocks, strict=True)):
            texts = np.bincount(matrix[seen].indices, minlength=len(names))
            kept = np.flatnonzero(texts >= least[block])
            index.update((f"{block}{names[column]}", len(index)) for column in kept)
            idf.append((np.log((1 + len(seen)) / (1 + texts[kept])) + 1).astype(np.float32))
            part = matrix[:, kept] @ diags(idf[-1])
            length = np.sqrt(np.asarray(part.multiply(part).sum(axis=1)).ravel())
            parts.append(diags(np.float32(weights[block]) / np.where(length, length, 1)) @ part)
        return Vectoriser(index, np.concatenate(idf), tuple(weights)), hstack(parts, format="csr", dtype=np.float32)


def _count(lists: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], csr_matrix]:
    columns: dict[str, int] = {}
    indices, times, ends = array("i"), array("f"), [0]
    for features in lists:
        for name, count in Counter(features).items():
            indices.append(columns.setdefault(name, len(columns)))
            times.append(count)
        ends.append(len(indices))
    values = 1 + np.log(np.frombuffer(times, dtype=np.float32))
    matrix = csr_matrix((values, np.frombuffer(indices, dtype=np.int32), ends), shape=(len(lists), len(columns)))
    return tuple(columns), matrix
