"""Events as other systems get them: written with the change, told once signed, again on failure, and read as a feed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import func, select, update

from backend.bus.memory import MemoryBus
from backend.db import Database
from backend.domain.webhooks import BACK_OFF
from backend.gateways.webhooks import WebhookGateway
from backend.models import Event, Job, WebhookAttempt, WebhookDelivery, table
from backend.repositories import event_feed, jobs
from backend.services import webhooks
from backend.services.announce import FAN_OUT
from backend.services.retention import forget_events
from backend.sweep import Sweep
from bot.handlers.jobs import JobWorker
from tests.api.conftest import Api
from tests.api.test_cases import new_registration
from tests.api.world import World
from tests.conftest import NOW

EVENTS, DELIVERIES, ATTEMPTS, JOBS = table(Event), table(WebhookDelivery), table(WebhookAttempt), table(Job)


class Subscriber:
    """Another system: keeps what it was told, and answers what it is told to."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.app = FastAPI()
        self.app.post("/hook")(self.hook)
        self.url = ""

    async def hook(self, request: Request) -> Response:
        self.told.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status, headers=self.headers)

    @property
    def types(self) -> list[str]:
        """What it was told, in the order in which it happened: that of the telling is not promised."""
        self.told.sort(key=lambda one: int(one[0]["webhook-id"].removeprefix("evt_")))
        return [json.loads(body)["type"] for _, body in self.told]


@pytest.fixture
def subscriber(serve_app: Callable[[Callable[..., Any]], str]) -> Subscriber:
    made = Subscriber()
    made.url = serve_app(made.app).replace("127.0.0.1", "localhost") + "/hook"
    return made


class Post:
    """The job worker of the role worker, with a clock that the test moves."""

    def __init__(self, database: Database, gateway: WebhookGateway) -> None:
        self.database, self.bus, self.now = database, MemoryBus(), NOW
        work: Any = type("Work", (), {"database": database, "webhooks": gateway})()

        def bound(function: Any) -> Any:
            async def run(job: Any, now: datetime) -> Any:
                return await function(work, job, now)

            return run

        executors = {FAN_OUT: bound(webhooks.fan_out), webhooks.SEND: bound(webhooks.send)}
        self.worker = JobWorker(database, self.bus, executors, lambda: self.now)
        self.sweep = Sweep(database, self.bus, lambda: self.now, alone=True)

    async def work(self, after: float = 0) -> None:
        """All that is due, after these seconds."""
        self.now += timedelta(seconds=after)
        await self.sweep.once()
        async with self.database.read() as connection:
            due = await jobs.waiting(connection, self.now, self.now, 1000)
        while due:
            kinds = {FAN_OUT, webhooks.SEND}
            async with self.database.read() as connection:
                known = await connection.execute(select(JOBS.c.id).where(JOBS.c.id.in_(due), JOBS.c.kind.in_(kinds)))
                ours = list(known.scalars())
            if not ours:
                return
            await self.worker.run(ours)
            async with self.database.read() as connection:
                due = [job for job in await jobs.waiting(connection, self.now, self.now, 1000) if job not in ours]


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    gateway = WebhookGateway(loopback=True)
    yield Post(database, gateway)
    await gateway.close()


async def subscribe(api: Api, subscriber: Subscriber, kinds: tuple[str, ...] = (), region: str = "") -> dict[str, Any]:
    portal = await api.call("portal", region)
    made = await portal.post("/events/subscriptions", json={"url": subscriber.url, "kinds": list(kinds)})
    assert made.status_code == 201, made.text
    return {"client": portal, "path": f"/events/subscriptions/{made.json()['id']}", **made.json()}


def holds(secret: str, headers: dict[str, str], body: bytes) -> list[bool]:
    """Which of the signatures were made with this secret, computed as Standard Webhooks writes it down."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return [one == wanted for one in headers["webhook-signature"].split(" ")]


async def test_what_happens_is_told_signed_and_without_a_person(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()  # what the world has brought about is nobody's news yet
    mine = await subscribe(api, subscriber)
    reviewer = await api.call("reviewer")
    made = (await mine["client"].post("/registrations", json=new_registration())).json()
    await reviewer.post(f"/people/{made['person_id']}/verify-in-person")
    await reviewer.post(f"/appeals/{world.appeal}/take-up")
    await reviewer.post(f"/appeals/{world.appeal}/resolve", json={"outcome": "rejected", "reason": "Daya 2200 VA."})
    await post.work()
    assert subscriber.types == ["registration.created", "registration.submitted", "appeal.step", "appeal.decided"]
    for headers, body in subscriber.told:
        assert holds(mine["secret"], headers, body) == [True]
        told = json.loads(body)
        assert (headers["webhook-id"], headers["content-type"]) == (told["id"], "application/json")
        assert abs(int(headers["webhook-timestamp"]) - NOW.timestamp()) < 5
        for personal in ("35101", "35100", "Wahyuni", "S***", "6281234567890", "****"):
            assert personal not in body.decode()
    first, last = (json.loads(subscriber.told[place][1]) for place in (0, 3))
    assert first["data"] == {
        "person_id": made["person_id"], "registration_id": made["id"], "registration_number": made["number"],
        "status": "waiting_identity",
    }  # fmt: skip
    assert (last["data"]["appeal_number"], last["data"]["outcome"]) == ("SGH-7K2M-93", "rejected")
    await post.work()
    assert len(subscriber.told) == 4


async def test_an_event_is_written_with_its_change_or_not_at_all(api: Api, world: World, database: Database) -> None:
    async def count() -> int:
        async with database.read() as connection:
            return (await connection.execute(select(func.count()).select_from(EVENTS))).scalar_one()

    before = await count()
    portal = await api.call("portal")
    assert (await portal.post("/registrations", json=new_registration(consents=["face"]))).status_code == 422
    assert await count() == before
    assert (await portal.post("/registrations", json=new_registration())).status_code == 201
    assert await count() == before + 1


async def test_a_failure_is_tried_again_for_a_day_and_then_dead_with_its_cause(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    subscriber.status = 503
    assert (await mine["client"].post(f"{mine['path']}/test")).status_code == 202
    await post.work()
    assert subscriber.types == ["webhook.test"]
    for wait in BACK_OFF:
        await post.work(wait - 1)
        tries = len(subscriber.told)
        await post.work(1)
        assert len(subscriber.told) == tries + 1
    assert post.now - NOW > timedelta(hours=22)
    assert len({headers["webhook-id"] for headers, _ in subscriber.told}) == 1
    await post.work(100_000)
    assert len(subscriber.told) == 1 + len(BACK_OFF)
    [dead] = (await mine["client"].get("/events/deliveries", params={"status": "dead"})).json()["items"]
    assert (dead["cause"], dead["attempts"], dead["kind"]) == ("http_503", 11, "webhook.test")
    read = (await mine["client"].get(f"/events/deliveries/{dead['id']}")).json()
    assert [one["http_status"] for one in read["tries"]] == [503] * 11


async def test_what_was_missed_is_told_again_one_or_all_since(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber, ("decision.made",))
    since = (NOW - timedelta(days=1)).isoformat()
    assert (await mine["client"].post(f"{mine['path']}/replay", json={"since": since})).json() == {"events": 3}
    await post.work()
    assert subscriber.types == ["decision.made"] * 3
    name = json.loads(subscriber.told[0][1])["id"]
    assert (await mine["client"].post(f"{mine['path']}/replay", json={"event_id": name})).json() == {"events": 1}
    await post.work()
    assert subscriber.told[3][1] == subscriber.told[0][1]
    unknown = await mine["client"].post(f"{mine['path']}/replay", json={"event_id": "evt_999999"})
    assert unknown.status_code == 404
    both = await mine["client"].post(f"{mine['path']}/replay", json={"event_id": name, "since": since})
    assert both.status_code == 422
    log = (await mine["client"].get("/events/deliveries", params={"event_id": name})).json()["items"]
    assert [one["status"] for one in log] == ["delivered", "delivered"]


async def test_a_pause_holds_and_its_end_sends_what_came_meanwhile(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    read = await mine["client"].get(mine["path"])
    paused = await mine["client"].patch(
        mine["path"], json={"status": "paused"}, headers={"If-Match": read.headers["etag"]}
    )
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    late = await mine["client"].patch(mine["path"], json={"kinds": []}, headers={"If-Match": read.headers["etag"]})
    assert late.status_code == 412
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/take-up")
    await post.work()
    assert subscriber.told == []
    await mine["client"].patch(mine["path"], json={"status": "active"})
    await post.work()
    assert subscriber.types == ["appeal.step"]
    assert (await mine["client"].delete(mine["path"])).status_code == 204
    assert (await mine["client"].get(mine["path"])).status_code == 404
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/field-check")
    await post.work()
    assert len(subscriber.told) == 1


async def test_after_a_rotation_both_secrets_sign_for_a_day(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    rotated = (await mine["client"].post(f"{mine['path']}/rotate")).json()
    assert rotated["secret"] != mine["secret"]
    await mine["client"].post(f"{mine['path']}/test")
    await post.work()
    headers, body = subscriber.told[0]
    assert (holds(rotated["secret"], headers, body), holds(mine["secret"], headers, body)) == (
        [True, False],
        [False, True],
    )
    await mine["client"].post(f"{mine['path']}/test")
    await post.work(25 * 3600)
    assert holds(rotated["secret"], *subscriber.told[1]) == [True]


async def test_the_secret_is_shown_once_and_rests_sealed(
    api: Api, world: World, subscriber: Subscriber, database: Database
) -> None:
    mine = await subscribe(api, subscriber)
    assert mine["secret"] not in (await mine["client"].get(mine["path"])).text
    assert mine["secret"] not in (await mine["client"].get("/events/subscriptions")).text
    async with database.read() as connection:
        [row] = (await connection.exec_driver_sql("SELECT * FROM webhook_subscriptions")).all()
    held = b"".join(bytes(part) for part in row if isinstance(part, bytes | memoryview))
    assert mine["secret"].encode() not in held
    assert mine["secret"] not in repr(row)


async def test_each_key_hears_of_its_region_and_sees_its_own(
    api: Api, world: World, post: Post, subscriber: Subscriber
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber, region="64.71")
    other = await api.call("portal")
    assert (await other.get(mine["path"])).status_code == 404
    assert (await other.get("/events/subscriptions")).json()["items"] == []
    assert len((await (await api.call("admin")).get("/events/subscriptions")).json()["items"]) == 1
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/take-up")  # in Banyuwangi
    await post.work()
    assert subscriber.told == []
    feed = (await mine["client"].get("/events")).json()["items"]
    assert {item["region_code"][:5] for item in feed} == {"64.71"}
    assert (await (await api.call("portal", "35")).get("/events/deliveries")).json()["items"] == []


async def test_the_feed_goes_on_from_its_cursor_and_misses_nothing(api: Api, world: World, post: Post) -> None:
    reader = await api.call("reader")
    assert (await reader.get("/events")).json() == {"items": [], "next": 0}  # their place comes after their transaction
    await post.work()
    seen: list[str] = []
    cursor = 0
    while True:
        page = (await reader.get("/events", params={"after": cursor, "limit": 4})).json()
        if not page["items"]:
            break
        seen += [item["type"] for item in page["items"]]
        cursor = page["next"]
    assert len(seen) == 7
    assert page["next"] == cursor
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/take-up")
    await post.work()
    [new] = (await reader.get("/events", params={"after": cursor})).json()["items"]
    assert new["type"] == "appeal.step"
    decided = (await reader.get("/events", params={"kind": "decision.made"})).json()["items"]
    assert [item["data"]["outcome"] for item in decided] == ["eligible", "not_eligible", "not_eligible"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://portal.example.go.id/hook", 201),
        ("http://localhost:9/hook", 201),
        ("http://portal.example.go.id/hook", 422),
        ("https://10.0.0.1/hook", 422),
        ("https://169.254.169.254/latest/meta-data", 422),
        ("https://[fe80::1]/hook", 422),
        ("https://[::ffff:192.168.1.1]/hook", 422),
        ("https://[64:ff9b::a00:1]/hook", 422),
        ("https://user:word@portal.example.go.id/", 422),
        ("https://portal.example.go.id:99999/", 422),
        ("ftp://portal.example.go.id/", 422),
    ],
)
async def test_only_public_https_is_told(api: Api, url: str, status: int) -> None:
    answer = await (await api.call("portal")).post("/events/subscriptions", json={"url": url})
    assert answer.status_code == status, answer.text
    assert status == 201 or "user:word" not in answer.text


async def test_a_name_that_leads_inside_is_not_followed_nor_a_redirect(subscriber: Subscriber) -> None:
    strict = WebhookGateway(loopback=False)
    named = subscriber.url.replace("http:", "https:")
    assert (await strict.post(named, {}, b"{}")).cause == "address_not_allowed"
    assert (await strict.post(subscriber.url, {}, b"{}")).cause == "address_not_allowed"
    assert subscriber.told == []
    loose = WebhookGateway(loopback=True)
    subscriber.status, subscriber.headers = 307, {"location": subscriber.url}
    assert (await loose.post(subscriber.url, {}, b"{}")).cause == "http_307"
    assert len(subscriber.told) == 1
    assert (await loose.post("http://localhost:9/hook", {}, b"{}")).cause == "no_connection"
    await strict.close()
    await loose.close()


async def test_who_says_gone_is_told_no_more(api: Api, world: World, post: Post, subscriber: Subscriber) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    subscriber.status = 410
    await mine["client"].post(f"{mine['path']}/test")
    await post.work()
    [dead] = (await mine["client"].get("/events/deliveries")).json()["items"]
    assert (dead["status"], dead["cause"]) == ("dead", "http_410")
    assert (await mine["client"].get(mine["path"])).json()["status"] == "paused"


async def test_a_batch_is_handed_on_in_as_many_statements_as_one_event(
    api: Api, world: World, post: Post, subscriber: Subscriber, database: Database
) -> None:
    from tests.statements import sent_to

    await post.work()
    await subscribe(api, subscriber)
    await subscribe(api, subscriber)
    costs = []
    for size in (1, 200):
        rows = [{"kind": "decision.made", "at": NOW, "region_code": "35.10.16", "decision_id": n} for n in range(size)]
        async with database.write() as connection:
            await connection.execute(EVENTS.insert(), rows)
        with sent_to(database) as statements:
            async with database.write() as connection:
                added, more = await event_feed.fan_out(connection, NOW)
        assert (len(added), more) == (2, False)
        costs.append(len(statements))
    assert costs[0] == costs[1]


async def test_old_events_go_with_their_log_and_places_go_on(
    api: Api, world: World, post: Post, subscriber: Subscriber, database: Database
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    await mine["client"].post(f"{mine['path']}/test")
    await post.work()
    async with database.write() as connection:
        await connection.execute(update(EVENTS).values(at=NOW - timedelta(days=31)))
    assert await forget_events(database, NOW) == 7
    await (await api.call("reviewer")).post(f"/appeals/{world.appeal}/take-up")
    await post.work()
    async with database.read() as connection:
        places = (await connection.execute(select(EVENTS.c.seq).order_by(EVENTS.c.seq))).scalars().all()
    assert places == [8, 9]


async def test_a_subscriber_that_is_far_behind_takes_one_place_among_the_jobs(
    api: Api, world: World, post: Post, subscriber: Subscriber, database: Database
) -> None:
    await post.work()
    mine = await subscribe(api, subscriber)
    rows = [{"kind": "decision.made", "at": NOW, "region_code": "35.10.16", "decision_id": n} for n in range(100)]
    async with database.write() as connection:
        await connection.execute(EVENTS.insert(), rows)
        await event_feed.fan_out(connection, NOW)
        first, *others = [(await jobs.add(connection, [webhooks.send_job(mine["id"])], NOW))[0] for _ in range(3)]
    await post.worker.run([first, *others])
    async with database.read() as connection:
        told = (await connection.execute(select(func.count()).where(DELIVERIES.c.status == "delivered"))).scalar_one()
        due = await jobs.waiting(connection, NOW, NOW, 1000)
    assert (told, len(due)) == (32, 1)  # the others come back when this one may be over
    for _ in range(3):
        await post.work(60)
    assert len(subscriber.told) == 100
    async with database.read() as connection:
        left = await connection.execute(
            select(func.count()).where(JOBS.c.status == "queued", JOBS.c.kind == webhooks.SEND)
        )
    assert left.scalar_one() == 0


async def test_a_subscriber_at_which_all_fails_is_left_alone_for_a_while(
    api: Api, world: World, post: Post, subscriber: Subscriber, database: Database
) -> None:
    await post.work()
    await subscribe(api, subscriber)
    subscriber.status = 500
    rows = [{"kind": "decision.made", "at": NOW, "region_code": "35.10.16", "decision_id": n} for n in range(100)]
    async with database.write() as connection:
        await connection.execute(EVENTS.insert(), rows)
    await post.work()
    assert len(subscriber.told) == 32
    await post.work(29)
    assert len(subscriber.told) == 32
    await post.work(1)
    assert len(subscriber.told) == 64
