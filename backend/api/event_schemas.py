"""What the API takes and gives about events and who hears of them. No event says anything of a person but ids."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from backend.api.schemas import Given, Shown
from backend.repositories.event_feed import EventRow
from backend.repositories.webhooks import Delivery, Subscription
from backend.services.webhooks import event_id, payload

EventKind = Literal[
    "registration.created", "registration.submitted", "decision.made", "appeal.received", "appeal.step",
    "appeal.decided", "consent.withdrawn", "person.erased",
]  # fmt: skip
DeliveryStatus = Literal["waiting", "delivered", "dead", "cancelled"]
EventId = Annotated[str, StringConstraints(pattern=r"^evt_[0-9]{1,18}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=500)]
SECRET = "whsec_dGhpcyBpcyBhbiBleGFtcGxlLCBub3QgYSBzZWNyZXQh"  # noqa: S105 - an example, and says so when decoded


class EventShown(BaseModel):
    """An event, just as a webhook is told it. `data` holds ids and public numbers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "evt_12",
                    "type": "decision.made",
                    "timestamp": "2026-11-22T03:00:00Z",
                    "region_code": "35.10.16",
                    "data": {
                        "person_id": 3,
                        "registration_id": 7,
                        "registration_number": "PRL-7K2M-93",
                        "decision_id": 9,
                        "outcome": "not_eligible",
                    },
                }
            ]
        }
    )
    id: str = Field(description="the same however often the event comes")
    type: str
    timestamp: datetime
    region_code: str
    data: dict[str, Any]

    @classmethod
    def of(cls, row: EventRow) -> EventShown:
        return cls.model_validate(payload(row))


class EventFeed(BaseModel):
    """Events in their order, the oldest first. `next`: where to go on, also when there is nothing new yet."""

    items: list[EventShown]
    next: int = Field(examples=[12])


class NewSubscription(Given):
    """Where to tell, and of what: of everything when no kinds are named."""

    url: Url = Field(examples=["https://portal.example.go.id/hooks/perlinsos"])
    kinds: Annotated[list[EventKind], Field(max_length=20)] = Field(default=[], examples=[["decision.made"]])


class SubscriptionChange(Given):
    """What is to be different. What happens during a pause is told after it."""

    url: Url | None = Field(default=None, examples=["https://portal.example.go.id/hooks/two"])
    kinds: Annotated[list[EventKind], Field(max_length=20)] | None = Field(default=None, examples=[["decision.made"]])
    status: Literal["active", "paused"] | None = Field(default=None, examples=["paused"])


class SubscriptionShown(Shown):
    """A subscription. Empty `kinds`: of everything. Until `former_until` the secret before the last one signs too."""

    id: int
    url: str = Field(examples=["https://portal.example.go.id/hooks/perlinsos"])
    kinds: list[str] = Field(examples=[["decision.made"]])
    region_code: str = Field(examples=["35.10"])
    status: Literal["active", "paused"]
    former_until: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Subscription) -> SubscriptionShown:
        return cls(
            id=row.id,
            url=row.url,
            kinds=[kind for kind in row.kinds.split(",") if kind],
            region_code=row.region_code,
            status="active" if row.status == "active" else "paused",
            former_until=row.former_until,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class SubscriptionWithSecret(SubscriptionShown):
    """A subscription with the secret that signs: it is shown this once."""

    secret: str = Field(examples=[SECRET])


class Replay(Given):
    """Tell again: one event, or all since a moment. Events are kept for 30 days."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"since": "2026-11-21T00:00:00Z"}, {"event_id": "evt_12"}]}
    )
    event_id: EventId | None = None
    since: datetime | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        if (self.event_id is None) == (self.since is None):
            raise ValueError("Either an event_id or a moment since when.")
        return self


class Replayed(BaseModel):
    """How many events are told again."""

    events: int = Field(examples=[4])


class TestSent(BaseModel):
    """The test event, as the subscription will be told it."""

    event_id: str = Field(examples=["evt_13"])


class DeliveryShown(Shown):
    """One event on its way to one subscription. `cause`: of the last try that failed."""

    id: int
    subscription_id: int
    event_id: str = Field(examples=["evt_12"])
    kind: str = Field(examples=["decision.made"])
    status: DeliveryStatus
    attempts: int
    cause: str | None = Field(examples=["http_503"])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Delivery) -> DeliveryShown:
        return cls.model_validate(dict(_fields(row), event_id=event_id(row.event_id)))


class AttemptShown(Shown):
    """One try: what it was answered, or why it was not."""

    at: datetime
    http_status: int | None = Field(examples=[503])
    cause: str | None = Field(examples=["http_503"])
    milliseconds: int


class DeliveryRead(DeliveryShown):
    """A delivery with every try."""

    tries: list[AttemptShown]


def _fields(row: Delivery) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DeliveryShown.model_fields}
