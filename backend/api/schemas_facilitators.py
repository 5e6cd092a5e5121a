"""What the API takes and gives about facilitators. Their NIK goes in and never comes out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from backend.api.paging import REGION
from backend.api.schemas import Digits16, Given, Shown
from backend.domain.facilitators import FacilitatorRole, on_duty
from backend.repositories.facilitators import FacilitatorRow

State = Literal["waiting", "bound", "over"]


class NewFacilitator(Given):
    """Somebody who accompanies citizens in these regions until the given day."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "nik": "3510164503870001",
                    "name": "Siti Aminah",
                    "role": "pkh",
                    "regions": ["35.10.16"],
                    "until": "2027-05-31",
                }
            ]
        },
    )
    nik: Digits16
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    role: FacilitatorRole
    regions: Annotated[list[Annotated[str, StringConstraints(pattern=REGION)]], Field(min_length=1, max_length=50)]
    until: Annotated[date, Field(ge=date(2020, 1, 1), le=date(2100, 1, 1), description="the first day without duty")]


class FacilitatorRead(Shown):
    """A facilitator. `state`: waiting for the code to be used, bound to a chat, or over."""

    id: int
    name: str
    role: FacilitatorRole
    regions: list[str]
    state: State
    expires_at: datetime
    bound_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: FacilitatorRow, now: datetime) -> FacilitatorRead:
        over = not on_duty(row.expires_at, row.ended_at, now)
        return cls(
            id=row.id,
            name=row.name,
            role=FacilitatorRole(row.role),
            regions=list(row.regions),
            state="over" if over else "bound" if row.conversation_id is not None else "waiting",
            expires_at=row.expires_at,
            bound_at=row.bound_at,
            created_at=row.created_at,
        )


class DutyCode(Shown):
    """A code to hand over, in this answer only."""

    facilitator: FacilitatorRead
    code: str = Field(examples=["7K2M-93AC"])
    code_until: datetime
