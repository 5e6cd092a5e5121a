"""A simulation as a picture: outcomes and rules, today beside the new version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from backend.services.policy_simulation import Simulation

TODAY, THEN = "#9aa5b1", "#0b6e99"
OUTCOMES = ("eligible", "not_eligible", "waiting")


def draw(found: Simulation, name: str, path: Path) -> None:
    """Write a PNG, 1200 pixels wide, as high as there are rules to show."""
    rules = sorted(found.hits_before.keys() | found.hits_after.keys(), key=lambda code: (found.hits_after[code], code))
    figure = Figure(figsize=(12, 3.6 + 0.34 * len(rules)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{name}: what it would have made of {found.concerned:,} applicants")
    above, below = figure.subplots(2, 1, height_ratios=[3, max(1.0, 0.34 * len(rules))])
    _bars(above, list(reversed(OUTCOMES)), found.before, found.after)
    above.set_title("Outcomes", loc="left")
    above.legend(["rules of today", "new version"], loc="lower right", frameon=False, reverse=True)
    _bars(below, rules, found.hits_before, found.hits_after)
    below.set_title("Rules that hit", loc="left")
    below.set_xlabel("applicants")
    figure.savefig(path, format="png")


def _bars(axes: Any, names: Sequence[str], before: Counter[str], after: Counter[str]) -> None:
    places = range(len(names))
    for shift, counts, colour in ((0.2, before, TODAY), (-0.2, after, THEN)):
        drawn = axes.barh([place + shift for place in places], [counts[name] for name in names], 0.38, color=colour)
        axes.bar_label(drawn, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.set_yticks(list(places), [name.replace("_", " ") for name in names])
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.12)
