"""Broadcasts as the API shows and takes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from backend.api.schemas import Given, Shown
from backend.domain.broadcasts import Act, Status, Template
from backend.repositories.broadcasts import BroadcastRow

_CODE = Annotated[str, StringConstraints(pattern=r"^(\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?)?$")]


class NewBroadcast(Given):
    """A text for many. Its list of people is written down by the step `freeze`, not before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Aktivasi IKD di Banyuwangi",
                    "template": "ikd_day",
                    "params": {
                        "place": "Balai Desa Melayu",
                        "day": "Senin, 30 November 2026",
                        "hours": "08.00-12.00 WIB",
                    },
                    "region": "35.10",
                }
            ]
        },
    )

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    template: Template
    params: dict[str, str] = Field(default_factory=dict, description="what the template takes, the same for everybody")
    region: _CODE = Field(default="", description="only people registered there", examples=["35.10"])
    outcome: Annotated[str, StringConstraints(pattern="^(eligible|not_eligible|waiting)?$")] = Field(
        default="", description="only those with this result"
    )
    channel: Annotated[str, StringConstraints(pattern="^(telegram|whatsapp|simulator)?$")] = Field(
        default="", description="only chats of this channel"
    )
    not_before: AwareDatetime | None = Field(default=None, description="the moment from which it may go out")


class BroadcastStep(Given):
    """What is to be done with a broadcast."""

    act: Act = Field(examples=["freeze"])


class BroadcastRead(Shown):
    """A broadcast, how it reads, and how many of its list are in which state."""

    id: int
    name: str
    template: Template
    text: str = Field(description="as a recipient reads it; the number of the registration is an example")
    region: str
    outcome: str
    channel: str
    status: Status
    total: int = Field(description="people on the frozen list")
    without_chat: int = Field(description="people who are meant and have no chat that could be written to")
    states: dict[str, int] = Field(
        description="waiting, queued, sending, sent, delivered, read, failed, unknown, cancelled, passed",
        examples=[{"read": 3}],
    )
    created_by: str
    approved_by: str | None
    not_before: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: BroadcastRow, text: str, states: Mapping[str, int]) -> BroadcastRead:
        return cls(
            id=row.id,
            name=row.name,
            template=Template(row.template),
            text=text,
            region=row.region_code,
            outcome=row.outcome,
            channel=row.channel,
            status=Status(row.status),
            total=row.total,
            without_chat=row.without_chat,
            states=dict(states),
            created_by=row.created_by,
            approved_by=row.approved_by,
            not_before=row.not_before,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class RecipientRead(Shown):
    """One of the list. `reason`: why they did not get it, as a code."""

    id: int
    person_id: int
    number: str
    state: str
    reason: str
    channel: str
    at: datetime | None
