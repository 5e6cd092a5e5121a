"""Buttons and lists on WhatsApp: generic Content resources, as code.

WhatsApp shows buttons only in a Content resource made beforehand (in a session none of these needs approval). There is
one resource for each number of options; everything people read in it, and the ids that come back, are variables.
Source: https://www.twilio.com/docs/content/twilio-quick-reply and …/twilio-list-picker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twilio.base.exceptions import TwilioException
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList

from bot.handlers.channel import Button

QUICK_REPLIES = 3
QUICK_REPLY_TITLE = 20
LIST_ITEMS = 10
LIST_TITLE = 24
CONTENT_BODY = 1024
VARIABLES_LENGTH = 1024
"""Characters of all variables together; more than a body of this length never fits."""

# A resource cannot be changed once made: another shape needs another version in its name.
_VERSION = "v1"
_LANGUAGE = "id"
_LIST_BUTTON = "Pilih"  # what opens the list; WhatsApp's own chrome, at most 20 characters


class SyncError(Exception):
    """Twilio did not let us read or make the Content resources. Holds the code and the status, nothing else."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A Content resource with its variables, ready to be sent."""

    sid: str
    variables: Mapping[str, str]


def definitions() -> dict[str, dict[str, Any]]:
    """Every resource that the bot uses: name to the `types` of the Content API, with `{{1}}` for the body."""
    replies = {f"perlinsos_quick_reply_{n}_{_VERSION}": _quick_reply(n) for n in range(1, QUICK_REPLIES + 1)}
    lists = {f"perlinsos_list_{n}_{_VERSION}": _list_picker(n) for n in range(1, LIST_ITEMS + 1)}
    return replies | lists


def fill(contents: Mapping[str, str], body: str, buttons: Sequence[Button]) -> Filled | None:
    """The resource that shows these buttons, or None where plain text with its numbers must do.

    `contents` maps names to SIDs (see `sync_contents`). Quick replies come first: their buttons are seen without a tap.
    """
    name = _resource_for(buttons)
    if name is None or name not in contents or len(body) > CONTENT_BODY:
        return None
    variables = {"1": body}
    for n, button in enumerate(buttons):
        variables |= {str(2 * n + 2): button.title, str(2 * n + 3): button.payload}
    if not all(value.strip() for value in variables.values()) or sum(map(len, variables.values())) > VARIABLES_LENGTH:
        return None
    return Filled(contents[name], variables)


async def sync_contents(client: Client) -> dict[str, str]:
    """Make the resources that are missing at Twilio; name to SID of all. Safe to repeat. Raises SyncError."""
    wanted = definitions()
    try:
        listed = await client.content.v1.contents.list_async(page_size=100)
        found = {content.friendly_name: content.sid for content in listed if content.friendly_name in wanted}
        for name in wanted.keys() - found.keys():
            made = await client.content.v1.contents.create_async(_create_request(name, wanted[name]))
            found[name] = made.sid
    except TwilioException as error:
        raise SyncError(f"code {getattr(error, 'code', None)}, status {getattr(error, 'status', None)}") from None
    return found


def _resource_for(buttons: Sequence[Button]) -> str | None:
    titles = [button.title for button in buttons]
    if not titles or len(set(titles)) != len(titles):  # WhatsApp refuses two options of the same name
        return None
    longest = max(map(len, titles))
    if len(titles) <= QUICK_REPLIES and longest <= QUICK_REPLY_TITLE:
        return f"perlinsos_quick_reply_{len(titles)}_{_VERSION}"
    if len(titles) <= LIST_ITEMS and longest <= LIST_TITLE:
        return f"perlinsos_list_{len(titles)}_{_VERSION}"
    return None


def _quick_reply(count: int) -> dict[str, Any]:
    actions = [{"type": "QUICK_REPLY", "title": title, "id": payload} for title, payload in _slots(count)]
    return {"twilio/quick-reply": {"body": "{{1}}", "actions": actions}}


def _list_picker(count: int) -> dict[str, Any]:
    items = [{"item": title, "id": payload} for title, payload in _slots(count)]
    return {"twilio/list-picker": {"body": "{{1}}", "button": _LIST_BUTTON, "items": items}}


def _slots(count: int) -> list[tuple[str, str]]:
    return [(f"{{{{{2 * n + 2}}}}}", f"{{{{{2 * n + 3}}}}}") for n in range(count)]


def _create_request(name: str, types: Mapping[str, Any]) -> Any:
    """Each variable needs a sample; samples are what Twilio shows in its console and sends for a missing one."""
    count = len(next(iter(types.values())).get("actions") or next(iter(types.values()))["items"])
    samples = {"1": "Pertanyaan"}
    for n in range(count):
        samples |= {str(2 * n + 2): f"Pilihan {n + 1}", str(2 * n + 3): f"0:{n + 1}"}
    return ContentList.ContentCreateRequest(
        {"friendly_name": name, "language": _LANGUAGE, "variables": samples, "types": dict(types)}
    )
