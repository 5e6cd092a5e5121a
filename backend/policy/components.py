"""The PKH components and amounts of a year, from the policy files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from backend.domain.household import Component, ComponentTerms, Terms
from backend.policy.loading import FOLDER, read_files
from backend.policy.located import PolicyError
from backend.policy.schema import ComponentsFile


def load_components(folder: Path = FOLDER) -> tuple[Terms, ...]:
    """All component tables of a folder, newest version first; raises `PolicyError`."""
    files = read_files(folder).components
    problems = [
        document.problem(("components", code), f"{code} is not a PKH component")
        for document, file in files
        for code in file.components
        if code not in set(Component)
    ]
    if problems:
        raise PolicyError(problems)
    terms = [_terms(file) for _, file in files]
    return tuple(sorted(terms, key=lambda one: _order(one.version), reverse=True))


@lru_cache(1)
def shipped() -> tuple[Terms, ...]:
    """The component tables that come with the product, read once."""
    return load_components()


def terms_on(day: date, tables: Sequence[Terms]) -> Terms | None:
    """The table that holds on this day; of several the one that began last. None before the first."""
    holding = [terms for terms in tables if terms.start <= day and (terms.end is None or day <= terms.end)]
    return max(holding, key=lambda terms: (terms.start, _order(terms.version)), default=None)


def _terms(file: ComponentsFile) -> Terms:
    return Terms(
        id=file.id,
        version=file.version,
        start=file.effective.start,
        end=file.effective.until,
        most_per_family=file.most_per_family,
        components={
            Component(code): ComponentTerms(entry.amount, entry.group, entry.ages)
            for code, entry in file.components.items()
        },
    )


def _order(version: str) -> tuple[int, ...]:
    """A key to sort by: "2025-10" comes after "2025-9"."""
    return tuple(int(part) for part in version.split("-"))
