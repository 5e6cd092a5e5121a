"""`/api/v1/conversations`: what was said, and an officer's answer."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.auth import Authorised, Caller, Parts, Services
from backend.api.idempotency import Once
from backend.api.paging import Asked, Listed, Wanted, listed
from backend.api.problems import Problem, missing
from backend.api.schemas import ConversationSummary, MessageAccepted, Messages, MessageShown, OfficerMessage
from backend.api.types import Id
from backend.repositories import audit, chats, listing
from backend.services import officers

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])


@router.get("", summary="Conversations, the newest first")
async def list_conversations(parts: Parts, wanted: Wanted, asked: Asked) -> Listed[ConversationSummary]:
    """A chat of nobody proven lies in no region: only a key for all regions lists it."""
    async with parts.database.read() as connection:
        rows = await listing.conversations(connection, wanted, asked)
    return listed(rows, asked, ConversationSummary.of)


@router.get("/{conversation_id}/messages", summary="The last lines of a chat")
async def list_messages(conversation_id: Id, parts: Parts, caller: Authorised) -> Messages:
    await _chat(parts, caller, conversation_id)
    async with parts.database.write() as connection:
        said = await officers.read_chat(connection, conversation_id)
        act = audit.Act(parts.now(), caller.actor, "conversation.read", f"conversation:{conversation_id}")
        await audit.note(connection, [act])
    return Messages(items=[MessageShown.model_validate(line) for line in said])


@router.post("/{conversation_id}/messages", status_code=202, summary="An officer's words for the citizen")
async def send_message(
    given: OfficerMessage, conversation_id: Id, parts: Parts, caller: Authorised, once: Once = ""
) -> MessageAccepted:
    chat = await _chat(parts, caller, conversation_id)
    if not chat.reachable:
        raise Problem(409, "not_reachable", "The citizen has stopped messages on this channel.")
    async with parts.database.write() as connection:
        ringing = await officers.say(
            connection, parts.database, chat.id, chat.person_id, given.text, caller.actor, parts.now(), once=once
        )
    await parts.bus.ring("turns", ringing)
    return MessageAccepted(sent=bool(ringing))


async def _chat(parts: Services, caller: Caller, conversation_id: int) -> chats.Chat:
    async with parts.database.read() as connection:
        found = await chats.chat(connection, conversation_id)
    if found is None:
        raise missing("conversation")
    caller.needs(found.region_code, "conversation")
    return found
