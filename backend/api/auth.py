"""Who calls, and what they may: one rule for every route, in one table.

A key has a role, and a region in which it sees and does things; outside of it nothing exists for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from backend import metrics
from backend.api.problems import Problem, missing
from backend.bus import Bus
from backend.db import Database
from backend.domain.regions import lies_in
from backend.gateways.photo_store import PhotoStore
from backend.services import accounts
from backend.services.accounts import KeyRole
from backend.tracing import follow, trace_of


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with. `auto_select`: the selection follows a registration by itself. `loopback`: webhooks may
    go to this machine itself."""

    database: Database
    bus: Bus
    photos: PhotoStore
    now: Callable[[], datetime]
    auto_select: bool
    loopback: bool = False


def services(request: Request) -> Services:
    found: Services = request.app.state.api_services
    return found


Parts = Annotated[Services, Depends(services)]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route. `everywhere`: only a key without a region, because what it shows belongs to none."""

    roles: frozenset[KeyRole]
    everywhere: bool = False


ADMIN = frozenset({KeyRole.ADMIN})
OFFICERS = ADMIN | {KeyRole.REVIEWER}
READERS = OFFICERS | {KeyRole.READER}
ALL = READERS | {KeyRole.PORTAL}
FILING = ADMIN | {KeyRole.PORTAL}
READING = FILING | {KeyRole.READER}

RULES: Mapping[str, Rule] = {
    "list_registrations": Rule(ALL),
    "create_registration": Rule(FILING),
    "read_registration": Rule(ALL),
    "list_decisions": Rule(ALL),
    "read_decision": Rule(ALL),
    "run_selection": Rule(ADMIN),
    "list_selections": Rule(READERS),
    "read_selection": Rule(READERS),
    "list_rule_sets": Rule(READERS),
    "read_rule_set": Rule(ALL),
    "list_appeals": Rule(ALL),
    "create_appeal": Rule(FILING),
    "read_appeal": Rule(ALL),
    "add_evidence": Rule(FILING),
    "read_evidence": Rule(OFFICERS),
    "take_up_appeal": Rule(OFFICERS),
    "ask_more": Rule(OFFICERS),
    "check_on_the_spot": Rule(OFFICERS),
    "resolve_appeal": Rule(OFFICERS),
    "list_review_cases": Rule(READERS),
    "read_review_case": Rule(READERS),
    "decide_review_case": Rule(OFFICERS),
    "list_conversations": Rule(READERS),
    "list_messages": Rule(OFFICERS),
    "send_message": Rule(OFFICERS),
    "list_people": Rule(READERS),
    "search_people": Rule(ALL),
    "read_person": Rule(READERS),
    "verify_person": Rule(OFFICERS),
    "list_facilitators": Rule(READERS),
    "create_facilitator": Rule(OFFICERS),
    "read_facilitator": Rule(READERS),
    "new_facilitator_code": Rule(OFFICERS),
    "end_facilitator": Rule(OFFICERS),
    "list_broadcasts": Rule(READERS),
    "create_broadcast": Rule(ADMIN),
    "read_broadcast": Rule(READERS),
    "step_broadcast": Rule(ADMIN),
    "list_recipients": Rule(READERS),
    "list_events": Rule(READING),
    "list_subscriptions": Rule(FILING),
    "create_subscription": Rule(FILING),
    "read_subscription": Rule(FILING),
    "change_subscription": Rule(FILING),
    "delete_subscription": Rule(FILING),
    "rotate_secret": Rule(FILING),
    "try_subscription": Rule(FILING),
    "replay_events": Rule(FILING),
    "list_deliveries": Rule(FILING),
    "read_delivery": Rule(FILING),
    "export_registrations": Rule(ALL),
    "export_decisions": Rule(ALL),
    "export_appeals": Rule(ALL),
    "read_stats": Rule(READERS),
    "list_audit_events": Rule(ADMIN | {KeyRole.READER}, everywhere=True),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that has been recognised. `personal`: its exports may name who the rows are about."""

    key_id: int
    name: str
    role: KeyRole
    region_code: str
    personal: bool

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"key:{self.name}"[:80]

    def regions(self, asked: str = "") -> tuple[str, ...]:
        """The regions that must hold for every row: the caller's own, and the one asked for."""
        return tuple(code for code in (self.region_code, asked) if code)

    def needs(self, region_code: str, what: str) -> None:
        """Raises the same problem for what lies elsewhere as for what does not exist."""
        if not lies_in(region_code, self.region_code):
            raise missing(what)


BEARER = HTTPBearer(auto_error=False, description="A key made with `perlinsos key create`")


async def authorise(
    request: Request, parts: Parts, given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> Caller:
    """The caller, when the route's rule lets them in. A route without a rule lets nobody in."""
    metrics.count_as("api")
    follow(trace_of(request.headers.get("traceparent")))
    key = await accounts.key_of(parts.database, given.credentials, parts.now()) if given is not None else None
    if key is None:
        raise Problem(
            401, "unauthorized", "A valid key is needed: `Authorization: Bearer …`.",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    rule = RULES.get(request.scope["route"].name)
    caller = Caller(key.id, key.name, KeyRole(key.role), key.region_code, key.personal)
    if rule is None or caller.role not in rule.roles:
        raise Problem(403, "forbidden", "The role of this key may not do this.")
    if rule.everywhere and caller.region_code:
        raise Problem(403, "forbidden", "A key for one region may not do this.")
    return caller


Authorised = Annotated[Caller, Depends(authorise)]
