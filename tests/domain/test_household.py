from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.household import Component, Member, components_of, counted, summary, yearly_amount
from backend.policy.components import load_components, terms_on

TERMS = load_components()[0]
DAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("member", "component"),
    [
        (Member(date(2026, 1, 1)), Component.BALITA),
        (Member(date(2019, 11, 23)), Component.BALITA),
        (Member(date(2019, 11, 22)), None),
        (Member(date(2016, 1, 1), school="sd"), Component.SD),
        (Member(date(2012, 1, 1), school="smp"), Component.SMP),
        (Member(date(2009, 1, 1), school="sma"), Component.SMA),
        (Member(date(1995, 1, 1), pregnant=True), Component.PREGNANCY),
        (Member(date(1966, 11, 22)), Component.LANSIA),
        (Member(date(1966, 11, 23)), None),
        (Member(date(1990, 1, 1), severe_disability=True), Component.DISABILITAS),
        (Member(date(1990, 1, 1), rights_victim=True), Component.HAM),
        (Member(date(2016, 1, 1), school="sd", severe_disability=True), Component.DISABILITAS),
        (Member(date(1990, 1, 1)), None),
    ],
)
def test_how_a_member_counts(member: Member, component: Component | None) -> None:
    assert components_of([member], DAY, TERMS) == ((component,) if component else ())


def test_amounts_of_the_year() -> None:
    assert (TERMS.version, TERMS.most_per_family) == ("2025-1", 4)
    assert {c.value: t.amount for c, t in TERMS.components.items()} == {
        "pregnancy": 3_000_000,
        "balita": 3_000_000,
        "sd": 900_000,
        "smp": 1_500_000,
        "sma": 2_000_000,
        "lansia": 2_400_000,
        "disabilitas": 2_400_000,
        "ham": 10_800_000,
    }


def test_at_most_four_persons_count_and_the_highest_do() -> None:
    family = ["sd", "sd", "smp", "sma", "lansia", "balita"]
    assert counted(family, TERMS) == (Component.BALITA, Component.LANSIA, Component.SMA, Component.SMP)
    assert yearly_amount(family, TERMS) == 3_000_000 + 2_400_000 + 2_000_000 + 1_500_000


def test_unknown_codes_are_left_out_of_the_sum() -> None:
    assert yearly_amount(["sd", "something_new"], TERMS) == 900_000


def test_summary_counts_in_the_order_of_components() -> None:
    assert summary(["sd", "balita", "sd"]) == ((Component.BALITA, 1), (Component.SD, 2))


@given(st.lists(st.sampled_from(sorted(Component)), max_size=12))
def test_one_more_member_never_lowers_the_amount(family: list[Component]) -> None:
    assert all(yearly_amount([*family, more], TERMS) >= yearly_amount(family, TERMS) for more in Component)


@given(st.lists(st.sampled_from(sorted(Component)), max_size=20))
def test_never_more_than_four_count_and_none_that_brings_more_is_left_out(family: list[Component]) -> None:
    chosen = counted(family, TERMS)
    assert len(chosen) == min(len(family), 4)
    left = list(family)
    for component in chosen:
        left.remove(component)
    lowest = min((TERMS.components[one].amount for one in chosen), default=0)
    assert all(TERMS.components[one].amount <= lowest for one in left)


def test_a_table_holds_until_a_later_one_begins() -> None:
    later = replace(TERMS, version="2026-1", start=date(2026, 7, 1))
    ended = replace(TERMS, version="2024-1", start=date(2024, 1, 1), end=date(2024, 6, 30))
    tables = (TERMS, later, ended)
    assert terms_on(date(2026, 6, 30), tables) is TERMS
    assert terms_on(date(2026, 7, 1), tables) is later
    assert terms_on(date(2024, 6, 30), tables) is ended
    assert terms_on(date(2024, 12, 31), tables) is None
