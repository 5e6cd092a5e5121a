"""`perlinsos bench`: figures of this machine, printed as tables that can be kept under `bench/results`."""

from __future__ import annotations

import typer

from backend.commands.bench.broadcast import bench_broadcast
from backend.commands.bench.faces import bench_face
from backend.commands.bench.growth import bench_growth
from backend.commands.bench.nlu import bench_nlu
from backend.commands.bench.turns import bench_turns

bench_app = typer.Typer(no_args_is_help=True, help="Figures of this machine.")
bench_app.command("nlu")(bench_nlu)
bench_app.command("turns")(bench_turns)
bench_app.command("face")(bench_face)
bench_app.command("growth")(bench_growth)
bench_app.command("broadcast")(bench_broadcast)
