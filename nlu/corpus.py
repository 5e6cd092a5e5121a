"""The training messages: Rasa's 3.1 YAML, one file an intent, one message a line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from nlu.understanding import NluError

DATA = Path(__file__).parent / "data"
DEV = Path(__file__).parent / "dev"
"""Messages by other authors than those of the training examples: measured on, never trained on."""


@dataclass(frozen=True, slots=True)
class Example:
    text: str
    intent: str


def read(folder: Path = DATA) -> list[Example]:
    """Every example of every `*.yml` below `folder`, in file and line order, so that neighbours stay neighbours."""
    files = sorted(folder.rglob("*.yml"))
    if not files:
        raise NluError(f"No *.yml with examples in {folder}: give a folder in Rasa's NLU format.")
    return [example for file in files for example in read_file(file)]


def read_file(file: Path) -> Iterator[Example]:
    """The examples of one file, in line order."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("nlu"), list):
        raise NluError(f"{file.name} is not Rasa NLU data: it needs a list under `nlu`.")
    for block in content["nlu"]:
        for line in str(block["examples"]).splitlines():
            if text := line.strip().removeprefix("- ").strip():
                yield Example(text, str(block["intent"]))


def fingerprint(examples: Sequence[Example]) -> str:
    """Tells a model trained from other examples; 16 hexadecimal characters."""
    joined = "\n".join(f"{e.intent}\t{e.text}" for e in examples)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
