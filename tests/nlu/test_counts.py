from __future__ import annotations

import numpy as np

from nlu.counts import Counts
from nlu.features import analyser

TEXTS = ("kapan pkh saya cair", "kapan kapan saya daftar pak", "mau sanggah hasil", "cair cair cair", "😀")


def test_the_matrix_of_a_corpus_says_what_the_row_of_each_text_says() -> None:
    documents = [analyser().features(text) for text in TEXTS]
    vectoriser, matrix = Counts.of(documents).weighted(np.arange(3), (1, 2, 1), (1.0, 1.0, 0.5))
    for document, line in zip(documents, matrix.toarray(), strict=True):
        columns, values = vectoriser.row(document)
        expected = np.zeros(matrix.shape[1], dtype=np.float32)
        expected[columns] = values
        np.testing.assert_allclose(line, expected, atol=1e-5)


def test_a_text_that_was_not_seen_brings_no_feature_of_its_own() -> None:
    documents = [analyser().features(text) for text in TEXTS]
    vectoriser, matrix = Counts.of(documents).weighted(np.asarray([0, 1]), (1, 1, 1), (1.0, 1.0, 1.0))
    assert "0kapan" in vectoriser.index
    assert "0sanggah" not in vectoriser.index
    assert matrix.shape == (len(TEXTS), len(vectoriser.index))
