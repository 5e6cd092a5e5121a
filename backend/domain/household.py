"""PKH components of a household. Amounts, ages and the most persons that count are data, passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from backend.domain.nik import age_on

School = Literal["sd", "smp", "sma"]
ComponentGroup = Literal["health", "education", "welfare", "rights"]


class Component(StrEnum):
    """Who in a family counts for PKH: a pregnancy or recent birth, a child to six years, pupils, the elderly, a person
    with a severe disability, a victim of gross human-rights violations (HAM)."""

    PREGNANCY = "pregnancy"
    BALITA = "balita"
    SD = "sd"
    SMP = "smp"
    SMA = "sma"
    LANSIA = "lansia"
    DISABILITAS = "disabilitas"
    HAM = "ham"


@dataclass(frozen=True, slots=True)
class ComponentTerms:
    """`amount` in rupiah a year for one person; `ages` in completed years, both included, or None."""

    amount: int
    group: ComponentGroup
    ages: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The components of one year (`version` "2025-1") and how many persons of one family count at most.

    They hold from `start` to `end`, both included; None: open.
    """

    id: str
    version: str
    start: date
    end: date | None
    most_per_family: int
    components: Mapping[Component, ComponentTerms]


@dataclass(frozen=True, slots=True)
class Member:
    """What is known of one member of the household."""

    birth_date: date
    school: School | None = None
    pregnant: bool = False
    severe_disability: bool = False
    rights_victim: bool = False


def components_of(members: Iterable[Member], day: date, terms: Terms) -> tuple[Component, ...]:
    """The components of a household on a day, one for each member that counts, in the order of `Component`.

    Whoever counts in several ways counts once, by what brings most.
    """
    found = [best for member in members if (best := _best(member, day, terms)) is not None]
    return tuple(sorted(found, key=list(Component).index))


def counted(components: Iterable[str], terms: Terms) -> tuple[Component, ...]:
    """Those that are paid for: at most `most_per_family`, the highest amounts first. Unknown codes are left out."""
    known = [Component(code) for code in components if code in terms.components]
    return tuple(sorted(known, key=lambda c: (-terms.components[c].amount, c.value))[: terms.most_per_family])


def yearly_amount(components: Iterable[str], terms: Terms) -> int:
    """Rupiah a year for a household by its components: what it would be entitled to, never a promise of payment."""
    return sum(terms.components[component].amount for component in counted(components, terms))


def summary(components: Iterable[str]) -> tuple[tuple[Component, int], ...]:
    """Each known component with the number of persons, in the order of `Component`, to say it in words."""
    counts = Counter(components)
    return tuple((component, counts[component]) for component in Component if counts[component])


def _best(member: Member, day: date, terms: Terms) -> Component | None:
    ways = [way for way in _ways(member, age_on(member.birth_date, day), terms) if way in terms.components]
    return max(ways, key=lambda way: terms.components[way].amount, default=None)


def _ways(member: Member, age: int, terms: Terms) -> Iterable[Component]:
    flags = (
        (member.pregnant, Component.PREGNANCY),
        (member.severe_disability, Component.DISABILITAS),
        (member.rights_victim, Component.HAM),
    )
    yield from (component for flag, component in flags if flag)
    if member.school:
        yield Component(member.school)
    for component, entry in terms.components.items():
        if entry.ages and entry.ages[0] <= age <= entry.ages[1]:
            yield component
