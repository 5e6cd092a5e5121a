"""What a process of the service is for; `serve` without any role is all of them in one process."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    WEB = "web"
    """Webhooks and the API."""
    WORKER = "worker"
    """Turns, and jobs that need no face engine."""
    SENDER = "sender"
    """Outgoing messages."""
    FACE = "face"
    """Photos and faces, in child processes."""
    CONSOLE = "console"
    """The officers' pages, and the simulator where there is a sandbox."""
    SANDBOX = "sandbox"
    """IKD and the data owners as the sandbox has them; only where it is switched on."""


POOL = {Role.WEB: 4, Role.WORKER: 10, Role.SENDER: 6, Role.FACE: 4, Role.CONSOLE: 5, Role.SANDBOX: 1}
"""Database connections that a process of a role can keep busy. More of them make PostgreSQL slower, not faster."""
MOST_POOL = 16


def pool_size(roles: Iterable[Role]) -> int:
    """Connections for a process of these roles together."""
    return min(sum(POOL[role] for role in roles), MOST_POOL)


def chosen(roles: Iterable[Role], *, sandbox: bool) -> frozenset[Role]:
    """Those named, or every role that this installation has."""
    named = frozenset(roles)
    if named:
        return named
    return frozenset(Role) if sandbox else frozenset(Role) - {Role.SANDBOX}
