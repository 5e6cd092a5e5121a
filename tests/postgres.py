"""The tests' own PostgreSQL.

`python -m tests.postgres COMMAND…` runs a command beside it, with its address in PERLINSOS_TEST_POSTGRES, and exits with
the command's status; the server stops whichever way the command ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from backend.commands.bench.postgres import Cluster, free_port

__all__ = ["VARIABLE", "Postgres", "free_port"]

VARIABLE = "PERLINSOS_TEST_POSTGRES"
# What makes a database safe against a power cut is of no use here, and it is what takes the time.
_CONFIGURATION = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "60s",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class Postgres(Cluster):
    """Runs while the block runs, fast and unsafe."""

    def __init__(self) -> None:
        super().__init__(_CONFIGURATION)


def main(command: Sequence[str]) -> int:
    """Run `command` beside a server of its own; its exit status, or 128 + the number of the signal that stopped it."""
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if child is not None and child.returncode is None:
            os.killpg(child.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    with Postgres() as server:
        if received:
            return 128 + received[0]
        # A session of its own: the terminal's Ctrl+C reaches us alone, and is passed on to all of its processes.
        child = subprocess.Popen(command, env={**os.environ, VARIABLE: server.url}, start_new_session=True)
        for early in received:  # came while the command was starting
            os.killpg(child.pid, early)
        status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
