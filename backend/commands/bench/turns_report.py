"""What `perlinsos bench turns` found, as a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.commands.bench import script
from backend.commands.bench.load import Load, Paced, percentile
from backend.commands.bench.report import Chart, Report, Series, table
from backend.commands.bench.stub import STUB, Arrival

LOAD_GENERATOR = "load generator"
AROUND = frozenset({LOAD_GENERATOR, STUB})
"""What is not the service's own cost."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: who said something and when (paced load only), what arrived, CPU seconds and MB by part."""

    load: Load
    said: Sequence[int]
    paced: Sequence[Paced]
    arrivals: Sequence[Arrival]
    cpu: dict[str, float]
    memory: dict[str, int]

    @property
    def seconds(self) -> float:
        """From the first webhook to the last reply."""
        return self.arrivals[-1].at - self.load.started

    @property
    def rate(self) -> float:
        """Replies a second, from the first webhook to the last reply."""
        return len(self.arrivals) / self.seconds

    @property
    def own_seconds(self) -> float:
        """CPU seconds without load and provider."""
        return sum(seconds for name, seconds in self.cpu.items() if name not in AROUND)

    @property
    def steady_rate(self) -> float:
        """Replies a second between the tenth and the ninetieth hundredth of them."""
        low, high = len(self.arrivals) // 10, len(self.arrivals) * 9 // 10
        return (high - low) / (self.arrivals[high].at - self.arrivals[low].at)


def report_of(
    database: str,
    processes: Sequence[str],
    measured: Measured,
    beside: Mapping[str, Measured],
    described: str,
    rate: float,
) -> Report:
    """The page; `rate` is 0 where the load was as fast as it goes, `beside` are the peers' runs."""
    shown = f"{rate:.0f} a second" if rate else "as fast as it goes"
    options = f"--mode latency --rate {rate:.0f}" if rate else "--mode throughput"
    options += "".join(f" --process {roles}" for roles in processes)
    several = "-processes" if processes else ""
    facts, chart = _latency(measured, rate) if rate else _throughput(measured)
    paragraphs = [
        f"`perlinsos bench turns --database {database} {options}`. {described}",
        table(("what", "figure"), [*_counts(measured), *facts]),
        table(("part", "CPU s", "µs of CPU a turn", "MB"), _costs(measured)),
    ]
    if beside:
        paragraphs.append(_compared({"**Perlinsos**": measured, **beside}))
    return Report(
        f"turns-{database}{several}-" + (f"latency-{rate:.0f}" if rate else "throughput"),
        f"# Turns: {database}, {', '.join(processes) or 'one process'}, {shown}",
        paragraphs,
        [chart],
    )


def _compared(contenders: Mapping[str, Measured]) -> str:
    """Ours first. The others keep everything in memory."""
    own = next(iter(contenders.values()))
    rows = [
        (
            name,
            "yes" if run is own else "no",
            f"{len(run.arrivals):,} of {run.load.requests:,}",
            f"{run.rate:,.0f}",
            f"{own.rate / run.rate:.1f} ×" if run is not own else "",
            f"{run.own_seconds / run.load.requests * 1e6:.0f}",
            f"{run.load.requests / (run.load.ended - run.load.started):,.0f} /s, p99 {run.load.p99:.0f} ms",
        )
        for name, run in contenders.items()
    ]
    head = (
        "beside, same load and provider",
        "durable",
        "replies",
        "replies a second",
        "we are",
        "µs of CPU a turn",
        "acknowledged",
    )
    return table(head, rows)


def _counts(measured: Measured) -> list[tuple[str, str]]:
    replies = Counter(arrival.chat for arrival in measured.arrivals)
    odd = sum(count != script.STEPS for count in replies.values())
    delivered = f"{len(measured.arrivals):,}" + (f"; {odd} chats got another number than {script.STEPS}" if odd else "")
    return [("turns (webhooks acknowledged)", f"{measured.load.requests:,}"), ("replies delivered", delivered)]


def _throughput(measured: Measured) -> tuple[list[tuple[str, str]], Chart]:
    load = measured.load
    acknowledged = load.requests / (load.ended - load.started)
    facts = [
        ("**replies delivered a second**", f"**{measured.rate:,.0f}**"),
        ("first webhook to last reply", f"{measured.seconds:.1f} s"),
        ("replies a second between 10 and 90 % of them", f"{measured.steady_rate:,.0f}"),
        ("webhooks acknowledged", f"{acknowledged:,.0f} /s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"),
    ]
    halves = Counter(int((arrival.at - load.started) * 2) for arrival in measured.arrivals)
    times = range(max(halves) + 1)
    replies = Series("replies", [half / 2 for half in times], [2.0 * halves[half] for half in times])
    return facts, Chart("seconds", "replies /s", [replies])


def _latency(measured: Measured, rate: float) -> tuple[list[tuple[str, str]], Chart]:
    took = end_to_end(measured)
    late = sorted(update.late * 1000 for update in measured.paced)
    points = ((label, percentile(took, percent)) for label, percent in (("p50", 50), ("p95", 95), ("p99", 99)))
    facts = [
        ("webhooks a second", f"{rate:.0f}, for {measured.load.requests / rate:.0f} s"),
        (
            "**webhook sent → reply at the provider**",
            ", ".join([*(f"{label} **{ms:.0f} ms**" for label, ms in points), f"max {percentile(took, 100):.0f} ms"]),
        ),
        ("webhook acknowledged", f"p50 {measured.load.p50:.1f} ms, **p99 {measured.load.p99:.1f} ms**"),
        ("load sent later than meant", f"p99 {percentile(late, 99):.1f} ms"),
    ]
    share = [index / 2 for index in range(200)]
    curve = Series("webhook → reply", share, [percentile(took, percent) for percent in share])
    return facts, Chart("of all turns, %", "within ms", [curve])


def end_to_end(measured: Measured) -> list[float]:
    """Milliseconds from webhook to reply of every turn, in order: a chat's nth reply answers its nth turn."""
    sent: dict[int, list[float]] = defaultdict(list)
    for said, update in zip(measured.said, measured.paced, strict=True):
        sent[script.FIRST_CHAT + said].append(update.sent)
    heard: dict[int, list[float]] = defaultdict(list)
    for arrival in measured.arrivals:
        heard[arrival.chat].append(arrival.at)
    whole = [chat for chat in sent if len(heard[chat]) == len(sent[chat])]
    return sorted((b - a) * 1000 for chat in whole for a, b in zip(sent[chat], heard[chat], strict=True))


def _costs(measured: Measured) -> list[tuple[str, str, str, str]]:
    def row(name: str, seconds: float) -> tuple[str, str, str, str]:
        memory = str(measured.memory[name]) if name in measured.memory else ""
        return name, f"{seconds:.2f}", f"{seconds / measured.load.requests * 1e6:.0f}", memory

    parts = sorted(measured.cpu.items(), key=lambda part: -part[1])
    return [
        *(row(name, seconds) for name, seconds in parts),
        row("**without load and provider**", measured.own_seconds),
        row("**together**", sum(measured.cpu.values())),
    ]
