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


def chosen(roles: Iterable[Role], *, sandbox: bool) -> frozenset[Role]:
    """Those named, or every role that this installation has."""
    named = frozenset(roles)
    if named:
        return named
    return frozenset(Role) if sandbox else frozenset(Role) - {Role.SANDBOX}
