"""`/api/v1/exports`: everything that a list shows, in one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.paging import Wanted
from backend.api.problems import Problem
from backend.api.schemas import AppealOutcome, AppealStatus, Outcome, RegistrationStatus
from backend.repositories.listing import Filters
from backend.services import exports
from backend.services.exports import Format

router = APIRouter(prefix="/api/v1/exports", tags=["exports"])
MEDIA_TYPES: Mapping[Format, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
As = Annotated[Format, Query(alias="format")]
Personal = Annotated[
    bool, Query(description="with name, NIK and KK; only for a key with that right, and the audit log notes it")
]
FILE = {
    200: {
        "description": "The file; it comes in pieces, and one that breaks off is not complete",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "id,number,status\r\n7,PRL-7K2M-93,decided\r\n",
            },
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get(
    "/registrations",
    summary="All registrations, the newest first",
    response_class=StreamingResponse,
    responses=FILE,  # type: ignore[arg-type]
)
async def export_registrations(
    parts: Parts,
    caller: Authorised,
    wanted: Wanted,
    form: As = "csv",
    personal: Personal = False,
    status: RegistrationStatus | None = None,
    outcome: Outcome | None = None,
) -> StreamingResponse:
    exactly = replace(wanted, status=status or "", outcome=outcome or "")
    return await _file(parts, caller, "registrations", form, exactly, personal)


@router.get(
    "/decisions",
    summary="All decisions, the newest first",
    response_class=StreamingResponse,
    responses=FILE,  # type: ignore[arg-type]
)
async def export_decisions(
    parts: Parts,
    caller: Authorised,
    wanted: Wanted,
    form: As = "csv",
    personal: Personal = False,
    outcome: Outcome | None = None,
    state: Literal["current", "replaced"] | None = None,
) -> StreamingResponse:
    exactly = replace(wanted, status=state or "", outcome=outcome or "")
    return await _file(parts, caller, "decisions", form, exactly, personal)


@router.get(
    "/appeals",
    summary="All appeals, the newest first",
    response_class=StreamingResponse,
    responses=FILE,  # type: ignore[arg-type]
)
async def export_appeals(
    parts: Parts,
    caller: Authorised,
    wanted: Wanted,
    form: As = "csv",
    personal: Personal = False,
    status: AppealStatus | None = None,
    outcome: AppealOutcome | None = None,
) -> StreamingResponse:
    exactly = replace(wanted, status=status or "", outcome=outcome or "")
    return await _file(parts, caller, "appeals", form, exactly, personal)


async def _file(
    parts: Services, caller: Caller, kind: exports.Kind, form: Format, filters: Filters, personal: bool
) -> StreamingResponse:
    if personal and not caller.personal:
        raise Problem(403, "forbidden", "This key has no right to personal columns.")
    async with parts.database.write() as connection:
        await exports.note(connection, kind, form, filters, caller.actor, parts.now(), personal=personal)
    content: AsyncIterator[bytes] = exports.FORMATS[form](parts.database, kind, filters, personal=personal)
    headers = {"Content-Disposition": f'attachment; filename="{kind}.{form}"', "Cache-Control": "no-store"}
    return StreamingResponse(content, media_type=MEDIA_TYPES[form], headers=headers)
