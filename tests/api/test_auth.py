"""Who may call what: every route has a rule, and every role gets exactly what the rules say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.api.app import routes
from backend.api.auth import RULES
from backend.services.accounts import KeyRole, create_key, revoke_key
from tests.api.conftest import Api
from tests.api.world import World

# What each role may do, written out a second time: a rule that changes by accident must meet somebody who meant it.
MATRIX = {
    "list_registrations": "admin reviewer reader portal",
    "create_registration": "admin portal",
    "read_registration": "admin reviewer reader portal",
    "list_decisions": "admin reviewer reader portal",
    "read_decision": "admin reviewer reader portal",
    "run_selection": "admin",
    "list_selections": "admin reviewer reader",
    "read_selection": "admin reviewer reader",
    "list_rule_sets": "admin reviewer reader",
    "read_rule_set": "admin reviewer reader portal",
    "list_appeals": "admin reviewer reader portal",
    "create_appeal": "admin portal",
    "read_appeal": "admin reviewer reader portal",
    "add_evidence": "admin portal",
    "read_evidence": "admin reviewer",
    "take_up_appeal": "admin reviewer",
    "ask_more": "admin reviewer",
    "check_on_the_spot": "admin reviewer",
    "resolve_appeal": "admin reviewer",
    "list_review_cases": "admin reviewer reader",
    "read_review_case": "admin reviewer reader",
    "decide_review_case": "admin reviewer",
    "list_conversations": "admin reviewer reader",
    "list_messages": "admin reviewer",
    "send_message": "admin reviewer",
    "list_people": "admin reviewer reader",
    "search_people": "admin reviewer reader portal",
    "read_person": "admin reviewer reader",
    "verify_person": "admin reviewer",
    "list_facilitators": "admin reviewer reader",
    "create_facilitator": "admin reviewer",
    "read_facilitator": "admin reviewer reader",
    "new_facilitator_code": "admin reviewer",
    "end_facilitator": "admin reviewer",
    "list_broadcasts": "admin reviewer reader",
    "create_broadcast": "admin",
    "read_broadcast": "admin reviewer reader",
    "step_broadcast": "admin",
    "list_recipients": "admin reviewer reader",
    "list_events": "admin reader portal",
    "list_subscriptions": "admin portal",
    "create_subscription": "admin portal",
    "read_subscription": "admin portal",
    "change_subscription": "admin portal",
    "delete_subscription": "admin portal",
    "rotate_secret": "admin portal",
    "try_subscription": "admin portal",
    "replay_events": "admin portal",
    "list_deliveries": "admin portal",
    "read_delivery": "admin portal",
    "export_registrations": "admin reviewer reader portal",
    "export_decisions": "admin reviewer reader portal",
    "export_appeals": "admin reviewer reader portal",
    "read_stats": "admin reviewer reader",
    "list_audit_events": "admin reader",
}


def test_every_route_has_one_rule_and_every_rule_a_route() -> None:
    names = [route.name for route in routes()]
    assert len(names) == len(set(names))
    assert set(names) == set(RULES) == set(MATRIX)


@pytest.mark.parametrize("role", list(KeyRole))
async def test_each_role_reaches_its_routes_and_no_other(api: Api, world: World, role: KeyRole) -> None:
    client = await api.call(role)
    for route in routes():
        method = next(iter(route.methods or {"GET"}))
        path = route.path.removeprefix("/api/v1")
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", "999999999")
        answer = await client.request(method, path)
        allowed = role.value in MATRIX[route.name].split()
        assert (answer.status_code == 403) is not allowed, (role, route.name, answer.status_code)
        assert answer.status_code != 500


async def test_no_key_a_wrong_one_an_expired_one_and_a_revoked_one_are_refused(api: Api, world: World) -> None:
    expired = await create_key(api.database, "old", KeyRole.ADMIN, "", api.now - timedelta(seconds=1), api.now)
    revoked = await create_key(api.database, "gone", KeyRole.ADMIN, "", None, api.now)
    await revoke_key(api.database, revoked.id, api.now)
    for header in (
        "",
        "Basic YTpi",
        "Bearer",
        "Bearer pk_wrong",
        "Bearer x",
        f"Bearer {expired.secret}",
        f"Bearer {revoked.secret}",
    ):
        client = await api.client({"Authorization": header} if header else {})
        for route in routes():
            path = route.path.removeprefix("/api/v1").replace("{", "1").replace("}", "")
            answer = await client.request(next(iter(route.methods or {"GET"})), path, json={})
            if answer.status_code == 422:  # the address was no number
                continue
            assert answer.status_code == 401, (header[:9], route.name)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


async def test_the_key_is_stored_as_a_hash_only(api: Api) -> None:
    made = await create_key(api.database, "x", KeyRole.READER, "", None, api.now)
    assert made.secret not in repr(made)
    async with api.database.read() as connection:
        stored = (await connection.exec_driver_sql("SELECT * FROM api_keys")).all()
    assert made.secret not in repr(stored)
