"""`/api/v1/audit-events`: who did what to which case."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.auth import Authorised, Parts
from backend.api.paging import Cursor, Limit, Listed
from backend.api.schemas import AuditEventShown
from backend.repositories import audit

router = APIRouter(prefix="/api/v1/audit-events", tags=["audit"])


@router.get("", summary="The newest acts first")
async def list_audit_events(
    parts: Parts,
    caller: Authorised,
    subject: Annotated[str, Query(pattern=r"^([a-z_]{1,30}:[0-9.]{1,20})?$", examples=["appeal:12"])] = "",
    actor: Annotated[str, Query(pattern=r"^[\x20-\x7e]{0,80}$", examples=["reviewer"])] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listed[AuditEventShown]:
    async with parts.database.read() as connection:
        rows = await audit.read(connection, subject=subject, actor=actor, before=cursor, most=limit + 1)
    items = [
        AuditEventShown(id=key, at=act.at, actor=act.actor, action=act.action, subject=act.subject, data=act.data)
        for key, act in rows[:limit]
    ]
    return Listed(items=items, next=rows[limit - 1][0] if len(rows) > limit else None)
