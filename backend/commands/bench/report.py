"""Figures as markdown, and a chart beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    x: str
    y: str
    series: Sequence[Series]


@dataclass(frozen=True, slots=True)
class Report:
    """`name` is the file's, without an ending. `text` is what is printed and written."""

    name: str
    title: str
    paragraphs: Sequence[str]
    charts: Sequence[Chart] = field(default_factory=tuple)

    @property
    def text(self) -> str:
        return "\n\n".join([self.title, *self.paragraphs]) + "\n"

    def write(self, folder: Path) -> None:
        """The page, and its charts side by side in one SVG."""
        folder.mkdir(parents=True, exist_ok=True)
        picture = f"\n![{self.name}]({self.name}.svg)\n" if self.charts else ""
        (folder / f"{self.name}.md").write_text(self.text + picture, encoding="utf-8")
        if self.charts:
            _draw(folder / f"{self.name}.svg", self.charts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _draw(path: Path, charts: Sequence[Chart]) -> None:
    import matplotlib as mpl  # comes with the sandbox's packages

    mpl.use("svg")
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["svg.hashsalt"] = path.name
    from matplotlib import pyplot

    figure, all_axes = pyplot.subplots(1, len(charts), figsize=(6 * len(charts), 3), squeeze=False)
    for axes, chart in zip(all_axes[0], charts, strict=True):
        for series in chart.series:
            axes.plot(series.x, series.y, label=series.name, linewidth=1.2)
        axes.set_xlabel(chart.x)
        axes.set_ylabel(chart.y)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
