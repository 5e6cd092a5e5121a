"""The first page: how far people have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from backend.console.frame import choose, frame, heading, row, table
from backend.console.queries import address, region
from backend.console.sessions import Desk, Officer
from backend.repositories import regions
from backend.repositories.overview import Count, Overview, overview

COLOURS = {"eligible": "#2c8a57", "not_eligible": "#b9443d", "waiting": "#d99a2b"}


async def build(desk: Desk, officer: Officer, query: Mapping[str, str]) -> None:
    words = desk.words
    async with desk.database.read() as connection:
        names = await regions.names(connection)
        found = await overview(connection, officer.regions(region(query)), None, None)
    with frame(desk, officer, "overview"):
        heading(words("page_overview"))
        with ui.element("div").classes("c-filters"):
            choose(desk, "/console", query, "region", regencies(names, officer))
        _funnel(desk, found)
        with ui.element("div").classes("c-two"):
            _chart(words("outcomes"), _outcomes(desk, found.outcomes))
            _chart(words("by_day"), _days(found.by_day))
        if found.by_region:
            heading(words("by_region"), 2)
            with table("2fr 1fr", (words("region"), words("stage_registered"))):
                for one in found.by_region:
                    with row(address("/console/registrations", {}, region=one.key)):
                        ui.label(names.get(one.key, one.key))
                        ui.label(f"{one.count}")


def regencies(names: Mapping[str, str], officer: Officer) -> dict[str, str]:
    """The regencies that an officer sees, for a filter. Province lists hold too many without any registration."""
    seen = {code: name for code, name in names.items() if code.count(".") == 1 and officer.sees(code)}
    return dict(sorted(seen.items(), key=lambda pair: pair[1]))


def _funnel(desk: Desk, found: Overview) -> None:
    words = desk.words
    whole = max(1, found.registered)
    stages = {
        "registered": found.registered,
        "decided": found.decided,
        "told": found.told,
        "appealed": found.appealed,
    }
    with ui.element("div").classes("c-funnel"):
        for name, count in stages.items():
            with ui.element("div").classes("c-stage"):
                ui.html(f"<b>{count:,}</b>".replace(",", "."), sanitize=False)
                ui.label(words(f"stage_{name}"))
                share = min(100, round(100 * count / whole))
                ui.html(f'<div class="c-bar"><i style="width:{share}%"></i></div>', sanitize=False)


def _chart(title: str, options: dict[str, Any]) -> None:
    with ui.element("section").classes("c-card"):
        ui.label(title).classes("c-soft")
        ui.echart({"animation": False, **options}, renderer="svg").classes("c-chart")


def _outcomes(desk: Desk, counts: Sequence[Count]) -> dict[str, Any]:
    words = desk.words
    data = [
        {"value": one.count, "name": words(f"outcome_{one.key}"), "itemStyle": {"color": COLOURS[one.key]}}
        for one in counts
    ]
    return {
        "tooltip": {"trigger": "item"},
        "legend": {"bottom": 0},
        "series": [
            {
                "type": "pie",
                "radius": ["45%", "70%"],
                "center": ["50%", "43%"],
                "data": data,
                "label": {"formatter": "{c}"},
            }
        ],
    }


def _days(counts: Sequence[Count]) -> dict[str, Any]:
    last = list(counts)[-60:]
    return {
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 36, "right": 12, "top": 16, "bottom": 28},
        "xAxis": {"type": "category", "data": [one.key for one in last]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {"type": "bar", "data": [one.count for one in last], "itemStyle": {"color": "#0b5c4b"}, "barMaxWidth": 40}
        ],
    }
