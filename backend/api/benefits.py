"""What stands beside a decision: the place in the quota, the payments, and what the family's components come to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.api.schemas import EntitlementShown, PaymentShown, QuotaShown
from backend.domain.household import counted, yearly_amount
from backend.policy.components import shipped, terms_on
from backend.repositories import benefits
from backend.services.clock import local_day


async def beside(connection: AsyncConnection, person_id: int) -> dict[str, Any]:
    """`quota` and `payments` of a person, as registrations and decisions show them."""
    rows = (await benefits.of_people(connection, [person_id])).get(person_id, [])
    places = [QuotaShown.model_validate(row) for row in rows if row.kind == "quota"]
    payments = [PaymentShown.model_validate(row) for row in rows if row.kind == "payments"]
    return {"quota": places[0] if places else None, "payments": payments}


def entitlement(inputs: Mapping[str, Any], decided_at: datetime) -> EntitlementShown | None:
    """By the components that a decision stored. None when it has none, or was made before the first table."""
    terms = terms_on(local_day(decided_at), shipped())
    components = (inputs.get("data", {}).get("components") or {}).get("value") or ()
    if terms is None or not components:
        return None
    return EntitlementShown(
        table=f"{terms.id} {terms.version}",
        components=list(counted(components, terms)),
        yearly_amount=yearly_amount(components, terms),
    )
