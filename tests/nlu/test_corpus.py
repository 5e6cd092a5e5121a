from __future__ import annotations

import re
from bisect import bisect
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from rapidfuzz import fuzz, process

from nlu import corpus
from nlu.corpus import DATA, DEV, Example
from nlu.features import stem
from nlu.normalise import clean, default
from nlu.understanding import INTENTS, NluError

EXAMPLES = corpus.read()


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", clean(text)).strip()


def roots(text: str) -> set[str]:
    normaliser = default()
    return {stem(token) for token in normaliser.request(normaliser.tokens(text))}


def test_one_file_an_intent_named_after_it() -> None:
    assert sorted(file.stem for file in DATA.glob("*.yml")) == sorted(INTENTS)
    for file in DATA.glob("*.yml"):
        assert {e.intent for e in corpus.read_file(file)} == {file.stem}


@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_has_enough_different_examples(intent: str) -> None:
    texts = {plain(e.text) for e in EXAMPLES if e.intent == intent}
    assert len(texts) >= 150


def test_no_message_stands_under_two_intents_or_twice() -> None:
    times = Counter(plain(e.text) for e in EXAMPLES)
    assert [text for text, n in times.items() if n > 1] == []


def test_no_near_duplicates_across_files() -> None:
    """Only whole sentences: of short ones a single word decides what they mean."""
    long = sorted((e for e in EXAMPLES if len(plain(e.text)) >= 25), key=lambda e: len(plain(e.text)))
    texts = [plain(e.text) for e in long]
    lengths = [len(text) for text in texts]
    near: list[tuple[str, str]] = []
    for start in range(0, len(texts), 500):
        block = texts[start : start + 500]
        end = bisect(lengths, len(block[-1]) * 1.13)  # nothing longer can be as much alike
        scores = process.cdist(block, texts[start:end], scorer=fuzz.ratio, score_cutoff=94, workers=2)
        for i, j in zip(*scores.nonzero(), strict=True):
            one, other = long[start + i], long[start + j]
            if one.intent != other.intent:
                near.append((one.text, other.text))
    assert near == []


def test_no_development_sentence_is_in_the_training_examples() -> None:
    """Only whole sentences here too: everybody says "kapan cair", and that is no copy."""
    development = [plain(e.text) for e in corpus.read(DEV)]
    sentences = [text for text in development if len(text) >= 25]
    texts = [plain(e.text) for e in EXAMPLES]
    scores = process.cdist(sentences, texts, scorer=fuzz.ratio, score_cutoff=85, workers=1)
    assert [(sentences[i], texts[j]) for i, j in zip(*scores.nonzero(), strict=True)] == []


def test_no_development_sentence_is_told_again_in_its_own_words() -> None:
    """Two thirds of the roots of a longer sentence in common, in whatever order, spelling or dialect: a paraphrase."""
    told = [roots(e.text) for e in EXAMPLES]
    having: dict[str, list[int]] = defaultdict(list)
    for number, theirs in enumerate(told):
        for root in theirs:
            having[root].append(number)
    again: list[tuple[str, str]] = []
    for example in corpus.read(DEV):
        mine = roots(example.text)
        if len(mine) >= 8:
            rarest = sorted(mine, key=lambda root: len(having[root]))[: len(mine) // 3 + 1]  # one of them is in common
            again += [
                (example.text, EXAMPLES[number].text)
                for number in {number for root in rarest for number in having[root]}
                if len(mine & told[number]) * 3 >= len(mine | told[number]) * 2
            ]
    assert again == []


def test_development_messages_are_of_every_intent() -> None:
    for file in DEV.glob("*.yml"):
        assert {e.intent for e in corpus.read_file(file)} == set(INTENTS)


def test_nobody_real_is_in_the_examples() -> None:
    assert [e.text for e in EXAMPLES if re.search(r"\d{9,}", e.text)] == []


def test_a_different_corpus_has_a_different_fingerprint() -> None:
    assert corpus.fingerprint(EXAMPLES) == corpus.fingerprint(corpus.read())
    assert corpus.fingerprint([*EXAMPLES, Example("halo halo", "greet")]) != corpus.fingerprint(EXAMPLES)


def test_a_folder_without_examples_or_with_something_else_says_so(tmp_path: Path) -> None:
    with pytest.raises(NluError, match=r"No \*\.yml"):
        corpus.read(tmp_path)
    (tmp_path / "x.yml").write_text("- not nlu\n", encoding="utf-8")
    with pytest.raises(NluError, match="not Rasa NLU data"):
        corpus.read(tmp_path)
