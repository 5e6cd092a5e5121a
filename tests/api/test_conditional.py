"""What has not changed is not sent again, and who acts on what has changed since is told so."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from backend.api.app import routes
from backend.api.conditional import tag_of
from backend.models import WebhookDelivery, table
from backend.repositories import event_feed
from tests.api.conftest import Api
from tests.api.test_idempotency import bodies, subscription
from tests.api.world import World

SINGLE = [route for route in routes() if "GET" in (route.methods or ()) and route.path.endswith("}")]
ADDING = {"add_evidence", "send_message", "new_facilitator_code", "try_subscription", "replay_events"}
"""They put something beside what is there, and so cannot act on something outdated."""
ACTS = [
    route
    for route in routes()
    if "GET" not in (route.methods or ())
    and any(route.path.startswith(single.path) for single in SINGLE)
    and route.name not in ADDING
]


async def delivery(api: Api) -> int:
    """A delivery of everything that has happened so far to whoever wants it."""
    async with api.database.write() as connection:
        await event_feed.fan_out(connection, api.now)
        made: int = (await connection.execute(select(table(WebhookDelivery).c.id).limit(1))).scalar_one()
    return made


async def addresses(api: Api, world: World) -> dict[str, str]:
    """Where each single resource lies: a route without a line here fails the walk."""
    admin = await api.call("admin")
    started = await admin.post("/selections", json={"region": "64.71"})
    digest = (await admin.get("/rule-sets")).json()["items"][0]["digest"]
    return {
        "read_registration": f"/registrations/{world.registrations[world.siti]}",
        "read_decision": f"/decisions/{world.decisions[world.bambang]}",
        "read_selection": f"/selections/{started.json()['id']}",
        "read_rule_set": f"/rule-sets/{digest}",
        "read_appeal": f"/appeals/{world.appeal}",
        "read_review_case": f"/review-cases/{world.case}",
        "read_broadcast": f"/broadcasts/{world.broadcast}",
        "read_facilitator": f"/facilitators/{world.facilitator}",
        "read_evidence": f"/appeals/{world.appeal}/evidence/{world.photo}",
        "read_subscription": await subscription(admin),
        "read_delivery": f"/events/deliveries/{await delivery(api)}",
        "read_person": f"/people/{world.bambang}",
    }


@pytest.mark.parametrize("name", [route.name for route in SINGLE])
async def test_every_single_resource_has_a_tag_and_is_not_sent_twice(api: Api, world: World, name: str) -> None:
    admin = await api.call("admin")
    path = (await addresses(api, world))[name]
    read = await admin.get(path)
    tag = read.headers["etag"]
    assert read.status_code == 200
    assert tag.startswith('"')
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await admin.get(path, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await admin.get(path, headers={"If-None-Match": '"other"'})).content == read.content
    for role in ("admin", "reader"):  # what is shown to another is tagged for itself
        other = await (await api.call(role, "35.10")).get(path)
        assert other.status_code != 200 or (other.headers["etag"] == tag) == (other.content == read.content)


@pytest.mark.parametrize("route", ACTS, ids=lambda route: route.name)
async def test_every_act_on_one_resource_happens_only_on_what_was_read(
    api: Api, world: World, meter: bytes, route: object
) -> None:
    name = route.name  # type: ignore[attr-defined]
    admin = await api.call("admin")
    told = await subscription(admin)
    changes = {"change_subscription": (told, {"json": {"status": "paused"}}), "delete_subscription": (told, {})}
    path, given = (bodies(world, meter, told) | changes)[name]
    resource = told if name in changes else path.rpartition("/")[0]
    [method] = route.methods  # type: ignore[attr-defined]
    read = await admin.get(resource)
    refused = await admin.request(method, path, **given, headers={"If-Match": '"something-else"'})
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (await admin.get(resource)).content == read.content
    done = await admin.request(method, path, **given, headers={"If-Match": read.headers["etag"]})
    assert done.is_success, done.text
    if method == "DELETE":
        assert (await admin.get(resource)).status_code == 404
        return
    assert done.headers["etag"] == (await admin.get(resource)).headers["etag"]
    late = await admin.request(method, path, **given, headers={"If-Match": read.headers["etag"]})
    assert late.status_code == 412


async def test_of_two_officers_who_read_the_same_one_decides(api: Api, world: World) -> None:
    one, two = await api.call("reviewer"), await api.call("admin")
    path = f"/appeals/{world.appeal}"
    named = {"If-Match": (await one.get(path)).headers["etag"]}
    assert named["If-Match"] == (await two.get(path)).headers["etag"]
    question = {"question": "Tolong kirim foto meteran."}
    answers = await asyncio.gather(
        *(client.post(f"{path}/ask-more", json=question, headers=named) for client in (one, two))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert len((await one.get(path)).json()["history"]) == 2


async def test_a_list_that_grew_has_another_tag_and_no_cache_in_between_keeps_it(api: Api, world: World) -> None:
    admin = await api.call("admin")
    before = await admin.get("/selections")
    assert before.headers["cache-control"] == "private, no-cache"
    assert "authorization" in before.headers["vary"].lower()
    known = {"If-None-Match": before.headers["etag"]}
    assert (await admin.get("/selections", headers=known)).status_code == 304
    await admin.post("/selections", json={"region": "64.71"})
    assert (await admin.get("/selections", headers=known)).status_code == 200
    assert "etag" not in (await admin.get("/appeals/999999")).headers


async def test_a_photo_is_kept_by_nobody(api: Api, world: World) -> None:
    path = f"/appeals/{world.appeal}/evidence/{world.photo}"
    read = await (await api.call("reviewer")).get(path)
    assert read.headers["cache-control"] == "no-store"


def test_a_tag_follows_the_values_and_says_nothing_of_them() -> None:
    assert tag_of(b'{"a": 1, "b": 2}') == tag_of(b'{"b":2,"a":1}')
    assert tag_of(b'{"a":1}') != tag_of(b'{"a":2}')
    assert len(tag_of(b"\xff\xd8")) == 34


async def test_what_is_no_tag_is_refused(api: Api, world: World) -> None:
    admin = await api.call("admin")
    answer = await admin.post(f"/appeals/{world.appeal}/take-up", headers={"If-Match": "yesterday"})
    assert answer.status_code == 422
