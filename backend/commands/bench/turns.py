"""`perlinsos bench turns`: webhook in, state committed, reply at the provider; how many a second, how soon, at what cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from backend.commands.bench import load, machine, script
from backend.commands.bench.load import LoadError, Paced
from backend.commands.bench.machine import NotStartedError
from backend.commands.bench.service import DatabaseKind, Service, own_environment
from backend.commands.bench.subject import PEERS, Peer, Subject, cpu_of, memory_of
from backend.commands.bench.turns_report import LOAD_GENERATOR, Measured, report_of
from backend.commands.common import fail, out

DEFAULT_MODEL = Path("var/nlu/model.bin")


def bench_turns(
    database: Annotated[DatabaseKind, typer.Option(help="what it stores in")] = "sqlite",
    mode: Annotated[Literal["throughput", "latency"], typer.Option(help="as fast as it goes, or paced")] = "throughput",
    process: Annotated[
        list[str] | None,
        typer.Option(help="roles of one process, as web or worker+sender; repeat it; none: one for all"),
    ] = None,
    people: Annotated[int, typer.Option(help="distinct people in the load, six turns each")] = 2000,
    warm_up: Annotated[int, typer.Option(help="people before that, who are not counted")] = 200,
    connections: Annotated[int, typer.Option(help="throughput: webhooks under way at once")] = 64,
    rate: Annotated[float, typer.Option(help="latency: webhooks a second")] = 500,
    model: Annotated[Path, typer.Option(envvar="PERLINSOS_NLU_MODEL", help="the trained classifier")] = DEFAULT_MODEL,
    peers: Annotated[
        Path | None, typer.Option(help="the Python of bench/peers/run: measure the peers beside it")
    ] = None,
    peer_people: Annotated[int, typer.Option(help="people in the load of each peer")] = 300,
    results: Annotated[Path, typer.Option(help="folder of the figures and the chart")] = Path("bench/results"),
    save: Annotated[bool, typer.Option(help="write them there")] = True,
) -> None:
    """Durable turns end to end, by distinct people, through real HTTP, with everything started here and stopped again."""
    processes = [roles.split("+") for roles in process or ()]
    if processes and (database == "sqlite" or not any("web" in roles for roles in processes)):
        fail("several processes need --database postgres, and one of them the role web", 2)
    machine.end_in_order()
    described = machine.described()
    pace = rate if mode == "latency" else 0
    try:
        with bench_folder() as folder, Service(folder, database, model, processes) as service:
            measured = measure(service, folder, people, warm_up, connections, pace)
        beside = {name: _peer(name, peers, peer_people, connections) for name in PEERS} if peers else {}
    except (LoadError, NotStartedError) as error:
        fail(str(error))
    report = report_of(database, process or [], measured, beside, described, pace)
    out.print(report.text, markup=False, highlight=False, soft_wrap=True)
    if save:
        report.write(results)


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A temporary folder that the provider stub may read in too."""
    with tempfile.TemporaryDirectory(prefix="perlinsos-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker is somebody else
        yield folder


def _peer(name: str, python: Path, people: int, connections: int) -> Measured:
    with bench_folder() as folder, Peer(name, python, folder, own_environment()) as peer:
        return measure(peer, folder, people, people // 10, connections, 0)


def measure(
    subject: Subject, folder: Path, people: int, warm_up: int, connections: int, rate: float, *, first: int = 0
) -> Measured:
    """Put the load on, by the people from number `first`; `rate` 0 is as fast as it goes. Raises LoadError."""
    env, updates = own_environment(), folder / "updates"
    if warm_up:
        count = script.write(updates, warm_up, first=first, at=int(time.time()))
        load.wrk(subject.target, updates, connections, env)
        subject.drained(count)
    count = script.write(updates, people, first=first + warm_up, at=int(time.time()))
    calls, before, started = subject.stub.calls() or 0, cpu_of(subject), time.time()
    said: list[int] = []
    paced: list[Paced] = []
    if rate:
        said = [one.person for one in script.says(people, first=first + warm_up, at=0)]
        put, paced = load.paced(subject.target, updates, rate, env)
    else:
        put = load.wrk(subject.target, updates, connections, env)
    subject.drained(calls + count)
    after = cpu_of(subject)
    cpu = {name: after[name] - before[name] for name in after} | {LOAD_GENERATOR: put.cpu}
    arrivals = subject.stub.arrivals(started)
    if not arrivals:
        raise LoadError("no reply reached the provider")
    return Measured(put, said, paced, arrivals, cpu, memory_of(subject))
